/* SPDX-License-Identifier: MIT */
/* timer_api.c - gor_timer: one-shot timers, tickers and delayed functions on the scheduler's
 * timers.
 *
 * Each start has a generation, which its firing carries: a firing that comes after stop or reset
 * finds that its time has passed and does nothing. So stop can promise that nothing stale is
 * delivered, and its answer is exact. A ticker starts its timer anew at each firing instead of
 * having the scheduler repeat it: then every firing has a hold of its own on the memory.
 *
 * Threads     `lock` guards all but holds; it is taken before those of the channel and of the
 *             timers.
 * Ownership   `holds` counts the maker and the firing that is to come, or under way.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/chan.h"
#include "runtime/sync/misuse.h"

#define RETRY_NS GOR_MILLISECOND

struct gor_timer {
    struct gor__lock lock;
    uint32_t holds;
    bool active; /* will fire */
    uint64_t generation;
    int64_t period;        /* 0: once */
    struct gor_chan *chan; /* owned; NULL: calls fn */
    void (*fn)(void *arg);
    void *arg;
    const void *caller; /* of gor_timer_new_func: who starts the goroutines */
    struct gor__timer timer;
    struct gor__trash trash;
};

static void free_timer(struct gor_timer *t)
{
    gor_chan_unref(t->chan);
    free(t);
}

static bool drop(struct gor_timer *t)
{
    return __atomic_sub_fetch(&t->holds, 1, __ATOMIC_ACQ_REL) == 0;
}

/* Under the lock. */
static void start_at(struct gor_timer *t, int64_t when)
{
    __atomic_add_fetch(&t->holds, 1, __ATOMIC_RELAXED);
    t->timer.when = when;
    t->timer.token = t->generation;
    gor__timer_start(&t->timer);
}

/* The next tick on the grid, those that were missed left out. */
static int64_t next_tick(const struct gor_timer *t, int64_t now)
{
    int64_t step = 0;
    int64_t when = 0;
    int64_t ticks = now > t->timer.when ? (now - t->timer.when) / t->period + 1 : 1;
    if (__builtin_mul_overflow(ticks, t->period, &step) ||
        __builtin_add_overflow(t->timer.when, step, &when)) {
        return GOR_NEVER;
    }
    return when;
}

/* Under the lock, with its time come. A function for which there is no goroutine is tried again. */
static void deliver(struct gor_timer *t)
{
    int64_t now = gor_now();
    if (t->chan == NULL) {
        if (gor__spawn(NULL, t->fn, t->arg, t->caller) < 0) {
            start_at(t, now + RETRY_NS);
        } else {
            t->active = false;
        }
        return;
    }
    (void)gor__chan_try_send(t->chan, &now);
    if (t->period > 0) {
        start_at(t, next_tick(t, now));
    } else {
        t->active = false;
    }
}

static void free_trashed(struct gor__trash *trash)
{
    free_timer((struct gor_timer *)((char *)trash - offsetof(struct gor_timer, trash)));
}

static void fire(void *arg, uint64_t token)
{
    struct gor_timer *t = arg;
    gor__lock(&t->lock);
    if (t->active && t->generation == token) {
        deliver(t);
    }
    gor__unlock(&t->lock);
    if (drop(t)) {
        /* Freed by its maker meanwhile; the scheduler, which we are here, may not free memory. */
        gor__free_later(&t->trash, free_trashed);
    }
}

/* Under the lock: whether it would have fired, or had fired into the channel and nobody had received
 * it yet, which is the same to whoever waits. */
static bool stop(struct gor_timer *t)
{
    bool stopped = t->active;
    t->active = false;
    t->generation++;
    if (gor__timer_stop(&t->timer)) {
        /* Not the last one, which is the maker's. */
        (void)drop(t);
    }
    if (t->chan != NULL && gor__chan_try_recv(t->chan, NULL) == 1) {
        stopped = true;
    }
    return stopped;
}

static struct gor_timer *new_timer(void)
{
    struct gor_timer *t = gor__g_self() != NULL ? calloc(1, sizeof *t) : NULL;
    if (t != NULL) {
        t->holds = 1;
        t->timer.fire = fire;
        t->timer.arg = t;
    }
    return t;
}

static void start(struct gor_timer *t, int64_t ns)
{
    struct gor__m *m = gor__enter();
    gor__lock(&t->lock);
    t->active = true;
    start_at(t, gor_after(ns));
    gor__unlock(&t->lock);
    gor__leave_machine(m);
}

static struct gor_timer *new_with_chan(int64_t ns, int64_t period)
{
    struct gor_timer *t = new_timer();
    if (t == NULL) {
        return NULL;
    }
    t->period = period;
    t->chan = gor_chan_new(sizeof(int64_t), 1);
    if (t->chan == NULL) {
        free(t);
        return NULL;
    }
    start(t, ns);
    return t;
}

struct gor_timer *gor_timer_new(int64_t ns)
{
    return new_with_chan(ns, 0);
}

struct gor_timer *gor_ticker_new(int64_t ns)
{
    if (ns <= 0) {
        (void)gor__misuse(0, "non-positive interval for NewTicker");
        return NULL;
    }
    return new_with_chan(ns, ns);
}

struct gor_timer *gor_timer_new_func(int64_t ns, void (*fn)(void *arg), void *arg)
{
    struct gor_timer *t = new_timer();
    if (t != NULL) {
        t->fn = fn;
        t->arg = arg;
        t->caller = __builtin_return_address(0);
        start(t, ns);
    }
    return t;
}

struct gor_chan *gor_timer_chan(struct gor_timer *t)
{
    return t->chan;
}

int gor_timer_stop(struct gor_timer *t)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    gor__enter_machine(m);
    gor__lock(&t->lock);
    bool stopped = stop(t);
    gor__unlock(&t->lock);
    gor__leave_machine(m);
    return stopped ? 1 : 0;
}

/* Under the lock: as stop() answers. */
static bool restart(struct gor_timer *t, int64_t ns)
{
    bool stopped = stop(t);
    if (t->period > 0) {
        t->period = ns;
    }
    t->active = true;
    start_at(t, gor_after(ns));
    return stopped;
}

int gor_timer_reset(struct gor_timer *t, int64_t ns)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    gor__enter_machine(m);
    gor__lock(&t->lock);
    bool valid = t->period == 0 || ns > 0;
    bool stopped = valid && restart(t, ns);
    gor__unlock(&t->lock);
    gor__leave_machine(m);
    if (!valid) {
        return gor__misuse(-EINVAL, "non-positive interval for Ticker.Reset");
    }
    return stopped ? 1 : 0;
}

void gor_timer_free(struct gor_timer *t)
{
    if (t == NULL) {
        return;
    }
    struct gor__m *m = gor__enter();
    gor__lock(&t->lock);
    (void)stop(t);
    gor__unlock(&t->lock);
    gor__leave_machine(m);
    if (drop(t)) {
        free_timer(t);
    }
}
