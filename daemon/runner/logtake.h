/* SPDX-License-Identifier: MIT */
/* logtake.h - output that another daemon kept, made the log of a job that is taken over.
 *
 * It is written to a file beside the logs and becomes the job's with its history, so that nothing is left
 * of a job that never came. It is one file, whatever parts it had there.
 * Threads     loop thread; writes go to the page cache.
 * Ownership   a take owns its file, from open until it is kept or dropped.
 */
#ifndef GORD_RUNNER_LOGTAKE_H
#define GORD_RUNNER_LOGTAKE_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/runner/logframe.h"

struct gord_logtake {
    int fd;          /* -1: none */
    uint64_t offset; /* of the next frame */
    char *path;      /* owned */
};

/* A take without a file. */
void gord_logtake_init(struct gord_logtake *take);

/* Append a frame; `number` tells the takes that are open at the same time apart. -EINVAL: it is no
 * frame; or -errno. */
int gord_logtake_append(struct gord_logtake *take, const char *root, uint64_t number,
                        const struct gord_frame *frame, const uint8_t *data);

/* Make it the log of job `id`, in place of what there may be; nothing is done without a file. 0 or
 * -errno. */
int gord_logtake_keep(struct gord_logtake *take, const char *root, uint64_t id);

/* Be rid of it. */
void gord_logtake_drop(struct gord_logtake *take);

#endif
