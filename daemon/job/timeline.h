/* SPDX-License-Identifier: MIT */
/* timeline.h - when a job was queued, told from the number of its event.
 *
 * Numbers and times grow together, so a few pairs of them, with straight lines between, are enough:
 * a job needs no time of its own. Within one second, or coarser when there is a long past, times
 * are guessed; the order never is, for the lines only rise.
 * Threads     loop thread.
 */
#ifndef GORD_JOB_TIMELINE_H
#define GORD_JOB_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GORD_TIMELINE_MARKS = 1024 };

struct gord_mark {
    uint64_t seq;
    int64_t at_ns;
    bool coarse; /* there were others between it and the next one */
};

struct gord_timeline {
    struct gord_mark marks[GORD_TIMELINE_MARKS]; /* rising in both */
    size_t count;
    struct gord_mark latest;
};

/* Event `seq` happened then. What is not later than the former in both is left out. */
void gord_timeline_add(struct gord_timeline *timeline, uint64_t seq, int64_t at_ns);

/* When event `seq` happened, about. */
int64_t gord_timeline_at(const struct gord_timeline *timeline, uint64_t seq);

/* The same, coarser, for who compares what was asked for at different times: later events do not change
 * it, so of two numbers the greater one always comes later, until the past gets coarser. */
int64_t gord_timeline_place(const struct gord_timeline *timeline, uint64_t seq);

#endif
