/* SPDX-License-Identifier: MIT */
/* observe.h - what the hot paths are watched for just now: one word, which is zero as a rule.
 *
 * A hot path asks once, by a relaxed load and a branch that is not taken, and leaves everything else
 * to a function that is not in line:
 *
 *     if (gor__observes(GOR__OBSERVE_TRACE)) {
 *         gor__trace_parked(g);
 *     }
 *
 * Threads     any. The word orders nothing: whoever acts on it must bear that it was switched on or
 *             off a moment ago.
 */
#ifndef GOR_SCHED_OBSERVE_H
#define GOR_SCHED_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/assert.h"

enum {
    GOR__OBSERVE_TRACE = 1 << 0,   /* what the scheduler does: sched/trace.h */
    GOR__OBSERVE_BLOCK = 1 << 1,   /* how long goroutines wait, and where */
    GOR__OBSERVE_MUTEX = 1 << 2,   /* how long they keep others waiting for a lock */
    GOR__OBSERVE_LATENCY = 1 << 3, /* how long the next one is runnable: latency.h */
};

extern uint32_t gor__observed __attribute__((visibility("hidden")));

/* Which of `bits` are on. */
static inline uint32_t gor__observed_of(uint32_t bits)
{
    return __atomic_load_n(&gor__observed, __ATOMIC_RELAXED) & bits;
}

/* Whether any of `bits` is on. */
static inline bool gor__observes(uint32_t bits)
{
    return GOR_UNLIKELY(gor__observed_of(bits) != 0);
}

/* Switch `bits` on or off; the others stay. */
void gor__observe(uint32_t bits, bool on);

#endif
