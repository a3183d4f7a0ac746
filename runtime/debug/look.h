/* SPDX-License-Identifier: MIT */
/* look.h - what one goroutine does now, seen from outside while it goes on.
 *
 * Threads     any.
 */
#ifndef GOR_DEBUG_LOOK_H
#define GOR_DEBUG_LOOK_H

#include <stdbool.h>

#include "runtime/gor.h"

struct gor__g;

/* How `g` is at some moment of the call; false when it has ended. A goroutine that does not hold
 * still for long enough is shown without frames; so is one that runs on a thread. `with_frames`: whether
 * they are wanted at all, for they cost more than all the rest. */
bool gor__look(const struct gor__g *g, bool with_frames, struct gor_info *out_info);

/* To be asked at every step of a walk over all goroutines, which passes no door and takes seconds if
 * there are millions: the runtime stops, and waits for the calling goroutine among others. Never so on
 * other threads, which may want to know what keeps it from stopping. */
bool gor__look_is_over(void);

#endif
