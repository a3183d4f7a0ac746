/* SPDX-License-Identifier: MIT */
/* trace_felt.h - the two records that come so often that their cost is felt, in line: a goroutine is
 * made ready to run next, and a P goes from one to another. Instructions count here, stores above all: each
 * one of the record is as dear as two others.
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

/* When the last switch was. Unless the next wake-up is timed, whatever was written since has its time. */
static inline uint64_t gor__trace_last_switch(const struct gor__trace_ring *ring)
{
    if (ring->woken == GOR__TRACE_WAKE_TIMED) {
        return ring->last_ticks;
    }
    uint64_t last = ring->written - sizeof(struct gor__trace_record);
    return __atomic_load_n(&gor__trace_place(ring, last)->ticks, __ATOMIC_RELAXED);
}

/* Whose READY is not written yet; NULL: nobody's. */
static inline struct gor__g *gor__trace_left_out(const struct gor__trace_ring *ring)
{
    uintptr_t woken = ring->woken;
    return woken > GOR__TRACE_WAKE_LATER ? (struct gor__g *)woken : NULL;
}

/* Of the last switch's time, by whom that went to; when is not known. */
static inline void gor__trace_put_ready(struct gor__trace_ring *ring, const struct gor__g *g)
{
    uint64_t what =
        gor__trace_what(GOR__TRACE_READY, GOR__TRACE_BY_GOROUTINE | GOR__TRACE_UNTIMED) |
        gor__trace_what(0, gor__trace_turn(g));
    struct gor__trace_record record = {gor__trace_last_switch(ring), g->id, what, 0};
    gor__trace_ring_put(ring, &record);
}

/* To `next`, for `how`: all of it but the turn; its time is answered. A sum, since that is one instruction
 * less. */
static inline __attribute__((always_inline)) uint64_t
gor__trace_put_switch(struct gor__trace_ring *ring, const struct gor__g *next, uint64_t how)
{
    uint64_t what =
        gor__trace_what(GOR__TRACE_SWITCHED, how) + gor__trace_what(0, gor__trace_turn(next));
    struct gor__trace_record record = {gor__cpu_ticks(), next->id, what, (uintptr_t)next->fn};
    gor__trace_ring_put(ring, &record);
    return record.ticks;
}

/* On `p`: from one that stops, for `why`, to the one whose READY was left out. It waited, so this is not
 * its first turn. */
static inline __attribute__((always_inline)) void
gor__trace_switch_woken(struct gor__p *p, uint64_t why, const struct gor__g *next)
{
    (void)gor__trace_put_switch(&p->trace, next, why + GOR__TRACE_WOKEN);
    p->trace.woken = GOR__TRACE_WAKE_LATER;
}

/* Whether the READY of the next one woken may be left out, for nobody else is to take it meanwhile. Thieves
 * that are on their way still have taken up the offer, and close it when they have done; acquire, for
 * afterwards its holder puts there and takes by plain steps. Sysmon makes another offer only where fences
 * work, and with the holder outside (gor__offer_next). */
static inline bool gor__trace_may_leave_out(struct gor__p *p)
{
    if (gor__solo ||
        (GOR_LIKELY(p->trace.fences) &&
         GOR_LIKELY(__atomic_load_n(&p->offer, __ATOMIC_ACQUIRE) == GOR__OFFER_NONE))) {
        return true;
    }
    return gor__trace_take_back_offer(p);
}

/* To one whose READY was written, or comes so late that it is its first turn; for `why`, or 0. From now on
 * wake-ups are noted down as the time since the last switch has it. */
static inline __attribute__((always_inline)) void
gor__trace_put_other_switch(struct gor__p *p, uint64_t why, const struct gor__g *next)
{
    struct gor__trace_ring *ring = &p->trace;
    uint64_t last = gor__trace_last_switch(ring);
    uint64_t now = gor__trace_put_switch(ring, next, why | gor__trace_first(next));
    ring->woken = gor__trace_may_leave_out(p) ? GOR__TRACE_WAKE_LATER : GOR__TRACE_WAKE_UNTIMED;
    if (GOR_UNLIKELY(now - last >= GOR__TRACE_BRIEF_TICKS)) {
        ring->woken = GOR__TRACE_WAKE_TIMED;
        ring->last_ticks = now;
    }
}

/* To whomever. */
static inline __attribute__((always_inline)) void gor__trace_switch(struct gor__p *p, uint64_t why,
                                                                    const struct gor__g *next)
{
    const struct gor__g *left_out = gor__trace_left_out(&p->trace);
    if (GOR_LIKELY(left_out == next)) {
        gor__trace_switch_woken(p, why, next);
        return;
    }
    if (GOR_UNLIKELY(left_out != NULL)) {
        gor__trace_put_ready(&p->trace, left_out);
    }
    gor__trace_put_other_switch(p, why, next);
}

/* `g` is to run next on `p`: whether its READY goes with the switch to it. Then nobody but the holder comes
 * near runq.next, and where `g` is on its way to. */
static inline __attribute__((always_inline)) bool gor__trace_leaves_out(struct gor__p *p,
                                                                        const struct gor__g *g)
{
    if (GOR_LIKELY(p->trace.woken == GOR__TRACE_WAKE_LATER)) {
        p->trace.woken = (uintptr_t)g;
        return true;
    }
    return false;
}

#endif
