/* SPDX-License-Identifier: MIT */
/* workers.c - see workers.h.
 *
 * Threads     the pool and the workers' fields are guarded by the pool's mutex, but for `wake`.
 */
#include "runtime/io/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sampler.h"
#include "runtime/sched/sched.h"

enum { THREADS_MAX = 256, LOOKUPS_MAX = 64, IDLE_SECONDS = 10, STOP_SECONDS = 1 };

struct gor__worker {
    pthread_t thread;
    uint32_t wake;          /* futex: 1 when there may be something to do */
    bool asleep;            /* on the list of the idle, or of the reserved */
    bool reserved;          /* somebody is about to hand over work */
    struct gor__work *work; /* borrowed: what was handed over */
    struct gor__worker *prev;
    struct gor__worker *next;       /* list links of those asleep, newest first */
    struct gor__worker *next_ended; /* list link of those to be joined */
};

/* First come, first served. */
struct line {
    struct gor__work *first;
    struct gor__work *last;
};

static struct {
    struct gor__mutex lock;
    struct line any;        /* borrowed from the goroutines that wait, as all work is */
    struct line lookups;    /* beyond LOOKUPS_MAX */
    struct gor__work *kept; /* see gor__workers_keep */
    /* Those asleep; owned, as are the working ones by their threads. */
    struct gor__worker *idle;
    struct gor__worker *reserved;
    struct gor__worker *ended;
    uint32_t lookups_running; /* or handed over */
    uint32_t threads;         /* made and not ended */
    uint32_t holding;         /* those not in detached work; futex of gor__workers_stop */
    uint32_t epoch;           /* counts the runtimes that have stopped */
    bool stopping;
} pool;

static void count_holding(int delta)
{
    if (__atomic_add_fetch(&pool.holding, (uint32_t)delta, __ATOMIC_RELEASE) == 0) {
        gor__futex_wake(&pool.holding, 1);
    }
}

static void count_listed(int delta)
{
    pool.threads += (uint32_t)delta;
    __atomic_add_fetch(&gor__sched.blocking_threads, (uint32_t)delta, __ATOMIC_RELAXED);
}

static void count_threads(int delta)
{
    count_listed(delta);
    count_holding(delta);
}

static struct gor__worker **list_of(const struct gor__worker *worker)
{
    return worker->reserved ? &pool.reserved : &pool.idle;
}

static void put_asleep(struct gor__worker *worker)
{
    struct gor__worker **list = list_of(worker);
    worker->asleep = true;
    worker->prev = NULL;
    worker->next = *list;
    if (*list != NULL) {
        (*list)->prev = worker;
    }
    *list = worker;
}

static void remove_asleep(struct gor__worker *worker)
{
    worker->asleep = false;
    if (worker->prev != NULL) {
        worker->prev->next = worker->next;
    } else {
        *list_of(worker) = worker->next;
    }
    if (worker->next != NULL) {
        worker->next->prev = worker->prev;
    }
}

/* One that is asleep moves to the other list. */
static void set_reserved(struct gor__worker *worker, bool reserved)
{
    bool asleep = worker->asleep;
    if (asleep) {
        remove_asleep(worker);
    }
    worker->reserved = reserved;
    if (asleep) {
        put_asleep(worker);
    }
}

static void put_work(struct line *line, struct gor__work *work)
{
    work->next = NULL;
    if (line->first != NULL) {
        line->last->next = work;
    } else {
        line->first = work;
    }
    line->last = work;
}

static struct gor__work *take_first(struct line *line)
{
    struct gor__work *work = line->first;
    if (work != NULL) {
        line->first = work->next;
    }
    return work;
}

static void refuse_all(struct gor__work *work, int error)
{
    while (work != NULL) {
        struct gor__work *next = work->next;
        work->refuse(work, error);
        work = next;
    }
}

/* What `worker` shall do next, or NULL. */
static struct gor__work *take_work(struct gor__worker *worker)
{
    struct gor__work *work = worker->work;
    if (work != NULL) {
        worker->work = NULL;
        worker->reserved = false;
        return work;
    }
    return worker->reserved ? NULL : take_first(&pool.any);
}

/* `work` was done: the look-up that comes next, if it was one, or NULL. */
static struct gor__work *next_lookup(bool was_lookup)
{
    if (!was_lookup) {
        return NULL;
    }
    struct gor__work *next = take_first(&pool.lookups);
    if (next == NULL) {
        pool.lookups_running--;
    }
    return next;
}

/* ---- the threads */

/* Sleep until woken; the mutex is held before and after, not meanwhile. False: nobody has needed us for
 * long. One that is reserved waits for whoever did that, or for the end of the runtime. */
static bool wait_for_work(struct gor__worker *worker)
{
    bool woken = true;
    int64_t deadline =
        worker->reserved ? GOR_NEVER : gor__monotonic_after(IDLE_SECONDS * GOR_SECOND);
    __atomic_store_n(&worker->wake, 0, __ATOMIC_RELAXED);
    put_asleep(worker);
    gor__mutex_unlock(&pool.lock);
    while (woken && __atomic_load_n(&worker->wake, __ATOMIC_ACQUIRE) == 0) {
        woken = gor__futex_wait(&worker->wake, 0, deadline);
    }
    gor__mutex_lock(&pool.lock);
    remove_asleep(worker);
    /* It may have been reserved in the last moment. */
    return woken || worker->reserved;
}

/* As do_work. False: the runtime has stopped meanwhile. */
static bool do_detached(struct gor__work *work)
{
    uint32_t epoch = pool.epoch;
    count_holding(-1);
    gor__mutex_unlock(&pool.lock);
    work->run(work);
    gor__mutex_lock(&pool.lock);
    bool alive = epoch == pool.epoch;
    if (alive) {
        count_holding(1);
    }
    gor__mutex_unlock(&pool.lock);
    work->done(work, alive);
    gor__mutex_lock(&pool.lock);
    return alive;
}

static void do_attached(struct gor__work *work)
{
    gor__mutex_unlock(&pool.lock);
    work->run(work);
    work->done(work, true);
    gor__mutex_lock(&pool.lock);
}

/* The mutex is held before and after, not meanwhile. False: this thread is nobody's any more. */
static bool do_work(struct gor__work *work)
{
    while (work != NULL) {
        bool was_lookup = work->is_lookup;
        if (!work->detached) {
            do_attached(work);
        } else if (!do_detached(work)) {
            return false;
        }
        work = pool.stopping ? NULL : next_lookup(was_lookup);
    }
    return true;
}

static bool work_until_idle(struct gor__worker *worker)
{
    bool stay = true;
    while (stay && !pool.stopping) {
        struct gor__work *work = take_work(worker);
        if (work == NULL) {
            stay = wait_for_work(worker);
        } else if (!do_work(work)) {
            return false;
        }
    }
    return true;
}

static void *worker_main(void *arg)
{
    struct gor__worker *worker = arg;
    gor__sampler_thread_init();
    gor__mutex_lock(&pool.lock);
    bool is_ours = work_until_idle(worker);
    if (is_ours) {
        if (worker->work != NULL) {
            /* Handed over in the last moment before the end: to be refused then. */
            worker->work->next = pool.kept;
            pool.kept = worker->work;
        }
        worker->next_ended = pool.ended;
        pool.ended = worker;
        count_threads(-1);
    }
    gor__mutex_unlock(&pool.lock);
    gor__sampler_thread_fini();
    if (!is_ours) {
        (void)pthread_detach(pthread_self());
        free(worker);
    }
    return NULL;
}

static void join_workers(struct gor__worker *ended)
{
    while (ended != NULL) {
        struct gor__worker *worker = ended;
        ended = worker->next_ended;
        pthread_join(worker->thread, NULL);
        free(worker);
    }
}

/* A new thread, reserved and already counted; NULL when there is none to be had. */
static struct gor__worker *make_worker(void)
{
    struct gor__worker *worker = calloc(1, sizeof *worker);
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

/* ---- those who have work */

static struct gor__worker *reserve_idle(void)
{
    struct gor__worker *worker = pool.idle;
    if (worker != NULL) {
        set_reserved(worker, true);
    }
    return worker;
}

/* The thread that was counted could not be made. Others may have queued their work for its sake: if
 * there is no thread at all, nobody will ever come for it. */
static void count_failure(void)
{
    struct gor__work *left = NULL;
    /* Before the door, which may be closed for good: whoever stops the runtime waits for these. */
    count_holding(-1);
    gor__enter();
    gor__mutex_lock(&pool.lock);
    count_listed(-1);
    if (pool.threads == 0) {
        left = pool.any.first;
        pool.any.first = NULL;
    }
    for (struct gor__work *work = left; work != NULL; work = work->next) {
        pool.lookups_running -= work->is_lookup ? 1 : 0;
    }
    gor__mutex_unlock(&pool.lock);
    gor__leave();
    refuse_all(left, -EAGAIN);
}

struct gor__worker *gor__workers_reserve(void)
{
    gor__enter();
    gor__mutex_lock(&pool.lock);
    struct gor__worker *worker = reserve_idle();
    bool make = worker == NULL && pool.threads < THREADS_MAX;
    struct gor__worker *ended = pool.ended;
    pool.ended = NULL;
    if (make) {
        count_threads(1);
    }
    gor__mutex_unlock(&pool.lock);
    gor__leave();
    join_workers(ended);
    if (make) {
        worker = make_worker();
        if (worker == NULL) {
            count_failure();
        }
    }
    return worker;
}

/* Under the mutex: whether `work` has to wait for other look-ups; else it is counted if it is one.
 * The worker that was reserved for it is then free for others. */
static bool must_line_up(struct gor__work *work)
{
    if (!work->is_lookup) {
        return false;
    }
    if (pool.lookups_running < LOOKUPS_MAX) {
        pool.lookups_running++;
        return false;
    }
    put_work(&pool.lookups, work);
    return true;
}

/* Under the mutex. */
static int give(struct gor__work *work, struct gor__worker *worker)
{
    if (worker != NULL) {
        worker->work = work;
        return 0;
    }
    if (pool.threads > 0) {
        put_work(&pool.any, work);
        return 0;
    }
    pool.lookups_running -= work->is_lookup ? 1 : 0;
    return -EAGAIN;
}

int gor__workers_give(struct gor__work *work, struct gor__worker *worker)
{
    int result = 0;
    gor__mutex_lock(&pool.lock);
    if (must_line_up(work)) {
        if (worker != NULL) {
            set_reserved(worker, false);
        }
    } else {
        worker = worker != NULL ? worker : reserve_idle();
        result = give(work, worker);
    }
    if (worker != NULL) {
        __atomic_store_n(&worker->wake, 1, __ATOMIC_RELEASE);
    }
    gor__mutex_unlock(&pool.lock);
    if (worker != NULL) {
        /* It may even have ended by now: a wake-up at an address nobody sleeps on does nothing. */
        gor__futex_wake(&worker->wake, 1);
    }
    return result;
}

bool gor__workers_are_idle(void)
{
    uint32_t idle = 0;
    gor__mutex_lock(&pool.lock);
    for (const struct gor__worker *worker = pool.idle; worker != NULL; worker = worker->next) {
        idle++;
    }
    bool all = idle == pool.threads;
    gor__mutex_unlock(&pool.lock);
    return all;
}

/* ---- the end */

void gor__workers_keep(struct gor__work *work)
{
    gor__mutex_lock(&pool.lock);
    work->next = pool.kept;
    pool.kept = work;
    gor__mutex_unlock(&pool.lock);
}

static void wake_all(struct gor__worker *worker)
{
    for (; worker != NULL; worker = worker->next) {
        __atomic_store_n(&worker->wake, 1, __ATOMIC_RELEASE);
        gor__futex_wake(&worker->wake, 1);
    }
}

/* The work that waited is the caller's. */
static struct gor__work *close_pool(struct gor__work **out_lookups)
{
    gor__mutex_lock(&pool.lock);
    struct gor__work *any = pool.any.first;
    *out_lookups = pool.lookups.first;
    pool.stopping = true;
    pool.any.first = NULL;
    pool.lookups.first = NULL;
    /* Whoever has reserved one may have got no further. */
    wake_all(pool.idle);
    wake_all(pool.reserved);
    gor__mutex_unlock(&pool.lock);
    return any;
}

/* With the mutex held, unless it answers false. */
static bool wait_for_threads(void)
{
    int64_t deadline = gor__monotonic_after(STOP_SECONDS * GOR_SECOND);
    gor__mutex_lock(&pool.lock);
    uint32_t holding = 0;
    while ((holding = __atomic_load_n(&pool.holding, __ATOMIC_ACQUIRE)) != 0) {
        gor__mutex_unlock(&pool.lock);
        if (!gor__futex_wait(&pool.holding, holding, deadline)) {
            return false;
        }
        gor__mutex_lock(&pool.lock);
    }
    return true;
}

bool gor__workers_stop(void)
{
    struct gor__work *lookups = NULL;
    struct gor__work *any = close_pool(&lookups);
    refuse_all(any, -ECANCELED);
    refuse_all(lookups, -ECANCELED);
    if (!wait_for_threads()) {
        return false;
    }
    struct gor__worker *ended = pool.ended;
    struct gor__work *kept = pool.kept;
    pool.ended = NULL;
    pool.kept = NULL;
    pool.lookups_running = 0;
    pool.threads = 0;
    pool.stopping = false;
    pool.epoch++;
    gor__mutex_unlock(&pool.lock);
    join_workers(ended);
    refuse_all(kept, -ECANCELED);
    return true;
}
