/* SPDX-License-Identifier: MIT */
/* blocking.c - gor_blocking: calls that would hold up a P, on threads of their own.
 *
 * A call takes the thread that became idle last, so that the others may end after ten idle seconds;
 * else it makes one; beyond THREADS_MAX it waits its turn, first come, first served. A thread is
 * reserved before the call is handed over, so that a call below the limit never waits for another.
 *
 * A call is a struct on the stack of the parked goroutine. Its lock is held from before the
 * hand-over until the goroutine's stack is stored (gor__park_spin), and the thread takes that lock
 * before it makes the goroutine runnable: so a call may begin, and even end, while its goroutine is
 * still on the way to sleep.
 *
 * Threads     the pool and the workers' fields are guarded by the pool's mutex, but for `wake`.
 */
#include "runtime/io/blocking.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/sched/sched.h"

enum { THREADS_MAX = 256, IDLE_SECONDS = 10, STOP_SECONDS = 1 };

struct call {
    struct gor__spin lock; /* see above */
    int (*fn)(void *arg);
    void *arg;
    int result;
    struct gor__g *g;
    struct call *next; /* list link of the queue */
};

struct worker {
    pthread_t thread;
    uint32_t wake;     /* futex: 1 when there may be something to do */
    bool idle;         /* on the idle list */
    bool reserved;     /* somebody is about to hand over a call */
    struct call *call; /* borrowed: what was handed over */
    struct worker *prev_idle;
    struct worker *next_idle;  /* list links of the idle ones, newest first */
    struct worker *next_ended; /* list link of those to be joined */
};

static struct {
    struct gor__mutex lock;
    struct call *first; /* borrowed from the goroutines that wait */
    struct call *last;
    struct worker *idle; /* owned, as are the working ones by their threads */
    struct worker *ended;
    uint32_t threads; /* made and not ended; futex of gor__blocking_stop */
    bool stopping;
} pool;

static void count_threads(int delta)
{
    __atomic_add_fetch(&pool.threads, (uint32_t)delta, __ATOMIC_RELEASE);
    __atomic_add_fetch(&gor__sched.blocking_threads, (uint32_t)delta, __ATOMIC_RELAXED);
}

static void put_idle(struct worker *worker)
{
    worker->idle = true;
    worker->prev_idle = NULL;
    worker->next_idle = pool.idle;
    if (pool.idle != NULL) {
        pool.idle->prev_idle = worker;
    }
    pool.idle = worker;
}

static void remove_idle(struct worker *worker)
{
    worker->idle = false;
    if (worker->prev_idle != NULL) {
        worker->prev_idle->next_idle = worker->next_idle;
    } else {
        pool.idle = worker->next_idle;
    }
    if (worker->next_idle != NULL) {
        worker->next_idle->prev_idle = worker->prev_idle;
    }
}

static void put_call(struct call *call)
{
    if (pool.last != NULL) {
        pool.last->next = call;
    } else {
        pool.first = call;
    }
    pool.last = call;
}

/* What `worker` shall do next, or NULL. */
static struct call *take_call(struct worker *worker)
{
    struct call *call = worker->call;
    if (call != NULL) {
        worker->call = NULL;
        worker->reserved = false;
        return call;
    }
    call = worker->reserved ? NULL : pool.first;
    if (call != NULL) {
        pool.first = call->next;
        if (pool.first == NULL) {
            pool.last = NULL;
        }
    }
    return call;
}

/* ---- the threads */

/* Sleep until woken; the mutex is held before and after, not meanwhile. False: nobody needed us for
 * long, and we are not on the idle list any more. */
static bool wait_for_work(struct worker *worker)
{
    bool woken = true;
    int64_t deadline = worker->reserved ? GOR_NEVER : gor_after(IDLE_SECONDS * GOR_SECOND);
    __atomic_store_n(&worker->wake, 0, __ATOMIC_RELAXED);
    if (!worker->reserved) {
        put_idle(worker);
    }
    gor__mutex_unlock(&pool.lock);
    while (woken && __atomic_load_n(&worker->wake, __ATOMIC_ACQUIRE) == 0) {
        woken = gor__futex_wait(&worker->wake, 0, deadline);
    }
    gor__mutex_lock(&pool.lock);
    if (worker->idle) {
        remove_idle(worker);
        return woken;
    }
    return true;
}

static void answer(struct call *call, int result)
{
    gor__spin_lock(&call->lock);
    call->result = result;
    /* The call is gone with the goroutine's next step; its lock is not given back. */
    gor__ready(call->g);
}

static void do_call(struct call *call)
{
    int result = call->fn(call->arg);
    /* Once the runtime stops, the goroutine never runs again. */
    if (!__atomic_load_n(&gor__sched.stopping, __ATOMIC_ACQUIRE)) {
        answer(call, result);
    }
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    bool stay = true;
    gor__mutex_lock(&pool.lock);
    while (stay && !pool.stopping) {
        struct call *call = take_call(worker);
        if (call == NULL) {
            stay = wait_for_work(worker);
            continue;
        }
        gor__mutex_unlock(&pool.lock);
        do_call(call);
        gor__mutex_lock(&pool.lock);
    }
    worker->next_ended = pool.ended;
    pool.ended = worker;
    count_threads(-1);
    gor__futex_wake(&pool.threads, 1);
    gor__mutex_unlock(&pool.lock);
    return NULL;
}

static void join_workers(struct worker *ended)
{
    while (ended != NULL) {
        struct worker *worker = ended;
        ended = worker->next_ended;
        pthread_join(worker->thread, NULL);
        free(worker);
    }
}

/* A new thread, reserved and already counted; NULL when there is none to be had. */
static struct worker *make_worker(void)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL) {
        return NULL;
    }
    worker->reserved = true;
    if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
        free(worker);
        return NULL;
    }
    (void)pthread_setname_np(worker->thread, "gor-blocking");
    return worker;
}

/* ---- the callers */

static struct worker *reserve_idle(void)
{
    struct worker *worker = pool.idle;
    if (worker != NULL) {
        remove_idle(worker);
        worker->reserved = true;
    }
    return worker;
}

/* The thread that was counted could not be made. Others may have queued their calls for its sake: if
 * there is no thread at all, nobody will ever come for them. */
static void count_failure(void)
{
    struct call *left = NULL;
    gor__mutex_lock(&pool.lock);
    count_threads(-1);
    if (pool.threads == 0) {
        left = pool.first;
        pool.first = NULL;
        pool.last = NULL;
    }
    gor__mutex_unlock(&pool.lock);
    while (left != NULL) {
        struct call *call = left;
        left = call->next;
        answer(call, -EAGAIN);
    }
}

/* A thread that waits for our call; NULL: there are as many as there may be, or can be. */
static struct worker *reserve_worker(void)
{
    gor__mutex_lock(&pool.lock);
    struct worker *worker = reserve_idle();
    bool make = worker == NULL && pool.threads < THREADS_MAX;
    struct worker *ended = pool.ended;
    pool.ended = NULL;
    if (make) {
        count_threads(1);
    }
    gor__mutex_unlock(&pool.lock);
    join_workers(ended);
    if (make) {
        worker = make_worker();
        if (worker == NULL) {
            count_failure();
        }
    }
    return worker;
}

/* Hand the call to `worker`, or to one that has become idle, or queue it. -EAGAIN: there is no
 * thread that would ever come to the queue. */
static int hand_over(struct call *call, struct worker *worker)
{
    int result = 0;
    gor__mutex_lock(&pool.lock);
    if (worker == NULL) {
        worker = reserve_idle();
    }
    if (worker != NULL) {
        worker->call = call;
        __atomic_store_n(&worker->wake, 1, __ATOMIC_RELEASE);
    } else if (pool.threads > 0) {
        put_call(call);
    } else {
        result = -EAGAIN;
    }
    gor__mutex_unlock(&pool.lock);
    if (worker != NULL) {
        /* It may even have ended by now: a wake-up at an address nobody sleeps on does nothing. */
        gor__futex_wake(&worker->wake, 1);
    }
    return result;
}

int gor_blocking(int (*fn)(void *arg), void *arg)
{
    struct call call = {.fn = fn, .arg = arg, .g = gor__g_self()};
    if (call.g == NULL) {
        return -EPERM;
    }
    struct worker *worker = reserve_worker();
    gor__spin_lock(&call.lock);
    int result = hand_over(&call, worker);
    if (result < 0) {
        return result;
    }
    __atomic_add_fetch(&gor__sched.blocking_calls, 1, __ATOMIC_RELAXED);
    gor__park_spin(&call.lock, GOR_WAIT_BLOCKING);
    return call.result;
}

/* ---- the end */

bool gor__blocking_stop(void)
{
    int64_t deadline = gor_after(STOP_SECONDS * GOR_SECOND);
    uint32_t left = 0;
    gor__mutex_lock(&pool.lock);
    pool.stopping = true;
    pool.first = NULL;
    pool.last = NULL;
    for (struct worker *worker = pool.idle; worker != NULL; worker = worker->next_idle) {
        __atomic_store_n(&worker->wake, 1, __ATOMIC_RELEASE);
        gor__futex_wake(&worker->wake, 1);
    }
    gor__mutex_unlock(&pool.lock);
    while ((left = __atomic_load_n(&pool.threads, __ATOMIC_ACQUIRE)) != 0) {
        if (!gor__futex_wait(&pool.threads, left, deadline)) {
            return false;
        }
    }
    gor__mutex_lock(&pool.lock);
    struct worker *ended = pool.ended;
    pool.ended = NULL;
    pool.stopping = false;
    gor__mutex_unlock(&pool.lock);
    join_workers(ended);
    return true;
}
