/* SPDX-License-Identifier: MIT */
/* keep.h - how much of the past is kept: what a job that has ended is removed for. */
#ifndef GORD_STORE_KEEP_H
#define GORD_STORE_KEEP_H

#include <stdbool.h>
#include <stdint.h>

/* Each limit by itself; 0: none. */
struct gord_keep {
    int64_t age_ns;        /* since it ended */
    int64_t failed_age_ns; /* the same for jobs that did not succeed; 0: as the others */
    uint64_t jobs;         /* that have ended */
    uint64_t bytes;        /* of the database and all output */
};

/* Whether there is any limit. */
static inline bool gord_keep_is_limited(const struct gord_keep *keep)
{
    return keep->age_ns != 0 || keep->failed_age_ns != 0 || keep->jobs != 0 || keep->bytes != 0;
}

#endif
