/* SPDX-License-Identifier: MIT */
/* cascade.h - jobs below a job end with it: remembers whose children are to be cancelled, and does
 * it later, level by level, so that a deep tree needs no deep stack.
 *
 * Threads     loop thread.
 */
#ifndef GORD_RUNNER_CASCADE_H
#define GORD_RUNNER_CASCADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/job/job.h"

struct gord_cascade_step {
    uint64_t parent;
    bool force;     /* its children are to end by force */
    char what[200]; /* what happened to the parent */
};

struct gord_cascade {
    struct gord_cascade_step *steps; /* owned */
    size_t count;
    size_t room;
    bool off; /* let children live on */
};

void gord_cascade_fini(struct gord_cascade *cascade);

/* `what` ("ended"; copied, cut if long) has happened to job `parent`. Remembered if it has live
 * children; `force`: they are to end by force. */
void gord_cascade_add(struct gord_cascade *cascade, const struct gord_job_table *table,
                      uint64_t parent, const char *what, bool force);

/* Call cancel(arg, id, cause, force) for every live child of those remembered, and go on as long as that
 * adds more. */
void gord_cascade_run(struct gord_cascade *cascade, const struct gord_job_table *table,
                      void (*cancel)(void *arg, uint64_t id, const char *cause, bool force),
                      void *arg);

#endif
