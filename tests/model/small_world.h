/* SPDX-License-Identifier: MIT */
/* small_world.h - what the scheduler's own sources need in a model test: a few Ms, Ps and goroutines, and
 * stand-ins for all but those sources: the switch, the poller's system calls, the making of threads.
 *
 * Defines everything, so it is for the one source file of a test, which names at its top, as model: lines,
 *
 *     sched/find.c sched/handoff.c sched/ready.c sched/runq.c sched/goroutine.c sched/world.c
 *     sched/bind.c sched/timer.c sched/trace.c sched/trace_ring.c sched/observe.c
 */
#ifndef GOR_TESTS_MODEL_SMALL_WORLD_H
#define GOR_TESTS_MODEL_SMALL_WORLD_H

#include <stdlib.h>

#include "runtime/cpu/memory.h"
#include "runtime/sched/asleep.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/contention.h"
#include "runtime/sched/door.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/hibernate.h"
#include "runtime/sched/histogram.h"
#include "runtime/sched/latency.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/ready.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/trace_felt.h"
#include "tests/model/model.h"
#include "tests/test.h"

enum { PROCS = 3, GOROUTINES = 4 };

__thread struct gor__m *gor__tls_m __attribute__((tls_model("initial-exec")));
struct gor__sched gor__sched;
struct gor__seeded gor__seeded;

static struct gor__m machines[MODEL_THREADS]; /* one for each thread */
static struct gor__p procs[PROCS];
static struct gor__g goroutines[GOROUTINES];
static uint32_t ran[GOROUTINES];
static int errors[MODEL_THREADS]; /* errno of each */
static uint32_t break_pending;    /* of the poller */
static uint32_t broken;           /* its eventfd */
static bool foreign[MODEL_THREADS];
static bool tired[MODEL_THREADS]; /* has slept for as long as it wanted to, once */
static bool no_fence_all;         /* a mutant */
static int64_t time_now; /* atomic; it comes to a timer as soon as somebody waits for that */
static char timer_memory[1 << 14] __attribute__((aligned(64))); /* of one P */

/* ---- in place of the rest of the runtime */

struct gor__g *gor__next_local(struct gor__p *p)
{
    struct gor__g *g = gor__runq_take_next(&p->runq);
    if (g == NULL) {
        g = gor__runq_get(&p->runq);
    }
    return g != NULL ? g : gor__fresh_pop(&p->fresh);
}

void gor__end_streak(struct gor__p *p)
{
    p->next_streak = 0;
}

void gor__netpoll_break(void)
{
    if (__atomic_exchange_n(&break_pending, 1, __ATOMIC_SEQ_CST) == 0) {
        __atomic_store_n(&broken, 1, __ATOMIC_SEQ_CST);
    }
}

/* Nothing ever happens there but breaks, and timers. */
struct gor__g *gor__netpoll_poll(int64_t deadline, uint32_t *out_count)
{
    if (deadline > 0 && deadline != GOR_NEVER) {
        __atomic_store_n(&time_now, deadline, __ATOMIC_RELAXED);
    } else if (deadline > 0) {
        model_await(&broken, 0);
        __atomic_store_n(&broken, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&break_pending, 0, __ATOMIC_SEQ_CST);
    }
    *out_count = 0;
    return NULL;
}

uint64_t gor__netpoll_waiters(void)
{
    return 0;
}

void gor__asleep_notice(void)
{
}

void gor__contention_woken(struct gor__g *g)
{
    (void)g;
    model_fail("nothing is profiled here");
}

/* Nor is anything timed. */
struct gor__latency gor__latency = {.next_at = GOR_NEVER};

void gor__latency_arm(int64_t now)
{
    (void)now;
    model_fail("nothing is timed here");
}

void gor__latency_runnable(struct gor__g *g)
{
    (void)g;
    model_fail("nothing is timed here");
}

void gor__latency_waited(int64_t ns)
{
    (void)ns;
}

void gor__histogram_add(struct gor__histogram *histogram, int64_t ns, uint64_t weight)
{
    (void)histogram;
    (void)ns;
    (void)weight;
}

void gor__histogram_clear(struct gor__histogram *histogram)
{
    (void)histogram;
}

/* Nobody is paused here. */
uint32_t gor__pauses;

bool gor__pause_sets_aside(struct gor__g *g)
{
    (void)g;
    return false;
}

/* Nobody hibernates here. */
bool gor__hibernate_always;

void gor__hibernate_parked(struct gor__m *m)
{
    (void)m;
}

void gor__stacks_restock(struct gor__p *p)
{
    (void)p;
}

/* Nothing is traced. */
const char *gor__pool_name(const struct gor__g *g)
{
    (void)g;
    return NULL;
}

uint64_t gor_num_goroutine(void)
{
    return 0;
}

/* There is no ceiling. */
struct gor__ceiling gor__ceiling;

void gor__ceiling_came_room(void)
{
    model_fail("nobody waits for a place here");
}

void gor__ceiling_attend(struct gor__p *p)
{
    (void)p;
}

/* As in machine.c, but that a limit passes at once, though not twice. */
bool gor__machine_sleep(struct gor__m *m, int64_t deadline)
{
    while (__atomic_load_n(&m->wake, __ATOMIC_ACQUIRE) == 0) {
        if (deadline != GOR_NEVER && !tired[model_thread()]) {
            tired[model_thread()] = true;
            return false;
        }
        (void)gor__futex_wait(&m->wake, 0, GOR_NEVER);
    }
    __atomic_store_n(&m->wake, 0, __ATOMIC_RELAXED);
    return true;
}

void gor__machine_wake(struct gor__m *m)
{
    __atomic_store_n(&m->wake, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&m->wake, 1);
}

void gor__machine_want(void)
{
    __atomic_store_n(&gor__sched.wanted, 1, __ATOMIC_RELEASE);
}

int64_t gor__clock(void)
{
    return __atomic_load_n(&time_now, __ATOMIC_RELAXED);
}

int64_t gor_after(int64_t ns)
{
    return ns;
}

bool gor__preempt_works(void)
{
    return true;
}

bool gor__fences_work(void)
{
    return true;
}

void gor__fence_all_threads(void)
{
    if (!no_fence_all) {
        model_fence_all();
    }
}

void gor__preempt_send(struct gor__m *m)
{
    (void)m;
}

void gor__abandon(struct gor__m *m)
{
    (void)m;
    model_fail("a machine was abandoned");
}

struct gor__g *gor__seeded_next(struct gor__m *m)
{
    (void)m;
    model_fail("nothing is seeded here");
}

void gor__seeded_point(struct gor__m *m)
{
    (void)m;
    model_fail("nothing is seeded here");
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

/* ---- a small world */

static void resume(int thread)
{
    gor__tls_m = foreign[thread] ? NULL : &machines[thread];
}

static void name_things(void)
{
    static const char *const machine_names[] = {"m0", "m1", "m2", "m3"};
    static const char *const proc_names[] = {"p0", "p1", "p2"};
    for (int i = 0; i < MODEL_THREADS; i++) {
        model_name(&machines[i], sizeof machines[i], machine_names[i]);
        model_name(&machines[i].inside, 1, "inside");
        model_name(&machines[i].taken, 4, "taken");
        model_name(&machines[i].let_on, 4, "let_on");
        model_name(&machines[i].wake, 4, "wake");
    }
    for (int i = 0; i < PROCS; i++) {
        model_name(&procs[i], sizeof procs[i], proc_names[i]);
        model_name(&procs[i].runq, sizeof procs[i].runq, "runq");
        model_name(&procs[i].runq.next, 8, "runq.next");
        model_name(&procs[i].fresh.top, 4, "fresh.top");
        model_name(&procs[i].fresh.lock, 4, "fresh.lock");
    }
    model_name(&gor__sched, sizeof gor__sched, "sched");
    model_name(&gor__sched.lock, 4, "sched.lock");
    model_name(&gor__sched.spinning, 4, "spinning");
    model_name(&gor__sched.poller, 4, "poller");
    model_name(&gor__sched.poll_until, 8, "poll_until");
    model_name(&gor__sched.idle_proc_count, 4, "idle_proc_count");
    model_name(&gor__sched.global_count, 4, "global_count");
    model_name(&broken, 4, "eventfd");
    model_name(&break_pending, 4, "break_pending");
    model_name(ran, sizeof ran, "ran");
    model_name(goroutines, sizeof goroutines, "goroutine");
}

static void clear(uint32_t proc_count)
{
    memset(&gor__sched, 0, sizeof gor__sched);
    memset(machines, 0, sizeof machines);
    memset(procs, 0, sizeof procs);
    memset(goroutines, 0, sizeof goroutines);
    memset(ran, 0, sizeof ran);
    memset(foreign, 0, sizeof foreign);
    memset(tired, 0, sizeof tired);
    break_pending = 0;
    broken = 0;
    time_now = 0;
    gor__sched.able = -MODEL_THREADS; /* more are wanted whenever nobody is there */
    gor__sched.proc_count = proc_count;
    gor__sched.procs_made = proc_count;
    gor__sched.poll_until = GOR_NEVER;
    for (uint32_t i = 0; i < proc_count; i++) {
        gor__sched.procs[i] = &procs[i];
        procs[i].index = i;
        procs[i].in_use = true;
        gor__timers_init(&procs[i].timers);
    }
    for (int i = 0; i < MODEL_THREADS; i++) {
        gor__random_seed(&machines[i].random, (uint64_t)i);
        machines[i].inside = true;
        machines[i].errno_address = &errors[i];
    }
    name_things();
}

/* On the list of all, in the order of their numbers, and in no other way known yet. */
__attribute__((unused)) static void list_machines(int first, int count)
{
    for (int i = first + count - 1; i >= first; i--) {
        machines[i].next = gor__sched.machines;
        if (machines[i].next != NULL) {
            machines[i].next->prev = &machines[i];
        }
        gor__sched.machines = &machines[i];
        gor__sched.machine_count++;
    }
    gor__sched.able = count;
}

static void run_goroutine(const struct gor__g *g)
{
    (void)__atomic_fetch_add(&ran[g - goroutines], 1, __ATOMIC_RELAXED);
}

/* What a thread of the runtime does, its goroutines ending at once. */
__attribute__((unused)) static void schedule(void)
{
    struct gor__m *m = &machines[model_thread()];
    struct gor__g *g = NULL;
    while ((g = gor__find_runnable(m)) != NULL) {
        run_goroutine(g);
    }
}

static void check_ran(int count)
{
    for (int i = 0; i < GOROUTINES; i++) {
        if (ran[i] != (i < count)) {
            model_fail("goroutine %d ran %u times", i, ran[i]);
        }
    }
}

static void check_one(void)
{
    check_ran(1);
}

#endif
