/* SPDX-License-Identifier: MIT */
/* plan.h - what an entry of the calendar has to do now: which of its fires are due, and which were
 * missed.
 *
 * A fire is due once its time and its jitter have passed. It is missed when more than
 * GORD_CRON_LATE_S have passed since: then nobody was there to make it.
 * Threads     any; pure.
 */
#ifndef GORD_CRON_PLAN_H
#define GORD_CRON_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/cron/next.h"

enum { GORD_CRON_LATE_S = 60, GORD_CRON_FIRES_MOST = 100 };

/* A clock that goes back by more than this has been put right; by less, it repeats itself, and what
 * was made is not made again. */
#define GORD_CRON_BACK_S ((int64_t)3 * 3600)

/* The year 2250, behind which nothing fires: nanoseconds since 1970 end in 2262. */
#define GORD_CRON_END_S 8835955200LL

enum gord_cron_missed { GORD_CRON_MISSED_ONCE, GORD_CRON_MISSED_SKIP, GORD_CRON_MISSED_ALL };

struct gord_cron_entry {
    struct gord_cron_rule rule;
    enum gord_cron_missed missed;
    int64_t jitter_ns; /* 0: none */
    uint64_t seed;     /* of the jitter */
    int64_t start_s;   /* not before; 0: at once */
    int64_t end_s;     /* not after; 0: for ever */
};

struct gord_cron_plan {
    int64_t fires_s[GORD_CRON_FIRES_MOST]; /* to be made now, in order */
    size_t count;
    uint64_t missed;   /* not to be made up for; of very many not all are counted */
    int64_t covered_s; /* all up to here are settled then */
};

/* The first fire after `after_s`. -ENOENT: none any more. */
int gord_cron_entry_next(const struct gord_cron_entry *entry, int64_t after_s, int64_t *out_at_s);

/* When that fire is due, its jitter included. */
int64_t gord_cron_due_ns(const struct gord_cron_entry *entry, int64_t at_s);

/* What to do, if all up to `covered_s` are settled and it is `now_ns`. */
void gord_cron_plan(const struct gord_cron_entry *entry, int64_t covered_s, int64_t now_ns,
                    struct gord_cron_plan *out_plan);

/* "daily": a 64-bit hash of a name, for seeds. */
uint64_t gord_cron_hash(const char *text);

#endif
