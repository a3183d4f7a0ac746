/* SPDX-License-Identifier: MIT */
/* goroutines.h - for models of how goroutines wait: each has a thread of its own, and parking and making
 * ready insist on their contract. In place of schedule.c and what lies around it; for one source of a
 * program.
 */
#ifndef GOR_TESTS_MODEL_GOROUTINES_H
#define GOR_TESTS_MODEL_GOROUTINES_H

#include <errno.h>
#include <stdarg.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/door.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"
#include "tests/model/model.h"
#include "tests/test.h"

__thread struct gor__m *gor__tls_m __attribute__((tls_model("initial-exec")));
struct gor__sched gor__sched;

static struct gor__m machines[MODEL_THREADS];
static struct gor__g goroutines[MODEL_THREADS];
static struct gor__g_side sides[MODEL_THREADS];
static struct gor__p proc; /* of all, for its timers */
static uint32_t woken[MODEL_THREADS];
static char timer_memory[1 << 16] __attribute__((aligned(64)));
static struct gor__watchers watchers; /* of any context */
static int64_t now[MODEL_THREADS];    /* as each thread sees it */
static int64_t clock_step;            /* by which it has gone on at each look */

/* Whoever runs next on the thread lets the limit begin, unlocks and goes its way; the goroutine goes
 * on once it is made runnable. */
static void wait_until_ready(struct gor__g *g)
{
    size_t self = (size_t)(g - goroutines);
    model_await(&woken[self], 0);
    MODEL_CHECK(gor__g_state(g) == GOR_RUNNABLE);
    __atomic_store_n(&woken[self], 0, __ATOMIC_RELAXED);
    gor__g_set_state(g, GOR_RUNNING, GOR_WAIT_NONE);
}

void gor__park(struct gor__lock *held, enum gor_wait_reason reason)
{
    struct gor__g *g = gor__g_self();
    gor__g_set_state(g, GOR_WAITING, reason);
    gor__limit_begin(g);
    gor__unlock(held);
    wait_until_ready(g);
}

void gor__ready(struct gor__g *g)
{
    MODEL_CHECK(gor__g_state(g) == GOR_WAITING);
    gor__g_set_state(g, GOR_RUNNABLE, GOR_WAIT_NONE);
    MODEL_CHECK(__atomic_load_n(&woken[g - goroutines], __ATOMIC_RELAXED) == 0);
    __atomic_store_n(&woken[g - goroutines], 1, __ATOMIC_RELEASE);
}

void gor__ready_list(struct gor__g *first, uint32_t count)
{
    for (; first != NULL; count--) {
        struct gor__g *next = first->next;
        gor__ready(first);
        first = next;
    }
    MODEL_CHECK(count == 0);
}

int64_t gor_now(void)
{
    int64_t *mine = &now[gor__g_self() - goroutines];
    *mine += clock_step;
    return *mine;
}

void gor__door_wait(struct gor__m *m)
{
    (void)m;
    model_fail("nobody takes a P here");
}

/* Somebody else runs on meanwhile, as is the case here anyway. */
void gor__yield(struct gor__m *m)
{
    (void)m;
}

void gor_panic(const char *format, ...)
{
    model_fail("%s", format);
}

struct gor__g_side *gor__pool_side(const struct gor__g *g)
{
    return &sides[g - goroutines];
}

void *gor__memory_reserve(size_t bytes, size_t alignment)
{
    (void)alignment;
    MODEL_CHECK(bytes <= sizeof timer_memory);
    return timer_memory;
}

void gor__memory_release(void *memory, size_t bytes)
{
    (void)memory;
    (void)bytes;
}

struct gor__watchers *gor__ctx_watchers(struct gor_ctx *ctx)
{
    (void)ctx;
    return &watchers;
}

static void resume(int thread)
{
    gor__tls_m = &machines[thread];
}

/* A world without anybody waiting. */
static void clear_goroutines(void)
{
    memset(machines, 0, sizeof machines);
    memset(goroutines, 0, sizeof goroutines);
    memset(sides, 0, sizeof sides);
    memset(&proc, 0, sizeof proc);
    memset(woken, 0, sizeof woken);
    memset(&watchers, 0, sizeof watchers);
    gor__sched.proc_count = 1; /* so that nobody spins */
    clock_step = 0;
    gor__timers_init(&proc.timers);
    for (int i = 0; i < MODEL_THREADS; i++) {
        machines[i].p = &proc;
        machines[i].g = &goroutines[i];
        gor__random_seed(&machines[i].random, (uint64_t)i + 1);
        goroutines[i].state = GOR_RUNNING;
        now[i] = 1;
    }
    model_name(machines, sizeof machines, "machine");
    model_name(goroutines, sizeof goroutines, "goroutine");
    model_name(sides, sizeof sides, "deadline");
    for (int i = 0; i < MODEL_THREADS; i++) {
        model_name(&goroutines[i].wake, 8, "token");
    }
    model_name(woken, sizeof woken, "woken");
    model_name(&proc.timers, sizeof proc.timers, "timers");
    model_name(&watchers, sizeof watchers, "watchers");
}

#endif
