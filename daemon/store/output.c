/* SPDX-License-Identifier: MIT */
/* output.c - see output.h. */
#include "daemon/store/output.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[GORD_OUTPUT_PARTS] = {
    [GORD_OUTPUT_HEAD] = ".log",
    [GORD_OUTPUT_TAIL] = ".tail",
    [GORD_OUTPUT_TAIL_OLD] = ".tail.old",
};

int gord_output_path(const char *root, uint64_t id, enum gord_output_part part, char *out,
                     size_t out_bytes)
{
    int length = snprintf(out, out_bytes, "%s/%" PRIu64 "/%" PRIu64 "%s", root,
                          id / GORD_OUTPUT_FOLDER_JOBS, id, suffixes[part]);
    return length > 0 && (size_t)length < out_bytes ? 0 : -ENAMETOOLONG;
}

int gord_output_parse(const char *name, uint64_t *out_id, enum gord_output_part *out_part)
{
    char *end;
    errno = 0;
    unsigned long long id = strtoull(name, &end, 10);
    if (name[0] < '1' || name[0] > '9' || errno != 0) {
        return -EINVAL;
    }
    for (int part = 0; part < GORD_OUTPUT_PARTS; part++) {
        if (strcmp(end, suffixes[part]) == 0) {
            *out_id = id;
            *out_part = (enum gord_output_part)part;
            return 0;
        }
    }
    return -EINVAL;
}

int gord_output_remove(const char *root, uint64_t id)
{
    char path[PATH_MAX];
    /* From the tail: what is left when it is interrupted is an output with less of it. */
    for (int part = GORD_OUTPUT_PARTS - 1; part >= 0; part--) {
        int err = gord_output_path(root, id, (enum gord_output_part)part, path, sizeof path);
        if (err != 0) {
            return err;
        }
        if (unlink(path) != 0 && errno != ENOENT) {
            return -errno;
        }
    }
    return 0;
}

uint64_t gord_output_bytes(const char *root, uint64_t id)
{
    char path[PATH_MAX];
    struct stat found;
    uint64_t bytes = 0;
    for (int part = 0; part < GORD_OUTPUT_PARTS; part++) {
        if (gord_output_path(root, id, (enum gord_output_part)part, path, sizeof path) == 0 &&
            stat(path, &found) == 0) {
            bytes += (uint64_t)found.st_blocks * 512;
        }
    }
    return bytes;
}
