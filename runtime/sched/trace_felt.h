/* SPDX-License-Identifier: MIT */
/* trace_felt.h - the two records that come so often that their cost is felt, in line: a goroutine is
 * made ready to run next, and a P goes from one to another.
 *
 * Threads     the holder of the P, inside.
 * See also    trace.h.
 */
#ifndef GOR_SCHED_TRACE_FELT_H
#define GOR_SCHED_TRACE_FELT_H

#include "runtime/sched/preempt.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/trace.h"

/* Why a goroutine stops: state and reason. Both are its own until it is made runnable again, which
 * whoever might must wait for. One by one, for so they have just been stored: read together they would
 * have to be in the cache first. */
static inline uint64_t gor__trace_why(const struct gor__g *g)
{
    uint64_t state = __atomic_load_n(&g->state, __ATOMIC_RELAXED);
    uint64_t reason = __atomic_load_n(&g->reason, __ATOMIC_RELAXED);
    return state | reason << 8;
}

/* The same of one that waits for `reason`, before anybody has to look at it. */
static inline uint64_t gor__trace_waits(enum gor_wait_reason reason)
{
    return GOR_WAITING | (uint64_t)reason << 8;
}

static inline uint64_t gor__trace_turn(const struct gor__g *g)
{
    return (uint64_t)g->switches << GOR__TRACE_TURN_AT;
}

/* Before it has a stack it has not run. */
static inline uint64_t gor__trace_first(const struct gor__g *next)
{
    return GOR_LIKELY(next->stack != NULL) ? 0 : GOR__TRACE_FIRST;
}

/* After the last switch, by whom that went to; when is not known. */
static inline __attribute__((always_inline)) void gor__trace_put_ready(struct gor__trace_ring *ring,
                                                                       const struct gor__g *g)
{
    uint64_t what =
        gor__trace_what(GOR__TRACE_READY, GOR__TRACE_BY_GOROUTINE | GOR__TRACE_UNTIMED) |
        gor__trace_what(0, gor__trace_turn(g));
    struct gor__trace_record record = {ring->last_ticks, g->id, what, 0};
    gor__trace_ring_put(ring, &record);
}

/* Whose READY is not written yet; NULL: nobody's. */
static inline const struct gor__g *gor__trace_left_out(const struct gor__trace_ring *ring)
{
    uintptr_t woken = ring->woken;
    return woken > GOR__TRACE_WAKE_LATER ? (const struct gor__g *)woken : NULL;
}

/* Whether the READY of the next one woken may be left out, for nobody else is to take it meanwhile. Of
 * thieves that are on their way still see find.c. */
static inline bool gor__trace_may_leave_out(struct gor__p *p)
{
    if (!gor__solo && __atomic_load_n(&p->next_is_stale, __ATOMIC_RELAXED)) {
        __atomic_store_n(&p->next_is_stale, false, __ATOMIC_RELAXED);
    }
    return gor__solo || gor__preempt_works();
}

/* To `next`, for `how`: all of it but the turn. Wake-ups are noted down as `wake` says from now on, if
 * switches come fast. */
static inline __attribute__((always_inline)) void
gor__trace_put_switch(struct gor__trace_ring *ring, const struct gor__g *next, uint64_t how,
                      enum gor__trace_wake wake)
{
    uint64_t what =
        gor__trace_what(GOR__TRACE_SWITCHED, how) | gor__trace_what(0, gor__trace_turn(next));
    struct gor__trace_record record = {gor__cpu_ticks(), next->id, what, (uintptr_t)next->fn};
    gor__trace_ring_put(ring, &record);
    ring->woken = wake;
    if (GOR_UNLIKELY(record.ticks - ring->last_ticks >= GOR__TRACE_BRIEF_TICKS)) {
        /* Makes this a branch, which is foreseen, where a sum would have to wait for the clock. */
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        ring->woken = GOR__TRACE_WAKE_TIMED;
    }
    ring->last_ticks = record.ticks;
}

/* On `p`: from one that stops, for `why`, to `next`. */
static inline __attribute__((always_inline)) void gor__trace_switch(struct gor__p *p, uint64_t why,
                                                                    const struct gor__g *next)
{
    struct gor__trace_ring *ring = &p->trace;
    if (GOR_LIKELY(ring->woken == (uintptr_t)next)) {
        /* It waited, so this is not its first turn. */
        gor__trace_put_switch(ring, next, why | GOR__TRACE_WOKEN, GOR__TRACE_WAKE_LATER);
        return;
    }
    if (GOR_UNLIKELY(gor__trace_left_out(ring) != NULL)) {
        gor__trace_put_ready(ring, gor__trace_left_out(ring));
    }
    gor__trace_put_switch(ring, next, why | gor__trace_first(next),
                          gor__trace_may_leave_out(p) ? GOR__TRACE_WAKE_LATER
                                                      : GOR__TRACE_WAKE_UNTIMED);
}

/* `g` is to run next on `p`: whether that is noted down herewith. If not, gor__trace_ready does. */
static inline __attribute__((always_inline)) bool gor__trace_wakes(struct gor__p *p,
                                                                   const struct gor__g *g)
{
    struct gor__trace_ring *ring = &p->trace;
    if (GOR_LIKELY(ring->woken == GOR__TRACE_WAKE_LATER)) {
        ring->woken = (uintptr_t)g;
        return true;
    }
    if (GOR_LIKELY(ring->woken == GOR__TRACE_WAKE_UNTIMED)) {
        gor__trace_put_ready(ring, g);
        return true;
    }
    return false;
}

#endif
