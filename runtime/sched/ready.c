/* SPDX-License-Identifier: MIT */
/* ready.c - making goroutines runnable. One that is woken goes ahead of its P's queue, since the
 * waker most likely parks soon and what they share is warm; others are only offered work that stands
 * behind it, and sysmon sees to a waker that runs on for long. */
#include "runtime/sched/ready.h"

#include <stddef.h>

#include "runtime/sched/contention.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/trace_felt.h"

void gor__put_overflowing(struct gor__p *p, struct gor__g *g)
{
    do {
        uint32_t count = 0;
        struct gor__g *half = gor__runq_take_half(&p->runq, &count);
        if (half != NULL) {
            struct gor__g *last = half;
            while (last->next != NULL) {
                last = last->next;
            }
            gor__global_put(half, last, count);
        }
    } while (!gor__runq_put(&p->runq, g));
}

static void note_foreign(const struct gor__m *m)
{
    if (m == NULL) {
        __atomic_store_n(&gor__sched.foreign_woke, true, __ATOMIC_RELAXED);
    }
}

enum { OBSERVED = GOR__OBSERVE_BLOCK | GOR__OBSERVE_LATENCY | GOR__OBSERVE_TRACE };

static __attribute__((noinline)) void note_woken(struct gor__g *g)
{
    if (gor__observes(GOR__OBSERVE_BLOCK)) {
        gor__contention_woken(g);
    }
    if (gor__observes(GOR__OBSERVE_LATENCY)) {
        gor__latency_runnable(g);
    }
}

static void note_ready(const struct gor__g *g)
{
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_ready(g, false);
    }
}

static __attribute__((noinline)) void put_ready_noted(struct gor__g *g);

/* One that is not bound; `traced`: a trace has to be told of it still. */
static inline __attribute__((always_inline)) void put_ready(struct gor__g *g, bool traced)
{
    gor__g_set_state(g, GOR_RUNNABLE, GOR_WAIT_NONE);
    struct gor__m *m = gor__m_self();
    struct gor__p *p = m != NULL ? m->p : NULL;
    if (GOR_UNLIKELY(p == NULL)) {
        note_ready(g);
        note_foreign(m);
        gor__global_put(g, g, 1);
        gor__wake_idle();
        return;
    }
    struct gor__g *former;
    if (traced && GOR_LIKELY(gor__trace_leaves_out(p, g))) {
        former = gor__runq_swap_own_next(&p->runq, g);
    } else if (traced) {
        put_ready_noted(g);
        return;
    } else {
        former = gor__runq_swap_next(&p->runq, g);
    }
    if (former != NULL) {
        gor__put_runnable(p, former);
        gor__offer_work();
    }
}

/* With a P. */
static __attribute__((noinline)) void put_ready_noted(struct gor__g *g)
{
    if (!gor__trace_ready_untimed(gor__m_self()->p, g)) {
        gor__trace_ready(g, false);
    }
    put_ready(g, false);
}

static __attribute__((noinline)) void put_ready_observed(struct gor__g *g)
{
    note_woken(g);
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        put_ready(g, true);
    } else {
        put_ready(g, false);
    }
}

/* Not in line, so that those without a trace have less to jump over. */
static __attribute__((noinline)) void put_ready_traced(struct gor__g *g)
{
    put_ready(g, true);
}

void gor__ready(struct gor__g *g)
{
    GOR_DEBUG_ASSERT(gor__g_state(g) == GOR_WAITING);
    uint32_t observed = gor__observed_of(OBSERVED);
    if (GOR_UNLIKELY(g->thread_locks != 0)) {
        note_ready(g);
        gor__ready_bound(g);
    } else if (GOR_LIKELY(observed == 0)) {
        put_ready(g, false);
    } else if (observed == GOR__OBSERVE_TRACE) {
        put_ready_traced(g);
    } else {
        put_ready_observed(g);
    }
}

/* What is left of the list without those that are bound to a thread, its end and its length. */
static struct gor__g *mark_runnable(struct gor__g *first, struct gor__g **out_last, uint32_t *count)
{
    struct gor__g **place = &first;
    while (*place != NULL) {
        struct gor__g *g = *place;
        if (gor__observes(GOR__OBSERVE_TRACE)) {
            gor__trace_ready(g, true);
        }
        if (GOR_UNLIKELY(g->thread_locks != 0)) {
            *place = g->next;
            (*count)--;
            gor__ready_bound(g);
            continue;
        }
        if (gor__observes(OBSERVED)) {
            note_woken(g);
        }
        gor__g_set_state(g, GOR_RUNNABLE, GOR_WAIT_NONE);
        *out_last = g;
        place = &g->next;
    }
    return first;
}

void gor__ready_list(struct gor__g *first, uint32_t count)
{
    struct gor__m *m = gor__m_self();
    struct gor__p *p = m != NULL ? m->p : NULL;
    struct gor__g *last = NULL;
    first = mark_runnable(first, &last, &count);
    if (first == NULL) {
        return;
    }
    /* Behind those that came before: the network's come from sysmon too, which has no P, and would wait
     * for as long as others come. */
    if (p == NULL || __atomic_load_n(&gor__sched.global_count, __ATOMIC_RELAXED) != 0) {
        note_foreign(m);
        gor__global_put(first, last, count);
        gor__wake_idle();
        return;
    }
    while (first != NULL) {
        struct gor__g *next = first->next;
        gor__put_runnable(p, first);
        first = next;
    }
    gor__offer_work();
}

/* A goroutine that has not run yet. */
void gor__put_fresh(struct gor__p *p, struct gor__g *g)
{
    if (GOR_LIKELY(gor__fresh_push(&p->fresh, g))) {
        gor__offer_work();
        return;
    }
    struct gor__g *oldest[GOR__FRESH_SIZE / 2];
    uint32_t count = gor__fresh_take(&p->fresh, oldest, GOR__FRESH_SIZE / 2);
    for (uint32_t i = 0; i < count; i++) {
        oldest[i]->next = i + 1 < count ? oldest[i + 1] : NULL;
    }
    if (count > 0) {
        gor__global_put(oldest[0], oldest[count - 1], count);
    }
    /* Only the holder pushes, so there is room now. */
    GOR_ASSERT(gor__fresh_push(&p->fresh, g));
    gor__offer_work();
}
