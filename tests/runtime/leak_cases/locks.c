/* SPDX-License-Identifier: MIT */
/* Locks, groups, conditions, semaphores. */
#include "tests/runtime/leak_cases/cases.h"

static void lock_twice(void *mutex)
{
    gor_mutex_lock(mutex);
    gor_mutex_lock(mutex);
}

LEAK_CASE(double_lock)
{
    leaks(lock_twice, lasting(sizeof(struct gor_mutex)));
}

static void double_lock_on_own_stack(void *unused)
{
    struct gor_mutex mutex = {{0}};
    (void)unused;
    lock_twice(&mutex);
}

LEAK_CASE(double_lock_of_mutex_on_stack)
{
    leaks(double_lock_on_own_stack, NULL);
}

LEAK_CASE(lock_and_unlock_twice)
{
    struct gor_mutex *mutex = lasting(sizeof *mutex);
    ends(lock_and_unlock, mutex);
    ends(lock_and_unlock, mutex);
}

/* Returned with the lock held. */
LEAK_CASE(missing_unlock)
{
    struct gor_mutex *mutex = lasting(sizeof *mutex);
    gor_mutex_lock(mutex);
    leaks(lock_and_unlock, mutex);
    leaks(lock_and_unlock, mutex);
}

struct two_locks {
    struct gor_mutex a;
    struct gor_mutex b;
    struct gor_waitgroup both_have_one;
};

static void have_first(struct two_locks *locks)
{
    gor_waitgroup_done(&locks->both_have_one);
    gor_waitgroup_wait(&locks->both_have_one);
}

static void lock_a_b(void *arg)
{
    struct two_locks *locks = arg;
    gor_mutex_lock(&locks->a);
    have_first(locks);
    gor_mutex_lock(&locks->b);
}

static void lock_b_a(void *arg)
{
    struct two_locks *locks = arg;
    gor_mutex_lock(&locks->b);
    have_first(locks);
    gor_mutex_lock(&locks->a);
}

LEAK_CASE(locks_in_both_orders)
{
    struct two_locks *locks = lasting(sizeof *locks);
    gor_waitgroup_add(&locks->both_have_one, 2);
    leaks(lock_a_b, locks);
    leaks(lock_b_a, locks);
}

static void lock_both(void *arg)
{
    struct two_locks *locks = arg;
    gor_mutex_lock(&locks->a);
    gor_mutex_lock(&locks->b);
    gor_mutex_unlock(&locks->b);
    gor_mutex_unlock(&locks->a);
}

LEAK_CASE(locks_in_one_order)
{
    struct two_locks *locks = lasting(sizeof *locks);
    ends(lock_both, locks);
    ends(lock_both, locks);
}

/* A send under a lock that the receiver wants first. */
struct guarded {
    struct gor_mutex mutex;
    struct gor_chan *chan;
};

static void send_under_lock(void *arg)
{
    struct guarded *g = arg;
    gor_mutex_lock(&g->mutex);
    send_one(g->chan);
    gor_mutex_unlock(&g->mutex);
}

static void receive_under_lock(void *arg)
{
    struct guarded *g = arg;
    gor_mutex_lock(&g->mutex);
    recv_one(g->chan);
    gor_mutex_unlock(&g->mutex);
}

LEAK_CASE(send_under_the_lock_of_the_receiver)
{
    struct guarded *g = lasting(sizeof *g);
    g->chan = channel(0);
    leaks(send_under_lock, g);
    leaks(receive_under_lock, g);
}

/* ---- read-write mutexes */

struct readers {
    struct gor_rwmutex rw;
    struct gor_chan *reads;
    struct gor_chan *writer_comes;
};

static void read_twice(void *arg)
{
    struct readers *r = arg;
    gor_rwmutex_rlock(&r->rw);
    send_one(r->reads);
    while (gor_rwmutex_rlock_until(&r->rw, 0) == 0) {
        /* The writer is not waiting yet. */
        gor_rwmutex_runlock(&r->rw);
        gor_yield();
    }
    gor_rwmutex_rlock(&r->rw);
}

static void write_after_read(void *arg)
{
    struct readers *r = arg;
    recv_one(r->reads);
    gor_rwmutex_lock(&r->rw);
}

LEAK_CASE(recursive_read_lock_with_a_writer)
{
    struct readers *r = lasting(sizeof *r);
    r->reads = channel(0);
    leaks(read_twice, r);
    leaks(write_after_read, r);
}

static void read_and_write(void *arg)
{
    gor_rwmutex_rlock(arg);
    gor_rwmutex_lock(arg);
}

LEAK_CASE(upgrade_of_a_read_lock)
{
    leaks(read_and_write, lasting(sizeof(struct gor_rwmutex)));
}

static void read_read(void *arg)
{
    gor_rwmutex_rlock(arg);
    gor_rwmutex_rlock(arg);
    gor_rwmutex_runlock(arg);
    gor_rwmutex_runlock(arg);
}

LEAK_CASE(recursive_read_lock_without_writer)
{
    struct gor_rwmutex *rw = lasting(sizeof *rw);
    ends(read_read, rw);
    ends(read_read, rw);
}

/* ---- wait groups */

LEAK_CASE(forgotten_done)
{
    struct gor_waitgroup *wg = lasting(sizeof *wg);
    gor_waitgroup_add(wg, 2);
    gor_waitgroup_done(wg);
    leaks(wait_for_group, wg);
}

LEAK_CASE(extra_add)
{
    struct gor_waitgroup *wg = lasting(sizeof *wg);
    gor_waitgroup_add(wg, 3);
    gor_waitgroup_add(wg, -2);
    leaks(wait_for_group, wg);
    leaks(wait_for_group, wg);
}

static void done_at_last(void *wg)
{
    gor_yield();
    gor_waitgroup_done(wg);
}

LEAK_CASE(all_done)
{
    struct gor_waitgroup *wg = lasting(sizeof *wg);
    gor_waitgroup_add(wg, 2);
    ends(wait_for_group, wg);
    ends(done_at_last, wg);
    ends(done_at_last, wg);
}

static void wait_for_own_group(void *arg)
{
    struct gor_waitgroup *wg = arg;
    gor_waitgroup_wait(wg);
    gor_waitgroup_done(wg);
}

LEAK_CASE(wait_within_the_group)
{
    struct gor_waitgroup *wg = lasting(sizeof *wg);
    gor_waitgroup_add(wg, 1);
    leaks(wait_for_own_group, wg);
}

/* ---- conditions */

struct condition {
    struct gor_mutex mutex;
    struct gor_cond cond;
    bool ready;
};

static void wait_for_condition(void *arg)
{
    struct condition *c = arg;
    gor_mutex_lock(&c->mutex);
    while (!c->ready) {
        gor_cond_wait(&c->cond, &c->mutex);
    }
    gor_mutex_unlock(&c->mutex);
}

LEAK_CASE(condition_without_signal)
{
    leaks(wait_for_condition, lasting(sizeof(struct condition)));
}

LEAK_CASE(signal_for_one_of_two)
{
    struct condition *c = lasting(sizeof *c);
    ends(wait_for_condition, c);
    ends(wait_for_condition, c);
    gor_mutex_lock(&c->mutex);
    c->ready = true;
    gor_cond_broadcast(&c->cond);
    gor_mutex_unlock(&c->mutex);
}

LEAK_CASE(signal_that_came_before_the_wait)
{
    struct condition *c = lasting(sizeof *c);
    gor_cond_signal(&c->cond);
    leaks(wait_for_condition, c);
}

/* ---- semaphores and once */

static void acquire_one(void *sem)
{
    CHECK_EQ(gor_sem_acquire(sem, 1, GOR_NEVER), 0);
}

LEAK_CASE(semaphore_never_released)
{
    struct gor_sem *sem = lasting(sizeof *sem);
    gor_sem_release(sem, 1);
    acquire_one(sem);
    leaks(acquire_one, sem);
}

static void acquire_and_release(void *sem)
{
    acquire_one(sem);
    gor_sem_release(sem, 1);
}

LEAK_CASE(semaphore_released)
{
    struct gor_sem *sem = lasting(sizeof *sem);
    gor_sem_release(sem, 1);
    ends(acquire_and_release, sem);
    ends(acquire_and_release, sem);
}

struct nested {
    struct gor_once once;
    struct gor_chan *never;
};

static void run_once_again(void *arg)
{
    struct nested *n = arg;
    gor_once_do(&n->once, run_once_again, n);
}

LEAK_CASE(once_within_itself)
{
    leaks(run_once_again, lasting(sizeof(struct nested)));
}

static void wait_in_once(void *arg)
{
    struct nested *n = arg;
    recv_one(n->never);
}

static void do_once(void *arg)
{
    struct nested *n = arg;
    gor_once_do(&n->once, wait_in_once, n);
}

LEAK_CASE(once_that_never_ends)
{
    struct nested *n = lasting(sizeof *n);
    n->never = channel(0);
    leaks(do_once, n);
    leaks(do_once, n);
}
