/* SPDX-License-Identifier: MIT */
/* mutex_test.c - exclusion, trying, hand-off, and freeing right after. */
#include "tests/runtime/help.h"

struct hammer {
    struct gor_mutex m;
    struct gor_waitgroup wg;
    long count; /* guarded by m */
    int each;
    int yield_every; /* 0: never yield inside the lock */
};

static void hammer_mutex(void *arg)
{
    struct hammer *h = arg;
    for (int i = 0; i < h->each; i++) {
        if (i % 5 == 3) {
            if (gor_mutex_try_lock(&h->m) != 0) {
                gor_mutex_lock(&h->m);
            }
        } else {
            gor_mutex_lock(&h->m);
        }
        long before = h->count;
        if (h->yield_every != 0 && i % h->yield_every == 0) {
            gor_yield();
        }
        CHECK_EQ(h->count, before);
        h->count = before + 1;
        gor_mutex_unlock(&h->m);
    }
    gor_waitgroup_done(&h->wg);
}

static void run_hammer(int goroutines, int each, int yield_every)
{
    struct hammer h = {.each = each, .yield_every = yield_every};
    gor_waitgroup_add(&h.wg, goroutines);
    for (int i = 0; i < goroutines; i++) {
        spawn(hammer_mutex, &h);
    }
    gor_waitgroup_wait(&h.wg);
    CHECK_EQ(h.count, (long)goroutines * each);
    CHECK_EQ(gor_mutex_try_lock(&h.m), 0);
    gor_mutex_unlock(&h.m);
}

GO_TEST(mutex_hammered_lets_one_in_at_a_time)
{
    run_hammer(10, SCALED(20000, 5000, 1000), 0);
    run_hammer(10, SCALED(4000, 1000, 300), 3);
    run_hammer(200, SCALED(300, 100, 20), 7);
}

GO_TEST(mutex_try_lock_answers_busy_without_waiting)
{
    struct gor_mutex m = {0};
    CHECK_EQ(gor_mutex_try_lock(&m), 0);
    CHECK_EQ(gor_mutex_try_lock(&m), -EBUSY);
    gor_mutex_unlock(&m);
    gor_mutex_lock(&m);
    CHECK_EQ(gor_mutex_try_lock(&m), -EBUSY);
    gor_mutex_unlock(&m);
    CHECK_EQ(gor_mutex_try_lock(&m), 0);
    gor_mutex_unlock(&m);
}

static void unlock_for_another(void *arg)
{
    gor_mutex_unlock(arg);
}

GO_TEST(mutex_may_be_unlocked_by_another_goroutine)
{
    struct gor_mutex m = {0};
    for (int i = 0; i < 100; i++) {
        gor_mutex_lock(&m);
        spawn(unlock_for_another, &m);
    }
    gor_mutex_lock(&m);
    gor_mutex_unlock(&m);
}

static void lock_and_report(void *arg)
{
    struct hammer *h = arg;
    gor_mutex_lock(&h->m);
    h->count++;
    gor_mutex_unlock(&h->m);
    gor_waitgroup_done(&h->wg);
}

GO_TEST(mutex_waiter_is_parked_with_its_reason)
{
    struct hammer h = {.each = 1};
    gor_mutex_lock(&h.m);
    gor_waitgroup_add(&h.wg, 10);
    for (int i = 0; i < 10; i++) {
        spawn_parked(lock_and_report, &h, GOR_WAIT_MUTEX);
    }
    CHECK_EQ(h.count, 0);
    gor_mutex_unlock(&h.m);
    gor_waitgroup_wait(&h.wg);
    CHECK_EQ(h.count, 10);
}

/* Once the oldest waiter has waited a millisecond the lock is handed on in the order of waiting,
 * also past somebody who asks at the very moment it is free. */
struct line {
    struct gor_mutex m;
    struct gor_waitgroup wg;
    int order[8]; /* guarded by m */
    int served;   /* guarded by m */
};

struct in_line {
    struct line *line;
    int number;
};

static void stand_in_line(void *arg)
{
    struct in_line *self = arg;
    gor_mutex_lock(&self->line->m);
    self->line->order[self->line->served++] = self->number;
    gor_mutex_unlock(&self->line->m);
    gor_waitgroup_done(&self->line->wg);
}

GO_TEST(mutex_starving_is_handed_on_in_order)
{
    struct line line = {.served = 0};
    struct in_line waiters[8];
    gor_mutex_lock(&line.m);
    gor_waitgroup_add(&line.wg, 8);
    for (int i = 0; i < 8; i++) {
        waiters[i] = (struct in_line){&line, i};
        spawn_parked(stand_in_line, &waiters[i], GOR_WAIT_MUTEX);
    }
    gor_sleep(3 * GOR_MILLISECOND);
    gor_mutex_unlock(&line.m);
    gor_waitgroup_wait(&line.wg);
    CHECK_EQ(line.served, 8);
    for (int i = 0; i < 8; i++) {
        CHECK_EQ(line.order[i], i);
    }
}

/* A goroutine that takes the lock again the moment it let go must not keep others out. */
struct greedy {
    struct gor_mutex m;
    struct gor_waitgroup wg;
    _Atomic bool stop;
    _Atomic long taken;
};

static void take_greedily(void *arg)
{
    struct greedy *g = arg;
    while (!atomic_load(&g->stop)) {
        gor_mutex_lock(&g->m);
        gor_sleep(100 * GOR_MICROSECOND);
        atomic_fetch_add(&g->taken, 1);
        gor_mutex_unlock(&g->m);
    }
    gor_waitgroup_done(&g->wg);
}

GO_TEST(mutex_greedy_goroutine_starves_nobody)
{
    struct greedy g = {.taken = 0};
    gor_waitgroup_add(&g.wg, 1);
    spawn(take_greedily, &g);
    for (int i = 0; i < 10; i++) {
        gor_sleep(100 * GOR_MICROSECOND);
        gor_mutex_lock(&g.m);
        gor_mutex_unlock(&g.m);
    }
    atomic_store(&g.stop, true);
    gor_waitgroup_wait(&g.wg);
    CHECK_INT(atomic_load(&g.taken), <, 10000);
}

/* Unlock then lock is an edge: plain memory written before is seen after (TSan watches). */
struct relay {
    struct gor_mutex m;
    struct gor_waitgroup wg;
    int turn; /* guarded by m */
    int payload[64];
};

static void pass_payload(void *arg)
{
    struct relay *r = arg;
    for (int done = 0; done < 50;) {
        gor_mutex_lock(&r->m);
        for (int i = 0; i < 64; i++) {
            CHECK_EQ(r->payload[i], r->turn);
            r->payload[i]++;
        }
        r->turn++;
        done++;
        gor_mutex_unlock(&r->m);
        gor_yield();
    }
    gor_waitgroup_done(&r->wg);
}

GO_TEST(mutex_orders_plain_memory)
{
    struct relay r = {.turn = 0};
    gor_waitgroup_add(&r.wg, 8);
    for (int i = 0; i < 8; i++) {
        spawn(pass_payload, &r);
    }
    gor_waitgroup_wait(&r.wg);
    CHECK_EQ(r.turn, 400);
}

/* The last one out may free what holds the lock, while the one before is still on its way out. */
struct counted {
    struct gor_mutex m;
    int refs; /* guarded by m */
    struct gor_waitgroup *wg;
};

static void drop_counted(void *arg)
{
    struct counted *c = arg;
    struct gor_waitgroup *wg = c->wg;
    gor_mutex_lock(&c->m);
    bool last = --c->refs == 0;
    gor_mutex_unlock(&c->m);
    if (last) {
        memset(c, 0xff, sizeof *c);
        free(c);
    }
    gor_waitgroup_done(wg);
}

GO_TEST(mutex_may_be_freed_by_the_last_to_unlock_it)
{
    struct gor_waitgroup wg = {0};
    for (int round = 0; round < SCALED(5000, 2000, 500); round++) {
        struct counted *c = calloc(1, sizeof *c);
        c->refs = 3;
        c->wg = &wg;
        gor_waitgroup_add(&wg, 3);
        for (int i = 0; i < 3; i++) {
            spawn(drop_counted, c);
        }
        gor_waitgroup_wait(&wg);
    }
}
