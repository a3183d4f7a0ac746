/* SPDX-License-Identifier: MIT */
/* lock_order_test.c - who gets a lock, a signal or a permit when newcomers try at the same time. */
#include "tests/runtime/help.h"

/* --------------------------------- a mutex lets newcomers in, until somebody waited too long */

struct handover {
    struct gor_mutex m;
    struct gor_chan *release;
    struct gor_waitgroup wg;
    _Atomic int owner; /* number of the waiter that has it */
};

struct waiter {
    struct handover *h;
    int number;
};

static void hold_until_released(void *arg)
{
    struct waiter *w = arg;
    gor_mutex_lock(&w->h->m);
    atomic_store(&w->h->owner, w->number);
    CHECK_EQ(gor_chan_recv(w->h->release, NULL), 1);
    gor_mutex_unlock(&w->h->m);
    gor_waitgroup_done(&w->h->wg);
}

/* Whether the test took the mutex between its own unlock and the waiter's waking: a newcomer may.
 * The waiter, which had waited long before, then insists: the next unlock hands the mutex over,
 * and no newcomer gets between, not even the one that unlocked it. */
static bool overtake_then_hand_over(void)
{
    struct handover h = {.release = new_chan(0, 0)};
    struct waiter w = {&h, 1};
    gor_mutex_lock(&h.m);
    gor_waitgroup_add(&h.wg, 1);
    gor_id_t id = spawn_parked(hold_until_released, &w, GOR_WAIT_MUTEX);
    gor_sleep(2 * GOR_MILLISECOND);
    gor_mutex_unlock(&h.m);
    bool overtook = gor_mutex_try_lock(&h.m) == 0;
    if (overtook) {
        await_waiting(id, GOR_WAIT_MUTEX);
        gor_mutex_unlock(&h.m);
        CHECK_EQ(gor_mutex_try_lock(&h.m), -EBUSY);
        YIELD_UNTIL(atomic_load(&h.owner) == 1)
        CHECK_EQ(gor_mutex_try_lock(&h.m), -EBUSY);
    }
    CHECK_EQ(gor_chan_send(h.release, NULL), 0);
    gor_waitgroup_wait(&h.wg);
    CHECK_EQ(gor_mutex_try_lock(&h.m), 0);
    gor_mutex_unlock(&h.m);
    gor_chan_unref(h.release);
    return overtook;
}

GO_TEST(lock_order_of_a_mutex_lets_a_newcomer_in_once_then_hands_over)
{
    for (int overtaken = 0; overtaken < 5;) {
        overtaken += overtake_then_hand_over();
    }
}

/* The queue of a starving mutex is served to its end before a newcomer that came behind it. */
GO_TEST(lock_order_of_a_starving_mutex_puts_newcomers_behind)
{
    enum { WAITERS = 5 };
    struct handover h = {.release = new_chan(0, 0)};
    struct waiter waiters[WAITERS];
    gor_mutex_lock(&h.m);
    gor_waitgroup_add(&h.wg, WAITERS);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){&h, i + 1};
        spawn_parked(hold_until_released, &waiters[i], GOR_WAIT_MUTEX);
    }
    gor_sleep(2 * GOR_MILLISECOND);
    gor_mutex_unlock(&h.m);
    for (int i = 1; i <= WAITERS; i++) {
        YIELD_UNTIL(atomic_load(&h.owner) == i)
        CHECK_EQ(gor_mutex_try_lock(&h.m), -EBUSY);
        if (i == 1) {
            /* It waits a while more: those behind it are hungry, whatever the first was. */
            gor_sleep(2 * GOR_MILLISECOND);
        }
        CHECK_EQ(gor_chan_send(h.release, NULL), 0);
    }
    gor_waitgroup_wait(&h.wg);
    gor_mutex_lock(&h.m);
    gor_mutex_unlock(&h.m);
    gor_chan_unref(h.release);
}

/* --------------------------------------- a signal belongs to those who waited when it was given */

struct room {
    struct gor_mutex m;
    struct gor_cond c;
    struct gor_chan *entered;
    struct gor_chan *woken;
    struct gor_waitgroup wg;
    bool open; /* guarded by m */
};

static void wait_once(void *arg)
{
    struct room *r = arg;
    gor_mutex_lock(&r->m);
    CHECK_EQ(gor_chan_send(r->entered, NULL), 0);
    gor_cond_wait(&r->c, &r->m);
    gor_mutex_unlock(&r->m);
    CHECK_EQ(gor_chan_send(r->woken, NULL), 0);
    gor_waitgroup_done(&r->wg);
}

static void wait_until_open(void *arg)
{
    struct room *r = arg;
    gor_mutex_lock(&r->m);
    while (!r->open) {
        gor_cond_wait(&r->c, &r->m);
    }
    gor_mutex_unlock(&r->m);
    gor_waitgroup_done(&r->wg);
}

static void broadcast(void *arg)
{
    struct room *r = arg;
    gor_cond_broadcast(&r->c);
    gor_waitgroup_done(&r->wg);
}

static void signal_one(void *arg)
{
    struct room *r = arg;
    gor_cond_signal(&r->c);
    gor_waitgroup_done(&r->wg);
}

/* One waits already; a newcomer and the signal race. Whatever the newcomer gets, the first is
 * woken. */
static void check_stealing(void (*wake)(void *arg))
{
    struct room r = {.entered = new_chan(0, 0), .woken = new_chan(0, 0)};
    gor_waitgroup_add(&r.wg, 3);
    spawn(wait_once, &r);
    CHECK_EQ(gor_chan_recv(r.entered, NULL), 1);
    /* Once the mutex can be had, its holder waits. */
    gor_mutex_lock(&r.m);
    gor_mutex_unlock(&r.m);
    spawn(wake, &r);
    spawn(wait_until_open, &r);
    CHECK_EQ(gor_chan_recv(r.woken, NULL), 1);
    gor_mutex_lock(&r.m);
    r.open = true;
    gor_mutex_unlock(&r.m);
    gor_cond_broadcast(&r.c);
    gor_waitgroup_wait(&r.wg);
    gor_chan_unref(r.entered);
    gor_chan_unref(r.woken);
}

GO_TEST(lock_order_of_a_condition_gives_no_signal_to_a_newcomer)
{
    for (int i = 0; i < SCALED(1000, 400, 200); i++) {
        check_stealing(broadcast);
        check_stealing(signal_one);
    }
}

/* ------------------------------------------------- a semaphore as a mutex, against newcomers */

struct permits {
    struct gor_sem sem;
    struct gor_waitgroup wg;
    long count; /* guarded by sem */
};

static void count_with_permit(void *arg)
{
    struct permits *p = arg;
    for (int i = 0; i < SCALED(2000, 500, 300); i++) {
        CHECK_EQ(gor_sem_acquire(&p->sem, 1, GOR_NEVER), 0);
        long before = p->count;
        if (i % 5 == 0) {
            gor_yield();
        }
        CHECK_EQ(p->count, before);
        p->count = before + 1;
        gor_sem_release(&p->sem, 1);
    }
    gor_waitgroup_done(&p->wg);
}

GO_TEST(lock_order_of_a_semaphore_with_one_permit_excludes)
{
    struct permits p = {.count = 0};
    gor_sem_release(&p.sem, 1);
    gor_waitgroup_add(&p.wg, 10);
    for (int i = 0; i < 10; i++) {
        spawn(count_with_permit, &p);
    }
    gor_waitgroup_wait(&p.wg);
    CHECK_EQ(p.count, 10L * SCALED(2000, 500, 300));
}

struct taker {
    struct permits *p;
    _Atomic bool *has;
};

static void take_one(void *arg)
{
    struct taker *t = arg;
    CHECK_EQ(gor_sem_acquire(&t->p->sem, 1, GOR_NEVER), 0);
    atomic_store(t->has, true);
    gor_waitgroup_done(&t->p->wg);
}

/* A released permit is the first waiter's at once: who released it cannot take it back. */
GO_TEST(lock_order_of_a_semaphore_hands_over)
{
    for (int i = 0; i < SCALED(1000, 500, 200); i++) {
        struct permits p = {.count = 0};
        _Atomic bool has = false;
        struct taker t = {&p, &has};
        gor_waitgroup_add(&p.wg, 1);
        spawn_parked(take_one, &t, GOR_WAIT_SEMAPHORE);
        gor_sem_release(&p.sem, 1);
        CHECK_EQ(gor_sem_acquire(&p.sem, 1, 0), -ETIMEDOUT);
        gor_waitgroup_wait(&p.wg);
        CHECK(atomic_load(&has));
    }
}
