/* SPDX-License-Identifier: MIT */
/* known.c - see known.h. */
#include "client/known.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"

/* A pair takes 24 bytes at most, as two ids below 2^64 do, and a message of an import 24 MiB. */
enum { PORTION = 1000000 };

void gorctl_known_add(struct gorctl_known *known, uint64_t old_id, uint64_t id)
{
    Gor__V1__ImportedJob *pair = gorctl_alloc(sizeof(*pair));
    if (known->count == known->room) {
        known->room = known->room > 0 ? 2 * known->room : 64;
        known->pairs = gorctl_grow(known->pairs, known->room, sizeof(*known->pairs));
    }
    gor__v1__imported_job__init(pair);
    pair->old_id = old_id;
    pair->id = id;
    known->pairs[known->count++] = pair;
}

/* "7 1007": a job and its id here. */
static int read_pair(const char *line, struct gorctl_known *known)
{
    char rest;
    uint64_t old_id = 0, id = 0;
    int found = sscanf(line, "%" SCNu64 " %" SCNu64 " %c", &old_id, &id, &rest);
    if (found != 2 || old_id == 0 || id == 0) {
        return -EINVAL;
    }
    gorctl_known_add(known, old_id, id);
    return 0;
}

int gorctl_known_read(struct gorctl_known *known, const char *path)
{
    char *line = NULL;
    size_t room = 0;
    unsigned long number = 0;
    int code = GORCTL_EXIT_OK;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        gorctl_say("cannot read %s: %s", path, strerror(errno));
        return GORCTL_EXIT_NOT_FOUND;
    }
    while (code == GORCTL_EXIT_OK && getline(&line, &room, file) >= 0) {
        number++;
        if (read_pair(line, known) != 0) {
            gorctl_say("%s, line %lu: not two ids, as an import prints them; nothing was taken",
                       path, number);
            code = GORCTL_EXIT_USAGE;
        }
    }
    if (code == GORCTL_EXIT_OK && ferror(file)) {
        gorctl_say("cannot read %s: %s", path, strerror(errno));
        code = GORCTL_EXIT_NOT_FOUND;
    }
    free(line);
    (void)fclose(file);
    return code;
}

size_t gorctl_known_portion(const struct gorctl_known *known, size_t *at,
                            Gor__V1__ImportedJob ***out_pairs)
{
    size_t left = known->count - *at;
    size_t count = left < PORTION ? left : PORTION;
    if (count > 0) {
        *out_pairs = known->pairs + *at;
    }
    *at += count;
    return count;
}

void gorctl_known_fini(struct gorctl_known *known)
{
    for (size_t i = 0; i < known->count; i++) {
        free(known->pairs[i]);
    }
    free(known->pairs);
    *known = (struct gorctl_known){0};
}
