/* SPDX-License-Identifier: MIT */
/* trace_clock.h - from cpu ticks to CLOCK_MONOTONIC: both are looked at now and then, and between two
 * looks the one is taken to be proportional to the other.
 *
 * Threads     one at a time.
 */
#ifndef GOR_DEBUG_TRACE_CLOCK_H
#define GOR_DEBUG_TRACE_CLOCK_H

#include <stdint.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/switch.h"

enum { GOR__TRACE_CLOCK_TRIES = 5 };

/* The last looks, the oldest first. */
struct gor__trace_clock {
    struct {
        uint64_t ticks;
        int64_t ns;
    } looks[3];
    int count;
};

/* Both at one moment, as well as can be: of some tries the one that took the shortest, for in between
 * the thread may have been interrupted. */
static inline void gor__trace_clock_look(uint64_t *out_ticks, int64_t *out_ns)
{
    uint64_t shortest = UINT64_MAX;
    for (int i = 0; i < GOR__TRACE_CLOCK_TRIES; i++) {
        uint64_t before = gor__cpu_ticks();
        int64_t ns = gor__monotonic();
        uint64_t took = gor__cpu_ticks() - before;
        if (took < shortest) {
            shortest = took;
            *out_ticks = before + took / 2;
            *out_ns = ns;
        }
    }
}

static inline void gor__trace_clock_set(struct gor__trace_clock *clock)
{
    if (clock->count == 3) {
        clock->looks[0] = clock->looks[1];
        clock->looks[1] = clock->looks[2];
        clock->count = 2;
    }
    gor__trace_clock_look(&clock->looks[clock->count].ticks, &clock->looks[clock->count].ns);
    clock->count++;
}

/* Ticks at the last look. */
static inline uint64_t gor__trace_clock_last(const struct gor__trace_clock *clock)
{
    return clock->looks[clock->count - 1].ticks;
}

/* There must have been two looks. */
static inline int64_t gor__trace_clock_ns(const struct gor__trace_clock *clock, uint64_t ticks)
{
    int later = clock->count == 3 && ticks > clock->looks[1].ticks ? 2 : 1;
    uint64_t from = clock->looks[later - 1].ticks;
    double span = (double)(clock->looks[later].ticks - from);
    double ns = (double)(clock->looks[later].ns - clock->looks[later - 1].ns);
    double since = (double)(int64_t)(ticks - from);
    return clock->looks[later - 1].ns + (span > 0 ? (int64_t)(since * ns / span) : 0);
}

#endif
