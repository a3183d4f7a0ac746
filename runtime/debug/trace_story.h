/* SPDX-License-Identifier: MIT */
/* trace_story.h - what the records of a trace mean, told to Perfetto.
 *
 * On the track of a P lie the goroutines that run there, one after the other, with the reason why each
 * was left; and, as moments, whom it makes and wakes, with an arrow to where that one runs. A trace may
 * begin in the middle, and miss some: there it says so, and what went on is ended as unknown.
 *
 * Threads     one at a time, outside the door: it calls malloc.
 * Ownership   the struct is the caller's, from gor__story_open to gor__story_close; it is large.
 */
#ifndef GOR_DEBUG_TRACE_STORY_H
#define GOR_DEBUG_TRACE_STORY_H

#include "runtime/debug/trace_cast.h"
#include "runtime/debug/trace_feed.h"
#include "runtime/debug/trace_stage.h"

struct gor__story {
    struct gor__stage stage;
    struct gor__cast cast;
    uint64_t running[GOR__PROCS_MAX];    /* who runs on each P, with an open slice; 0: nobody */
    uint64_t holders[GOR__PROCS_MAX];    /* the number of each P's thread, and 1; 0: unknown */
    uint64_t flows;                      /* arrows there have been */
    uint64_t lost[GOR__FEED_COMMON + 1]; /* records missing just now, with an open slice; 0: none */
    uint32_t open_gaps;
    uint64_t gaps;     /* that have ended */
    bool world_stops;  /* an open slice */
    bool world_stands; /* likewise, within that one */
};

void gor__story_open(struct gor__story *story, struct gor__perfetto *to);
void gor__story_close(struct gor__story *story);

/* Whoever lives now: their names, and where they come from. At most so many as are worth it. */
void gor__story_meet(struct gor__story *story);

/* The next event, at `ns`. */
void gor__story_tell(struct gor__story *story, const struct gor__feed_item *item, int64_t ns);

/* Whether what must come before this item has been told: a goroutine is not woken while it runs, and runs
 * only where it was made ready, and nowhere else. `arg` is the story; for gor__feed_next. */
bool gor__story_due(void *arg, const struct gor__feed_item *item);

/* Tell nothing for now, but take note; then tell, beginning with how things stand. */
void gor__story_hush(struct gor__story *story);
void gor__story_speak(struct gor__story *story, int64_t ns);

/* End whatever goes on. */
void gor__story_end(struct gor__story *story, int64_t ns);

#endif
