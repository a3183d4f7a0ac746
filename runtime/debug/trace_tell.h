/* SPDX-License-Identifier: MIT */
/* trace_tell.h - what the two halves of a trace's story share: goroutines on Ps (trace_story.c), and all
 * around them (trace_scene.c). */
#ifndef GOR_DEBUG_TRACE_TELL_H
#define GOR_DEBUG_TRACE_TELL_H

#include "runtime/debug/trace_story.h"

/* What an item means, at `ns`. */
typedef void gor__tell_fn(struct gor__story *story, const struct gor__feed_item *item, int64_t ns);

gor__tell_fn gor__tell_held, gor__tell_thread, gor__tell_world, gor__tell_log, gor__tell_region,
    gor__tell_counts, gor__tell_stolen, gor__tell_fired, gor__tell_polled, gor__tell_procs;

/* Who holds the P is not known any more. */
void gor__tell_hold_lost(struct gor__story *story, uint32_t proc, int64_t ns);

/* The stop of the world that is being told of, if there is one, ends. */
void gor__tell_end_world(struct gor__story *story, int64_t ns);

/* ---- their tools */

/* Where what the item tells of happens: the track of its P, or that for what happens without one. */
uint64_t gor__tell_track(struct gor__story *story, const struct gor__feed_item *item);

void gor__tell(struct gor__story *story, struct gor__perfetto_event *event,
               const struct gor__perfetto_arg *args, size_t arg_count);

/* A moment that needs no goroutine to tell. */
void gor__tell_moment(struct gor__story *story, const struct gor__feed_item *item, int64_t ns,
                      const char *name, const struct gor__perfetto_arg *args, size_t arg_count);

#endif
