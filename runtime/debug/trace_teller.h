/* SPDX-License-Identifier: MIT */
/* trace_teller.h - a trace in the making: from the rings, by a feed, a clock and a story, to whoever
 * takes the bytes.
 *
 * Threads     one at a time, outside the door.
 * Ownership   the caller's, zeroed, from gor__teller_open to gor__teller_close; it is large.
 */
#ifndef GOR_DEBUG_TRACE_TELLER_H
#define GOR_DEBUG_TRACE_TELLER_H

#include "runtime/debug/trace_clock.h"
#include "runtime/debug/trace_feed.h"
#include "runtime/debug/trace_story.h"

struct gor__teller {
    struct gor__feed feed;
    struct gor__perfetto perfetto;
    struct gor__story story;
    struct gor__trace_clock clock;
};

/* The clock is still to be set, and the feed to be opened. */
void gor__teller_open(struct gor__teller *t, gor_trace_write *write, void *arg);

/* The last of it; 0, or what went wrong. `out_summary` may be NULL. */
int gor__teller_close(struct gor__teller *t, struct gor_trace_summary *out_summary);

/* Copy all there is now, and what that waits for; see trace_feed.h. */
void gor__teller_fill(struct gor__teller *t);

/* Tell all events before `before`, in ticks; silently until `speak_ns`. */
void gor__teller_tell(struct gor__teller *t, uint64_t before, int64_t speak_ns);

#endif
