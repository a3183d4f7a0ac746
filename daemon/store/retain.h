/* SPDX-License-Identifier: MIT */
/* retain.h - removes what is no longer to be kept: jobs that have ended, their output, their events,
 * environments that nobody has any more. Within the writer's transactions, a bounded step in each.
 *
 * The log is the list of jobs in the order in which they ended, so nothing need be searched: walkers
 * go along it, one for each kind of limit, and remove what is due. A run of events goes with the last
 * job that has an event in it.
 * Invariants  a job goes whole: row, end, environment, output, events. What lives is never touched;
 *             every event from `kept_from` on is there.
 * Threads     the writer's.
 */
#ifndef GORD_STORE_RETAIN_H
#define GORD_STORE_RETAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/store/keep.h"
#include "daemon/store/runs.h"
#include "daemon/store/usage.h"

struct gord_removal;
struct gord_tally;
struct gord_writer;

/* Who goes along the log: for the age of jobs that succeeded (or of all), of those that did not, and
 * for the count and size of all. */
enum gord_walker { GORD_WALK_AGE, GORD_WALK_FAILED_AGE, GORD_WALK_COUNT, GORD_WALKERS };

struct gord_retain_marks {
    uint64_t cursors[GORD_WALKERS]; /* seq of the next event to look at */
    uint64_t kept_from;
    uint64_t spared; /* rows in `spared`: ended, and waited for */
    bool leftovers;  /* there are rows in `leftovers` */
};

struct gord_retain {
    struct gord_keep keep;
    bool broken; /* the log cannot be read; nothing is removed any more */
    struct gord_retain_marks marks;
    struct gord_retain_marks stored; /* as of the last commit */
    struct gord_runs runs;
    struct gord_usage usage;
    bool more;      /* the last step left something to do */
    int64_t due_ns; /* wall clock: when the next job is old enough; INT64_MAX: unknown */
};

/* Begin to keep no more than that; outputs lie in `root`. 0 or -errno. */
int gord_retain_open(struct gord_writer *writer, const struct gord_keep *keep, const char *root);
void gord_retain_close(struct gord_writer *writer);

/* Remove up to `jobs` jobs that are due, within the open transaction. SQLite's code. */
int gord_retain_step(struct gord_writer *writer, struct gord_tally *tally, unsigned jobs);

/* The transaction was committed, or rolled back. */
void gord_retain_committed(struct gord_writer *writer);
void gord_retain_rolled_back(struct gord_writer *writer);

/* How long until a step is worthwhile though nothing happens; INT64_MAX: no step is. */
int64_t gord_retain_wait_ns(const struct gord_writer *writer, int64_t now_ns);

/* Remove a job that has ended, whose last event is `last_seq`, with all that is its own. SQLite's
 * code. */
int gord_retain_remove(struct gord_writer *writer, struct gord_tally *tally, uint64_t job_id,
                       uint64_t last_seq);

/* Remove the jobs that somebody wants removed, those that can be, within the open transaction. SQLite's
 * code. */
int gord_retain_remove_asked(struct gord_writer *writer, struct gord_tally *tally,
                             struct gord_removal *removal);

#endif
