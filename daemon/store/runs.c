/* SPDX-License-Identifier: MIT */
/* runs.c - see runs.h. */
#include "daemon/store/runs.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"
#include "daemon/store/pack.h"

struct gord_log_run *gord_runs_find(struct gord_runs *runs, uint64_t seq)
{
    for (size_t i = 0; i < GORD_RUNS_KEPT; i++) {
        struct gord_log_run *run = &runs->kept[i];
        if (run->first_seq != 0 && seq >= run->first_seq && seq - run->first_seq < run->count) {
            run->used = ++runs->uses;
            return run;
        }
    }
    return NULL;
}

static struct gord_log_run *least_used(struct gord_runs *runs)
{
    struct gord_log_run *least = &runs->kept[0];
    for (size_t i = 1; i < GORD_RUNS_KEPT; i++) {
        least = runs->kept[i].used < least->used ? &runs->kept[i] : least;
    }
    return least;
}

static int add_item(struct gord_log_run *run, const struct gord_packed *packed)
{
    if (gord_grow(&run->items, run->count, &run->room, sizeof *run->items) != 0) {
        return SQLITE_NOMEM;
    }
    run->items[run->count++] =
        (struct gord_run_item){packed->job_id, packed->prev_seq, packed->at_ns, packed->state};
    return SQLITE_OK;
}

int gord_runs_load(struct gord_runs *runs, sqlite3_stmt *stmt, struct gord_log_run **out)
{
    uint64_t first_seq = (uint64_t)sqlite3_column_int64(stmt, 0);
    struct gord_log_run *run = gord_runs_find(runs, first_seq);
    if (run != NULL) {
        *out = run;
        return SQLITE_OK;
    }
    run = least_used(runs);
    run->first_seq = 0;
    run->count = 0;
    struct gord_pack_state state = {0, 0};
    const uint8_t *at = sqlite3_column_blob(stmt, 1);
    const uint8_t *end = at + sqlite3_column_bytes(stmt, 1);
    while (at < end) {
        struct gord_packed packed;
        if (gord_unpack_event(&state, first_seq + run->count, &at, end, &packed) != 0) {
            return SQLITE_CORRUPT;
        }
        int rc = add_item(run, &packed);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    run->first_seq = first_seq;
    run->held = run->count;
    run->used = ++runs->uses;
    *out = run;
    return SQLITE_OK;
}

void gord_runs_forget(struct gord_runs *runs)
{
    for (size_t i = 0; i < GORD_RUNS_KEPT; i++) {
        runs->kept[i].first_seq = 0;
        runs->kept[i].used = 0;
    }
}

void gord_runs_fini(struct gord_runs *runs)
{
    for (size_t i = 0; i < GORD_RUNS_KEPT; i++) {
        free(runs->kept[i].items);
    }
    memset(runs, 0, sizeof *runs);
}
