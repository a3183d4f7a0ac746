/* SPDX-License-Identifier: MIT */
/* trace_felt.h - the two records that come so often that their cost is felt, in line: a goroutine is
 * made ready to run next, and a P goes from one to another.
 *
 * Threads     the holder of the P, inside.
 * See also    trace.h.
 */
#ifndef GOR_SCHED_TRACE_FELT_H
#define GOR_SCHED_TRACE_FELT_H

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

static inline uint64_t gor__trace_turn(const struct gor__g *g)
{
    return (uint64_t)g->switches << GOR__TRACE_TURN_AT;
}

/* Before it has a stack it has not run. */
static inline uint64_t gor__trace_next_turn(const struct gor__g *next)
{
    uint64_t turn = gor__trace_turn(next);
    return GOR_LIKELY(next->stack != NULL) ? turn : turn | GOR__TRACE_FIRST;
}

/* After the last switch, by whom that went to; when is not known. */
static inline void gor__trace_put_ready(struct gor__trace_ring *ring, const struct gor__g *g)
{
    uint64_t a = GOR__TRACE_BY_GOROUTINE | GOR__TRACE_UNTIMED | gor__trace_turn(g);
    struct gor__trace_record record = {ring->last_ticks, g->id,
                                       gor__trace_what(GOR__TRACE_READY, a), 0};
    gor__trace_ring_put(ring, &record);
}

/* On `p`: from `left`, whose state is set, to `next`. */
static inline __attribute__((always_inline)) void
gor__trace_switch(struct gor__p *p, const struct gor__g *left, const struct gor__g *next)
{
    struct gor__trace_ring *ring = &p->trace;
    uint64_t a = gor__trace_why(left) | gor__trace_next_turn(next);
    if (GOR_LIKELY(ring->woken == next)) {
        ring->woken = NULL;
        a |= GOR__TRACE_WOKEN;
    } else if (GOR_UNLIKELY(ring->woken != NULL)) {
        gor__trace_settle(p);
    }
    struct gor__trace_record record = {
        gor__cpu_ticks(), next->id, gor__trace_what(GOR__TRACE_SWITCHED, a), (uintptr_t)next->fn};
    gor__trace_ring_put(ring, &record);
    ring->brief = (record.ticks - ring->last_ticks) >> GOR__TRACE_BRIEF_BITS == 0;
    ring->last_ticks = record.ticks;
}

/* `g` is to run next on `p`. */
static inline __attribute__((always_inline)) void gor__trace_ready_next(struct gor__p *p,
                                                                        const struct gor__g *g)
{
    struct gor__trace_ring *ring = &p->trace;
    if (GOR_UNLIKELY(!ring->brief)) {
        gor__trace_ready(g, false);
    } else if (!gor__solo) {
        gor__trace_put_ready(ring, g);
    } else {
        if (GOR_UNLIKELY(ring->woken != NULL)) {
            gor__trace_settle(p);
        }
        ring->woken = g;
    }
}

#endif
