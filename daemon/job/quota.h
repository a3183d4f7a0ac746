/* SPDX-License-Identifier: MIT */
/* quota.h - how many jobs each owner has, and may have: that wait, and that run.
 *
 * An owner is a resource of which each of his jobs wants one while it runs, so his limit is kept as all
 * others are, see lane.h. What waits is counted there too; whoever submits asks first.
 * Invariants  the counts are those of the jobs in the table, so they are right after a restart, whatever
 *             the limits were before. A lower limit ends nothing.
 * Threads     loop thread.
 */
#ifndef GORD_JOB_QUOTA_H
#define GORD_JOB_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/owner_limits.h"
#include "daemon/job/job.h"

/* How one stands. */
struct gord_quota {
    struct gord_owner_limit
        limit;       /* with his uid; the name is "" if none of the limits is his own */
    uint64_t queued; /* jobs that wait for whatever, without the arrays they are tasks of */
    uint64_t running;
};

/* From now on, for those that are there too. Copies. -ENOMEM, nothing done. */
int gord_quota_set(struct gord_job_table *table, const struct gord_owner_limits *limits);

/* Also of one who has no jobs. */
void gord_quota_of(const struct gord_job_table *table, uint32_t uid, struct gord_quota *out_quota);

/* May he have `count` more that wait? False: with *out_quota. */
bool gord_quota_fits(const struct gord_job_table *table, uint32_t uid, uint64_t count,
                     struct gord_quota *out_quota);

/* Is it one of those that wait, for what `queued` counts? */
bool gord_quota_counts(const struct gord_job *job);

/* Whoever has jobs, or limits of his own; by uid. visit answers 0 to go on, else that is the answer.
 * -ENOMEM. */
int gord_quota_each(const struct gord_job_table *table,
                    int (*visit)(void *arg, const struct gord_quota *quota), void *arg);

#endif
