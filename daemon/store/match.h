/* SPDX-License-Identifier: MIT */
/* match.h - does a row of `jobs` pass a filter? For the files of this room only.
 *
 * In two steps, the cheap one first: what the job's own row tells, then what belongs to how it
 * stands.
 */
#ifndef GORD_STORE_MATCH_H
#define GORD_STORE_MATCH_H

#include <stdbool.h>

#include "daemon/store/reading.h"

/* The states and outcomes of a filter, with its zeroes resolved. */
struct gord_match_want {
    uint32_t live;     /* bits of live states */
    uint32_t outcomes; /* bits of outcomes; 0: no terminated job */
    bool all_outcomes;
};

struct gord_match_want gord_match_want(const struct gord_filter *filter);

/* Time, name, user, parent, kind, queue and labels of the row that `stmt`, on GORD_READER_JOB_COLUMNS, is at, and
 * which `row` was begun with. 1, 0, or the reader's error. */
int gord_match_job(struct gord_reader *reader, const struct gord_filter *filter, sqlite3_stmt *stmt,
                   const struct gord_row *row);

/* State, outcome, end and exit code of a row that has them. */
bool gord_match_rest(const struct gord_filter *filter, const struct gord_match_want *want,
                     const struct gord_row *row);

/* The queue in a packed JobSpec: its length, with *out_queue in `packed`; 0: none. */
size_t gord_match_queue(const uint8_t *packed, size_t bytes, const char **out_queue);

#endif
