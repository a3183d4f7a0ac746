/* SPDX-License-Identifier: MIT */
/* runs.h - runs of the log taken apart for whoever removes jobs, the last few kept.
 *
 * A run is needed as long as any job that it has events of is there. Jobs go about in the order in
 * which they came, so a run remembers which of them it saw last, from its end.
 * Invariants  a job that is gone does not come back; after a rollback, which may bring one back,
 *             everything is forgotten (gord_runs_forget).
 * Threads     the writer's.
 */
#ifndef GORD_STORE_RUNS_H
#define GORD_STORE_RUNS_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

enum { GORD_RUNS_KEPT = 16 };

/* What matters of an event. */
struct gord_run_item {
    uint64_t job_id;
    uint64_t prev_seq;
    int64_t at_ns;
    uint8_t state; /* after it */
};

struct gord_log_run {
    uint64_t first_seq; /* 0: this place is free */
    uint64_t used;      /* when, as a count of uses */
    size_t count;
    size_t room;
    size_t held;                 /* jobs of items from here on are gone */
    struct gord_run_item *items; /* owned */
};

struct gord_runs {
    struct gord_log_run kept[GORD_RUNS_KEPT];
    uint64_t uses;
};

/* The run in the row that `stmt` stands on (first_seq, events) in *out. SQLITE_CORRUPT: these bytes
 * are no run; SQLITE_NOMEM. Good until the next call. */
int gord_runs_load(struct gord_runs *runs, sqlite3_stmt *stmt, struct gord_log_run **out);

/* The run with `seq`, if it is among the kept ones; else NULL. */
struct gord_log_run *gord_runs_find(struct gord_runs *runs, uint64_t seq);

void gord_runs_forget(struct gord_runs *runs);
void gord_runs_fini(struct gord_runs *runs);

#endif
