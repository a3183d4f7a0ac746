/* SPDX-License-Identifier: MIT */
/* seeded.c - see seeded.h.
 *
 * Drawing from all that can run, uniformly, was chosen over keeping the queues' order and perturbing
 * it: it is the easiest to reason about, and every interleaving of doors has its chance.
 */
#include "runtime/sched/seeded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/env.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/asleep.h"
#include "runtime/sched/door.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/trace.h"

enum {
    FIRST_CAPACITY = 512,
    LET_GO_FIRST = 3, /* one door in so many */
    POLL_DRAWS = 16,  /* draws between looks at the network poller */
};

static const int64_t virtual_start = 1000 * GOR_SECOND;

struct gor__seeded gor__seeded;

static uint64_t seed_from_environment(void)
{
    uint64_t number = 0;
    return gor__env_number("GOR_SEED", 0, &number) ? number : 0;
}

static bool time_from_environment(void)
{
    const char *wish = gor__env("GOR_VIRTUAL_TIME");
    if (wish != NULL && gor__env_switch(wish) == GOR__ENV_ELSE) {
        gor__env_refuse("GOR_VIRTUAL_TIME", wish, "on or off");
    }
    return gor__env_switch(wish) == GOR__ENV_ON;
}

void gor__seeded_init(const struct gor_opts *opts)
{
    uint64_t seed = opts->seed != 0 ? opts->seed : seed_from_environment();
    bool virtual_time = opts->virtual_time;
    if (seed != 0 && !virtual_time) {
        virtual_time = time_from_environment();
    }
    gor__seeded.on = seed != 0 || virtual_time;
    gor__seeded.seed = seed != 0 ? seed : 1;
    if (virtual_time) {
        gor__sched.coarse_now = virtual_start;
        __atomic_store_n(&gor__seeded.virtual_time, true, __ATOMIC_RELAXED);
    }
}

void gor__seeded_fini(void)
{
    if (gor__seeded.runnable != NULL) {
        gor__memory_release(gor__seeded.runnable,
                            gor__seeded.capacity * sizeof *gor__seeded.runnable);
    }
    memset(&gor__seeded, 0, sizeof gor__seeded);
}

/* ---- the pool */

static void grow(void)
{
    struct gor__seeded *s = &gor__seeded;
    size_t capacity = s->capacity > 0 ? s->capacity * 2 : FIRST_CAPACITY;
    struct gor__g **runnable = gor__memory_reserve(capacity * sizeof *runnable, 1);
    if (runnable == NULL) {
        gor__die("no memory for %lu runnable goroutines", (unsigned long)capacity);
    }
    if (s->runnable != NULL) {
        memcpy(runnable, s->runnable, s->count * sizeof *runnable);
        gor__memory_release(s->runnable, s->capacity * sizeof *runnable);
    }
    s->runnable = runnable;
    s->capacity = capacity;
}

static void put(struct gor__g *g)
{
    if (gor__seeded.count == gor__seeded.capacity) {
        grow();
    }
    gor__seeded.runnable[gor__seeded.count] = g;
    __atomic_store_n(&gor__seeded.count, gor__seeded.count + 1, __ATOMIC_RELAXED);
}

/* Whatever was made runnable since, in the order of the queues. */
static void gather(struct gor__p *p)
{
    struct gor__g *g = NULL;
    while ((g = gor__next_local(p)) != NULL || (g = gor__global_take()) != NULL) {
        put(g);
    }
}

static struct gor__g *draw(struct gor__m *m)
{
    struct gor__seeded *s = &gor__seeded;
    if (s->count == 0) {
        return NULL;
    }
    size_t which = gor__random_below(&m->random, (uint32_t)s->count);
    struct gor__g *g = s->runnable[which];
    __atomic_store_n(&s->count, s->count - 1, __ATOMIC_RELAXED);
    s->runnable[which] = s->runnable[s->count];
    return g;
}

/* ---- what comes from elsewhere */

static void poll_network(void)
{
    uint32_t count = 0;
    if (gor__netpoll_waiters() != 0) {
        struct gor__g *list = gor__netpoll_poll(0, &count);
        gor__ready_list(list, count);
    }
}

static void run_timers(struct gor__p *p)
{
    int64_t now = gor__clock();
    if (gor__timers_first(&p->timers) <= now) {
        (void)gor__timers_run(&p->timers, now);
    }
}

/* Everything waits: on to the next timer, if time is virtual and there is one. */
static bool jump(struct gor__p *p)
{
    int64_t first = gor__timers_first(&p->timers);
    if (!gor__time_is_virtual() || first == GOR_NEVER) {
        return false;
    }
    __atomic_store_n(&gor__sched.coarse_now, first, __ATOMIC_RELAXED);
    run_timers(p);
    return true;
}

/* Nobody will ever run again, as far as we can know: with threads of the host that call in, or
 * without a root goroutine that is waited for, we cannot; nor before that has begun, for the thread in
 * gor_run may be about to queue it. */
static bool is_deadlock(const struct gor__p *p)
{
    const uint32_t *done = __atomic_load_n(&gor__seeded.root_done, __ATOMIC_ACQUIRE);
    return done != NULL && __atomic_load_n(done, __ATOMIC_ACQUIRE) == 0 &&
           __atomic_load_n(&gor__seeded.root_has_begun, __ATOMIC_RELAXED) &&
           gor_num_goroutine() > 0 && gor__netpoll_waiters() == 0 &&
           gor__timers_first(&p->timers) == GOR_NEVER &&
           __atomic_load_n(&gor__sched.foreign_created, __ATOMIC_RELAXED) <= 1 &&
           !__atomic_load_n(&gor__sched.foreign_woke, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE);
}

static void report_deadlock(struct gor__m *m)
{
    char note[40];
    (void)snprintf(note, sizeof note, " (GOR_SEED=%llu)", (unsigned long long)gor__seeded.seed);
    gor__leave_machine(m);
    gor__deadlock_report(note);
    gor__enter_machine(m);
}

struct gor__g *gor__seeded_next(struct gor__m *m)
{
    struct gor__p *p = m->p;
    run_timers(p);
    if (gor__seeded.draws++ % POLL_DRAWS == 0) {
        poll_network();
    }
    gather(p);
    if (gor__seeded.count == 0) {
        poll_network();
        gather(p);
    }
    while (gor__seeded.count == 0 && jump(p)) {
        gather(p);
    }
    if (gor__seeded.count == 0 && is_deadlock(p)) {
        report_deadlock(m);
    }
    struct gor__g *g = draw(m);
    /* One that sleeps for want of work must not be called at once. */
    __atomic_store_n(&p->attention, g != NULL, __ATOMIC_RELEASE);
    __atomic_store_n(&m->taken, g != NULL, __ATOMIC_RELEASE);
    return g;
}

void gor__seeded_point(struct gor__m *m)
{
    if (m->g != NULL && gor__random_below(&m->random, LET_GO_FIRST) == 0) {
        gor__yield(m);
    }
}
