/* SPDX-License-Identifier: MIT */
/* batch_file.c - the lines of a file as the jobs of one request: see batch.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/batch.h"
#include "client/exits.h"
#include "client/gorctl.h"

static int read_lines(FILE *in, const char *name, Gor__V1__SubmitManyRequest *request)
{
    char *line = NULL;
    size_t room = 0;
    unsigned long long number = 0;
    int code = GORCTL_EXIT_OK;
    ssize_t length;
    while (code == GORCTL_EXIT_OK && (length = getline(&line, &room, in)) >= 0) {
        number++;
        if (gorctl_batch_is_blank(line, (size_t)length)) {
            continue;
        }
        char why[GORCTL_BATCH_WHY];
        Gor__V1__JobSpec *spec;
        if (gorctl_batch_line(line, (size_t)length, why, &spec) != 0) {
            gorctl_say("%s, line %llu: %s; no job was submitted", name, number, why);
            code = GORCTL_EXIT_USAGE;
            break;
        }
        request->specs = gorctl_grow(request->specs, request->n_specs + 1, sizeof(*request->specs));
        request->specs[request->n_specs++] = spec;
    }
    if (code == GORCTL_EXIT_OK && ferror(in)) {
        gorctl_say("cannot read %s: %s", name, strerror(errno));
        code = GORCTL_EXIT_NOT_FOUND;
    }
    free(line);
    return code;
}

int gorctl_batch_read(FILE *in, const char *name, Gor__V1__SubmitManyRequest **out_request)
{
    Gor__V1__SubmitManyRequest *request = gorctl_alloc(sizeof(*request));
    gor__v1__submit_many_request__init(request);
    int code = read_lines(in, name, request);
    if (code == GORCTL_EXIT_OK && request->n_specs == 0) {
        gorctl_say("%s holds no job", name);
        code = GORCTL_EXIT_USAGE;
    }
    if (code != GORCTL_EXIT_OK) {
        gor__v1__submit_many_request__free_unpacked(request, NULL);
        return code;
    }
    *out_request = request;
    return GORCTL_EXIT_OK;
}
