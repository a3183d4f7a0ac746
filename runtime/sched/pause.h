/* SPDX-License-Identifier: MIT */
/* pause.h - goroutines that do not go on for now: those of a quota that is paused.
 *
 * Nobody is stopped where it computes. But a goroutine of such a quota that a scheduler has chosen to run
 * is set aside instead, on a list of the quota, as one that waits; resumed, it is made runnable again. So
 * that every choice comes by here, no switch goes straight to the next goroutine while anything is
 * paused: each P that is held has `attention` set all the time. Whoever pauses nothing pays nothing.
 *
 * Not set aside is one that is bound to its thread: it is never chosen.
 *
 * Threads     any; the list is guarded by the lock of the quota's line.
 */
#ifndef GOR_SCHED_PAUSE_H
#define GOR_SCHED_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/assert.h"

struct gor__g;
struct gor_quota;

extern uint32_t gor__pauses
    __attribute__((visibility("hidden"))); /* atomic: quotas that are paused */

static inline bool gor__pauses_any(void)
{
    return GOR_UNLIKELY(__atomic_load_n(&gor__pauses, __ATOMIC_RELAXED) != 0);
}

/* A goroutine that is to run, off all queues, and in no list: true: it has been set aside. Inside. */
bool gor__pause_sets_aside(struct gor__g *g);

/* The quota goes, or nobody counts in it any more since the runtime has stopped. */
void gor__pause_destroy(struct gor_quota *quota);
void gor__pause_forget(struct gor_quota *quota);

#endif
