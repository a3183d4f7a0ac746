/* SPDX-License-Identifier: MIT */
/* claim.c - see claim.h.
 *
 * Taking the right to wake a goroutine away for that time was rejected: each kind of wait has a way of
 * its own to be ended. So was a lock in each goroutine, which every resumption would have to take. */
#include "runtime/sched/claim.h"

#include <stddef.h>

#include "runtime/base/futex.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/preempt.h"

#if !defined(GOR__SPIN_ROUNDS)
#define GOR__SPIN_ROUNDS 200 /* the model checks take 1 */
#endif

static struct {
    uint32_t released; /* futex; times that somebody has let go */
    uint32_t waiters;  /* in gor__claim_wait; atomic */
} claims;

/* The switch stores it in assembly, its owner clears it plainly: what is read counts if the goroutine
 * is found not to have run meanwhile. */
__attribute__((noinline, no_sanitize_thread)) static char *stored_sp(const struct gor__g *g)
{
    return __atomic_load_n((char *const *)&g->context.sp, __ATOMIC_RELAXED);
}

bool gor__claim_note(struct gor__claim *out_claim, struct gor__g *g)
{
    uint32_t switches = __atomic_load_n(&g->switches, __ATOMIC_ACQUIRE);
    /* It says so before its stack is stored, and has cleared `sp` before. */
    if (gor__g_state(g) != GOR_WAITING) {
        return false;
    }
    struct gor__stack *stack = __atomic_load_n(&g->stack, __ATOMIC_ACQUIRE);
    char *sp = stored_sp(g);
    if (stack == NULL || sp <= gor__stack_low(stack) || sp >= gor__stack_top(stack)) {
        return false;
    }
    *out_claim = (struct gor__claim){g, stack, sp, switches};
    return true;
}

/* False when somebody else has. */
static bool mark(struct gor__g *g)
{
    return (__atomic_fetch_or(&g->flags, GOR__G_CLAIMED, __ATOMIC_SEQ_CST) & GOR__G_CLAIMED) == 0;
}

/* After the fence: whether it has waited all the time, on this stack. */
static bool holds(const struct gor__claim *claim)
{
    const struct gor__g *g = claim->g;
    return gor__g_state(g) == GOR_WAITING &&
           __atomic_load_n(&g->switches, __ATOMIC_ACQUIRE) == claim->switches &&
           __atomic_load_n(&g->stack, __ATOMIC_RELAXED) == claim->stack &&
           stored_sp(g) == claim->sp;
}

static void unmark(struct gor__g *g)
{
    /* Release: pairs with gor__claim_pass. Sequential with the look at the waiters after it. */
    (void)__atomic_fetch_and(&g->flags, (uint16_t)~GOR__G_CLAIMED, __ATOMIC_SEQ_CST);
}

static void tell_waiters(void)
{
    if (__atomic_load_n(&claims.waiters, __ATOMIC_SEQ_CST) != 0) {
        __atomic_fetch_add(&claims.released, 1, __ATOMIC_SEQ_CST);
        gor__futex_wake(&claims.released, INT32_MAX);
    }
}

uint32_t gor__claim(struct gor__claim *list, uint32_t count)
{
    uint32_t marked = 0;
    uint32_t held = 0;
    if (!gor__fences_work()) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (mark(list[i].g)) {
            list[marked++] = list[i];
        }
    }
    if (marked > 0) {
        gor__fence_all_threads();
    }
    for (uint32_t i = 0; i < marked; i++) {
        if (holds(&list[i])) {
            gor__fiber_stored(gor__stack_fiber(list[i].stack));
            list[held++] = list[i];
        } else {
            unmark(list[i].g);
        }
    }
    if (held < marked) {
        tell_waiters();
    }
    return held;
}

void gor__unclaim(const struct gor__claim *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        unmark(list[i].g);
    }
    tell_waiters();
}

static bool is_claimed(const struct gor__g *g)
{
    /* Acquire: what was done to the stack is seen from here on. */
    return (__atomic_load_n(&g->flags, __ATOMIC_SEQ_CST) & GOR__G_CLAIMED) != 0;
}

static void wait_for_claimer(const struct gor__g *g)
{
    for (int i = 0; i < GOR__SPIN_ROUNDS; i++) {
        if (!is_claimed(g)) {
            return;
        }
        gor__relax();
    }
    (void)__atomic_add_fetch(&claims.waiters, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        uint32_t released = __atomic_load_n(&claims.released, __ATOMIC_SEQ_CST);
        if (!is_claimed(g)) {
            break;
        }
        (void)gor__futex_wait(&claims.released, released, GOR_NEVER);
    }
    (void)__atomic_sub_fetch(&claims.waiters, 1, __ATOMIC_SEQ_CST);
}

void gor__claim_wait(struct gor__g *g)
{
    wait_for_claimer(g);
    if (gor__g_has_flag(g, GOR__G_COLD)) {
        gor__cold_resume(g);
    }
    if (gor__g_has_flag(g, GOR__G_STAMPED)) {
        gor__latency_runs(g);
    }
}
