/* SPDX-License-Identifier: MIT */
/* schedule.c - the hot path: leave a goroutine, go on with the next, make one ready.
 *
 * A goroutine that parks switches straight to the next one of its P; the thread's own stack, where
 * find.c looks for work, is entered only when the P's queues are empty or something needs a look.
 * Always going through the scheduler's stack was rejected: it doubles the switches.
 */
#include <string.h>

#include "runtime/sched/ceiling.h"
#include "runtime/sched/claim.h"
#include "runtime/sched/contention.h"
#include "runtime/sched/door.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/labels.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/overflow.h"
#include "runtime/sched/panic.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/quota.h"
#include "runtime/sched/ready.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/sites.h"
#include "runtime/sched/trace_felt.h"

enum {
    FRESH_TICKS = 8, /* every so often a fresh one goes before woken ones */
    NEXT_STREAK_MAX =
        64, /* a pair may hand itself on so often before the time it took is looked at */
    STREAK_TICKS = 2000000, /* cpu ticks it may go on so while others wait: most of a millisecond */
    CLOCK_TICKS = 20000,    /* cpu ticks between looks at the clock: 5 to 10 us */
};

_Static_assert((int)FRESH_TICKS == (int)GOR__TRACE_PACE, "one branch asks for both");

struct gor__sched gor__sched;

int64_t gor_now(void)
{
    return gor__time_is_virtual() ? gor__coarse_now() : gor__monotonic();
}

int64_t gor__clock(void)
{
    int64_t now = gor_now();
    __atomic_store_n(&gor__sched.coarse_now, now, __ATOMIC_RELAXED);
    return now;
}

int64_t gor_after(int64_t ns)
{
    int64_t deadline = 0;
    if (__builtin_add_overflow(gor_now(), ns, &deadline)) {
        return ns > 0 ? GOR_NEVER : INT64_MIN;
    }
    return deadline;
}

/* ---- choosing */

static inline bool timers_need_look(struct gor__p *p)
{
    if (GOR_LIKELY(gor__timers_first(&p->timers) == GOR_NEVER)) {
        return false;
    }
    return gor__cpu_ticks() - p->timers_checked > CLOCK_TICKS;
}

/* After so many turns: whether they were short ones, and may go on. By turns alone a pair that computes
 * between them would get the more, the longer it computes. Sysmon ends the streaks it has seen before.
 */
static __attribute__((noinline)) bool streak_goes_on(struct gor__p *p)
{
    uint64_t now = gor__cpu_ticks();
    if (p->streak_began == 0) {
        p->streak_began = now;
    }
    if (now - p->streak_began > STREAK_TICKS) {
        return false;
    }
    p->next_streak = 0;
    return true;
}

void gor__end_streak(struct gor__p *p)
{
    p->next_streak = NEXT_STREAK_MAX;
    p->streak_began = 1;
}

static inline struct gor__g *take_next(struct gor__p *p)
{
    struct gor__g *g = NULL;
    if (GOR_LIKELY(p->next_streak < NEXT_STREAK_MAX) || streak_goes_on(p)) {
        g = gor__runq_take_next(&p->runq);
        if (g != NULL) {
            p->next_streak++;
        }
    }
    return g;
}

static inline __attribute__((always_inline)) struct gor__g *next_local(struct gor__p *p)
{
    struct gor__g *g = NULL;
    if (GOR_UNLIKELY((uint32_t)p->switches % FRESH_TICKS == 0)) {
        g = gor__fresh_pop(&p->fresh);
        if (g != NULL) {
            return g;
        }
    }
    g = take_next(p);
    if (g != NULL) {
        return g;
    }
    p->next_streak = 0;
    p->streak_began = 0;
    g = gor__runq_get(&p->runq);
    if (g == NULL) {
        g = gor__fresh_pop(&p->fresh);
    }
    if (g == NULL) {
        g = gor__runq_take_next(&p->runq);
    }
    return g;
}

struct gor__g *gor__next_local(struct gor__p *p)
{
    return next_local(p);
}

/* Whether it is time to enter the scheduler's stack, whatever there is to run. */
static inline __attribute__((always_inline)) bool must_look_up(struct gor__p *p)
{
    return GOR_UNLIKELY((uint32_t)p->switches % GOR__FAIR_SWITCHES == 0 ||
                        __atomic_load_n(&p->attention, __ATOMIC_RELAXED) || timers_need_look(p));
}

/* The next one without entering the scheduler's stack; NULL when that must be done. */
static inline __attribute__((always_inline)) struct gor__g *find_direct(struct gor__p *p)
{
    return must_look_up(p) ? NULL : next_local(p);
}

static __attribute__((noinline)) struct gor__g *next_direct(struct gor__p *p)
{
    return find_direct(p);
}

/* The same with a trace, which is told of the switch, for `why`. */
static inline __attribute__((always_inline)) struct gor__g *find_traced(struct gor__p *p,
                                                                        uint64_t why)
{
    if (must_look_up(p)) {
        return NULL;
    }
    bool fresh_first = (uint32_t)p->switches % FRESH_TICKS == 0;
    if (GOR_UNLIKELY(fresh_first)) {
        gor__trace_look_at_pace(p);
    }
    struct gor__g *next = gor__trace_left_out(&p->trace);
    if (GOR_LIKELY(next != NULL && !fresh_first && p->next_streak < NEXT_STREAK_MAX)) {
        p->next_streak++;
        gor__runq_take_own_next(&p->runq, next);
        gor__trace_switch_woken(p, why, next);
        return next;
    }
    next = next_local(p);
    if (next != NULL) {
        gor__trace_switch(p, why, next);
    }
    return next;
}

/* ---- switching */

/* Only now, with its stack stored, may the deadline wake it; and before the unlock, for afterwards
 * somebody else may. */
static inline void start_deadline(struct gor__g *g)
{
    if (GOR_UNLIKELY(g->limits != 0)) {
        gor__limit_begin(g);
    }
}

/* The end of `g`, on a stack that is not its own. */
static inline void bury(struct gor__p *p, struct gor__g *g)
{
    struct gor__stack *stack = g->stack;
    if (stack != NULL) {
        gor__fiber_clear(gor__stack_fiber(stack), gor__stack_low(stack),
                         (size_t)(gor__stack_top(stack) - gor__stack_low(stack)));
        __atomic_store_n(&g->stack, NULL, __ATOMIC_RELAXED);
        gor__stack_put(p, stack, g->stack_class);
    }
    gor__count(&p->ended, 1);
    gor__pool_put(p, g);
    gor__ceiling_note_room();
}

static inline __attribute__((always_inline)) void after_switch(struct gor__m *m)
{
    enum gor__after after = m->after;
    if (after == GOR__AFTER_NOTHING) {
        return;
    }
    struct gor__g *g = m->after_g;
    m->after = GOR__AFTER_NOTHING;
    switch (after) {
    case GOR__AFTER_NOTHING:
        break;
    case GOR__AFTER_UNLOCK:
        start_deadline(g);
        gor__unlock(m->after_lock);
        break;
    case GOR__AFTER_UNLOCK_SPIN:
        start_deadline(g);
        gor__spin_unlock(m->after_lock);
        break;
    case GOR__AFTER_UNLOCK_CASES:
        start_deadline(g);
        gor__select_unlock(g);
        break;
    case GOR__AFTER_YIELD:
        gor__put_runnable(m->p, g);
        gor__offer_work();
        break;
    case GOR__AFTER_YIELD_BOUND:
        gor__ready_bound(g);
        break;
    case GOR__AFTER_EXIT_RESCUED:
        gor__overflow_end(g);
        bury(m->p, g);
        break;
    case GOR__AFTER_EXIT:
        bury(m->p, g);
        break;
    }
}

void gor__after_switch(struct gor__m *m)
{
    after_switch(m);
}

/* The first run of `g`: now it needs a stack. Out of memory is fatal here, as in Go: the goroutine
 * was promised to its creator, who may be waiting for it. */
static __attribute__((noinline)) void give_stack(struct gor__p *p, struct gor__g *g)
{
    struct gor__stack *stack = gor__stack_get(p, g->stack_class);
    if (stack == NULL) {
        gor__die(
            "no memory for the stack of goroutine %lu; lower gor_opts.max_goroutines, or raise "
            "vm.max_map_count where the kernel has no guard markers (before Linux 6.13)",
            (unsigned long)g->id);
    }
    gor__fiber_init(gor__stack_fiber(stack), gor__stack_low(stack),
                    (size_t)(gor__stack_top(stack) - gor__stack_low(stack)));
    gor__context_init(&g->context, gor__stack_top(stack));
    if (GOR_UNLIKELY(gor__stack_is_clean(stack))) {
        (void)__atomic_fetch_or(&g->flags, GOR__G_SAMPLE, __ATOMIC_RELEASE);
    }
    gor__stack_give(stack, g);
    __atomic_store_n(&g->stack, stack, __ATOMIC_RELEASE);
}

static inline void set_running(struct gor__m *m, struct gor__g *g)
{
    gor__g_set_state(g, GOR_RUNNING, GOR_WAIT_NONE);
    gor__claim_pass(g);
    gor__count(&m->p->switches, 1);
    m->g = g;
    if (GOR_UNLIKELY(g->stack == NULL)) {
        give_stack(m->p, g);
    }
}

/* What a switch need not ask for: whether there is a trace, or whether the stack is left for good. */
enum switch_kind { SWITCH, SWITCH_UNOBSERVED, SWITCH_TRACED, SWITCH_AT_END };

/* Not in line, for it would take registers from those who go without. */
static __attribute__((noinline)) void trace_switch(struct gor__p *p, const struct gor__g *left,
                                                   const struct gor__g *next)
{
    gor__trace_switch(p, gor__trace_why(left), next);
}

static inline __attribute__((always_inline)) void note_switch(struct gor__p *p,
                                                              const struct gor__g *left,
                                                              const struct gor__g *next,
                                                              enum switch_kind kind)
{
    if (kind != SWITCH_TRACED && kind != SWITCH_UNOBSERVED && gor__observes(GOR__OBSERVE_TRACE)) {
        trace_switch(p, left, next);
    }
}

static inline bool is_traced(enum switch_kind kind)
{
    return kind == SWITCH_TRACED ||
           (kind != SWITCH_UNOBSERVED && gor__observes(GOR__OBSERVE_TRACE));
}

/* Go from the stack of `self`, whose state and m->after are set, to that of `next`, or to the
 * thread's own when there is none. */
static inline __attribute__((always_inline)) void switch_to(struct gor__m *m, struct gor__g *self,
                                                            struct gor__g *next, uint64_t control,
                                                            enum switch_kind kind)
{
    bool dies = kind == SWITCH_AT_END;
    m->after_g = self;
    gor__m_note_left(m, gor__stack_fiber(self->stack));
    if (GOR_LIKELY(next != NULL)) {
        note_switch(m->p, self, next, kind);
        set_running(m, next);
        gor__fiber_leave(gor__stack_fiber(self->stack), gor__stack_fiber(next->stack), dies);
        gor__switch(&self->context, &next->context, control);
    } else {
        if (is_traced(kind)) {
            gor__trace_leave(m->p, self);
        }
        m->g = NULL;
        gor__fiber_leave(gor__stack_fiber(self->stack), &m->fiber, dies);
        gor__switch(&self->context, &m->scheduler, control);
    }
}

/* Leave `self`, whose state and m->after are set, for `next`; come back when it is resumed, on any
 * thread, whose M is answered. */
static inline __attribute__((always_inline)) struct gor__m *
leave(struct gor__m *m, struct gor__g *self, struct gor__g *next, uint64_t control,
      enum switch_kind kind)
{
    self->saved_errno = *m->errno_address;
    switch_to(m, self, next, control, kind);
    /* A stack in use is not to be read: see debug/look.c. */
    self->context.sp = NULL;
    m = gor__m_self();
    gor__fiber_arrive(gor__stack_fiber(self->stack), m->left);
    after_switch(m);
    *m->errno_address = self->saved_errno;
    return m;
}

static inline __attribute__((always_inline)) void park_since(int64_t now, enum gor__after after,
                                                             void *held,
                                                             enum gor_wait_reason reason,
                                                             enum switch_kind kind)
{
    uint64_t control = gor__float_control();
    struct gor__m *m = gor__m_self();
    struct gor__g *g = m->g;
    g->waiting_since = now;
    gor__g_set_state(g, GOR_WAITING, reason);
    m->after = after;
    m->after_lock = held;
    struct gor__g *next =
        kind == SWITCH_TRACED ? find_traced(m->p, gor__trace_waits(reason)) : next_direct(m->p);
    (void)leave(m, g, next, control, kind);
}

static __attribute__((noinline)) void park_traced(enum gor__after after, void *held,
                                                  enum gor_wait_reason reason)
{
    park_since(gor__coarse_now(), after, held, reason, SWITCH_TRACED);
}

static __attribute__((noinline)) void park_timed(enum gor__after after, void *held,
                                                 enum gor_wait_reason reason)
{
    bool timed = gor__contention_times(reason);
    int64_t began = timed ? gor_now() : gor__coarse_now();
    park_since(began, after, held, reason, SWITCH);
    if (timed) {
        gor__contention_waited(reason, began);
    }
}

static inline __attribute__((always_inline)) void park(enum gor__after after, void *held,
                                                       enum gor_wait_reason reason)
{
    /* Tracing begins and ends while the world is stopped, so not between here and the switch. */
    uint32_t observed =
        gor__observed_of(GOR__OBSERVE_BLOCK | GOR__OBSERVE_MUTEX | GOR__OBSERVE_TRACE);
    if (GOR_LIKELY(observed == 0)) {
        park_since(gor__coarse_now(), after, held, reason, SWITCH_UNOBSERVED);
    } else if (observed == GOR__OBSERVE_TRACE) {
        park_traced(after, held, reason);
    } else {
        park_timed(after, held, reason);
    }
}

void gor__park(struct gor__lock *held, enum gor_wait_reason reason)
{
    park(GOR__AFTER_UNLOCK, held, reason);
}

void gor__park_spin(struct gor__spin *held, enum gor_wait_reason reason)
{
    park(GOR__AFTER_UNLOCK_SPIN, held, reason);
}

void gor__park_select(enum gor_wait_reason reason)
{
    park(GOR__AFTER_UNLOCK_CASES, NULL, reason);
}

/* The shortest of all ways from one goroutine to another, so all of it is in line. */
static inline __attribute__((always_inline)) struct gor__m *yield(struct gor__m *m)
{
    uint64_t control = gor__float_control();
    struct gor__g *self = m->g;
    struct gor__p *p = m->p;
    /* Who is to be timed goes over the scheduler's stack, where note_yield is. */
    bool look_up = must_look_up(p) || gor__observes(GOR__OBSERVE_LATENCY);
    struct gor__g *next = look_up ? NULL : next_local(p);
    gor__g_set_state(self, GOR_RUNNABLE, GOR_WAIT_NONE);
    if (gor__solo && next != NULL && GOR_LIKELY(m->bound == NULL)) {
        /* Nobody else could take it before its stack is stored. */
        gor__put_runnable(p, self);
    } else {
        m->after = GOR_UNLIKELY(m->bound != NULL) ? GOR__AFTER_YIELD_BOUND : GOR__AFTER_YIELD;
    }
    return leave(m, self, next, control, SWITCH);
}

void gor__yield(struct gor__m *m)
{
    (void)yield(m);
}

void gor_yield(void)
{
    gor__leave_machine(yield(gor__enter()));
}

void gor__abandon(struct gor__m *m)
{
    m->after = GOR__AFTER_NOTHING;
    switch_to(m, m->g, NULL, gor__float_control(), SWITCH);
    __builtin_unreachable();
}

/* ---- a goroutine's birth and end */

/* A bound thread whose goroutine has ended goes too: nobody knows what was done to it. */
static void end_thread(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    struct gor__p *p = gor__drop(m);
    gor__let_go(p);
    gor__mutex_unlock(&gor__sched.lock);
    gor__proc_came_free(p);
}

static struct gor__g *next_for(struct gor__m *m)
{
    if (GOR_UNLIKELY(m->ends)) {
        end_thread(m);
        return NULL;
    }
    return GOR_LIKELY(m->bound == NULL) ? gor__find_runnable(m) : gor__wait_bound(m);
}

static inline void note_yield(const struct gor__m *m)
{
    if (m->after == GOR__AFTER_YIELD && gor__observes(GOR__OBSERVE_LATENCY)) {
        gor__latency_runnable(m->after_g);
    }
}

void gor__schedule(struct gor__m *m)
{
    for (;;) {
        note_yield(m);
        after_switch(m);
        struct gor__g *g = next_for(m);
        if (g == NULL) {
            return;
        }
        if (gor__observes(GOR__OBSERVE_TRACE)) {
            gor__trace_resume(m->p, g);
        }
        set_running(m, g);
        gor__m_note_left(m, &m->fiber);
        gor__fiber_leave(&m->fiber, gor__stack_fiber(g->stack), false);
        gor__switch(&m->scheduler, &g->context, gor__float_control());
        gor__fiber_arrive(&m->fiber, m->left);
    }
}

/* The last of the user's code: the deferred calls. Outside. */
static inline void run_defers(struct gor__g *g)
{
    if (GOR_UNLIKELY(g->defers != NULL)) {
        gor__run_defers(g);
    }
}

enum { AT_END = GOR__G_LABELLED | GOR__G_COUNTED | GOR__G_SAMPLE | GOR__G_PANICS | GOR__G_ROOT };

/* What it counts in. */
static void leave_company(struct gor__g *g)
{
    if (gor__g_is_own(g)) {
        gor__ceiling_count_own(-1);
    } else {
        gor__quota_leave(g->quota);
    }
    gor__g_clear_flag(g, GOR__G_COUNTED);
}

/* For the few: the thread of one that was bound, what it counted in, word to whoever waits for its end. */
static __attribute__((noinline)) void part(struct gor__m *m, struct gor__g *g)
{
    if (g->thread_locks != 0) {
        g->thread_locks = 0;
        gor__unbind(m, true);
    }
    if (gor__g_has_flag(g, GOR__G_LABELLED)) {
        gor__labels_drop(g);
    }
    if (gor__g_has_flag(g, GOR__G_SAMPLE)) {
        gor__sites_note_end(g);
    }
    if (gor__g_has_flag(g, GOR__G_PANICS)) {
        gor__panic_forget(g);
    }
    if (gor__g_has_flag(g, GOR__G_COUNTED)) {
        leave_company(g);
    }
    if (gor__g_has_flag(g, GOR__G_ROOT)) {
        gor__g_clear_flag(g, GOR__G_ROOT);
        __atomic_store_n(gor__sched.root_done, 1, __ATOMIC_RELEASE);
        gor__futex_wake(gor__sched.root_done, 1);
    }
}

static inline void finish(struct gor__m *m, struct gor__g *g)
{
    if (GOR_UNLIKELY(g->thread_locks != 0 || gor__g_has_flag(g, AT_END))) {
        part(m, g);
    }
}

void gor_exit(void)
{
    struct gor__g *g = gor__g_self();
    GOR_ASSERT(g != NULL);
    run_defers(g);
    struct gor__m *m = gor__enter();
    finish(m, g);
    gor__g_set_state(g, GOR_TERMINATED, GOR_WAIT_NONE);
    bool rescued = (__atomic_load_n(&g->flags, __ATOMIC_RELAXED) & GOR__G_RESCUED) != 0;
    m->after = GOR_UNLIKELY(rescued) ? GOR__AFTER_EXIT_RESCUED : GOR__AFTER_EXIT;
    switch_to(m, g, m->ends ? NULL : next_direct(m->p), gor__float_control(), SWITCH_AT_END);
    __builtin_unreachable();
}

/* `g` has returned. If what comes next has not run yet either, it may have this stack as it is,
 * without a switch: then that one is answered. */
static struct gor__g *succeed(struct gor__g *g)
{
    run_defers(g);
    struct gor__m *m = gor__enter();
    finish(m, g);
    struct gor__g *next = m->ends ? NULL : next_direct(m->p);
    gor__g_set_state(g, GOR_TERMINATED, GOR_WAIT_NONE);
    if (next == NULL || next->stack != NULL || next->stack_class != g->stack_class) {
        m->after = GOR__AFTER_EXIT;
        switch_to(m, g, next, gor__float_control(), SWITCH_AT_END);
        __builtin_unreachable();
    }
    /* Left from an earlier life of its G; a stack in use is not to be read: see debug/look.c. */
    next->context.sp = NULL;
    gor__stack_give(g->stack, next);
    __atomic_store_n(&next->stack, g->stack, __ATOMIC_RELEASE);
    __atomic_store_n(&g->stack, NULL, __ATOMIC_RELAXED);
    note_switch(m->p, g, next, SWITCH);
    bury(m->p, g);
    set_running(m, next);
    return next;
}

void gor__entry_c(void)
{
    struct gor__m *m = gor__m_self();
    struct gor__g *g = m->g;
    g->context.sp = NULL;
    gor__fiber_arrive(gor__stack_fiber(g->stack), m->left);
    after_switch(m);
    do {
        m = gor__m_self();
        *m->errno_address = 0;
        gor__leave_machine(m);
        g->fn(g->arg);
        g = succeed(g);
    } while (true);
}
