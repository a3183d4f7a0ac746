/* SPDX-License-Identifier: MIT */
/* trace_feed.h - the records of all rings in the order of their time, while they are being written.
 *
 * A record comes once everything before it must have been seen: whoever asks names a time, some
 * milliseconds ago, and gets what is older.
 *
 * Clocks of processors may disagree, and a thread may be interrupted between its look at the clock and
 * its record. So a record also waits until what must have come before it has (see trace.h), whatever
 * its time: whoever asks says whether one is due, and until it is, its ring stands still and the others
 * go on. What it waits for was written before it, so it is copied at the latest by the filling after the
 * one that copied the record itself, and handed out with that or with the next; or it was overwritten,
 * and a GAP comes in its place. A record that still waits then is let go, whatever the reason.
 *
 * A GAP has the time of the last record before what was overwritten, GAP_ENDS that of the first after.
 *
 * Threads     one at a time, outside the door: it calls malloc. The rings go on.
 * Ownership   the struct is the caller's, ready when zeroed but for gor__feed_open; items point into it
 *             and last until the next call.
 */
#ifndef GOR_DEBUG_TRACE_FEED_H
#define GOR_DEBUG_TRACE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/sched/proc.h"
#include "runtime/sched/trace.h"

enum { GOR__FEED_COMMON = GOR__PROCS_MAX }; /* the ring of what happens without a P */

struct gor__feed_source {
    struct gor__trace_record *held; /* owned; copied from the ring and not handed out yet */
    size_t first;
    size_t count;
    size_t known; /* of those, copied before the last filling */
    size_t old;   /* and before the one before that */
    size_t room;
    uint64_t from;       /* of the ring: the next one to copy */
    uint64_t lost;       /* overwritten before it was copied; a GAP for them is still to be held */
    uint64_t last_ticks; /* of the last one copied; 0: none was */
};

struct gor__feed {
    struct gor__feed_source sources[GOR__PROCS_MAX + 1];
    uint64_t events; /* handed out */
    uint64_t lost;   /* in all */
    uint64_t forced; /* handed out although they were not due: what they waited for was lost */
    bool failed;     /* out of memory, once: some were lost that nobody counted */
};

struct gor__feed_item {
    uint32_t source; /* index of a P, or GOR__FEED_COMMON */
    enum gor__trace_event event;
    uint64_t ticks;
    uint64_t id;
    uint64_t a;
    uint64_t b;
    char text[GOR__TRACE_TEXT_MAX + 1]; /* of events that have one; ended by a zero */
};

/* Begin with what is written from now on, or with the oldest there is. While the world stands, or the
 * rings are quiet, the first means exactly that. */
void gor__feed_open(struct gor__feed *feed, bool oldest);
void gor__feed_close(struct gor__feed *feed);

/* Copy what has come since; how many records that was for the ring that had most. */
size_t gor__feed_fill(struct gor__feed *feed);

/* Whether what must come before this one has; its text is not there yet. */
typedef bool gor__feed_due(void *arg, const struct gor__feed_item *item);

/* The next one older than `before` ticks; false: there is none that is due. */
bool gor__feed_next(struct gor__feed *feed, uint64_t before, gor__feed_due *due, void *arg,
                    struct gor__feed_item *out_item);

#endif
