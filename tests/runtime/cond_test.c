/* SPDX-License-Identifier: MIT */
/* cond_test.c - who is woken, in which order, and what a deadline changes. */
#include "tests/runtime/help.h"

enum { WAITERS = 10 };

struct room {
    struct gor_mutex m;
    struct gor_cond c;
    struct gor_waitgroup wg;
    int order[WAITERS]; /* guarded by m */
    int woken;          /* guarded by m */
    bool open;          /* guarded by m */
};

struct guest {
    struct room *room;
    int number;
    int64_t deadline;
};

static void wait_for_signal(void *arg)
{
    struct guest *g = arg;
    gor_mutex_lock(&g->room->m);
    int result = gor_cond_wait_until(&g->room->c, &g->room->m, g->deadline);
    if (result == 0) {
        g->room->order[g->room->woken++] = g->number;
    }
    gor_mutex_unlock(&g->room->m);
    CHECK_EQ(result, g->deadline == GOR_NEVER ? 0 : -ETIMEDOUT);
    gor_waitgroup_done(&g->room->wg);
}

static void seat(struct room *room, struct guest *guests, int count)
{
    gor_waitgroup_add(&room->wg, count);
    for (int i = 0; i < count; i++) {
        guests[i] = (struct guest){room, i, GOR_NEVER};
        spawn_parked(wait_for_signal, &guests[i], GOR_WAIT_COND);
    }
}

static int woken(struct room *room)
{
    gor_mutex_lock(&room->m);
    int count = room->woken;
    gor_mutex_unlock(&room->m);
    return count;
}

GO_TEST(cond_signal_wakes_one_in_order_of_waiting)
{
    struct room room = {.woken = 0};
    struct guest guests[WAITERS];
    seat(&room, guests, WAITERS);
    for (int i = 0; i < WAITERS; i++) {
        gor_cond_signal(&room.c);
        YIELD_UNTIL(woken(&room) > i)
        CHECK_EQ(woken(&room), i + 1);
        CHECK_EQ(room.order[i], i);
    }
    gor_waitgroup_wait(&room.wg);
}

GO_TEST(cond_broadcast_wakes_all)
{
    struct room room = {.woken = 0};
    struct guest guests[WAITERS];
    seat(&room, guests, WAITERS);
    gor_cond_broadcast(&room.c);
    gor_waitgroup_wait(&room.wg);
    CHECK_EQ(room.woken, WAITERS);
}

GO_TEST(cond_signal_without_waiters_is_forgotten)
{
    struct room room = {.woken = 0};
    gor_cond_signal(&room.c);
    gor_cond_broadcast(&room.c);
    gor_mutex_lock(&room.m);
    CHECK_EQ(gor_cond_wait_until(&room.c, &room.m, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
    CHECK_EQ(gor_mutex_try_lock(&room.m), -EBUSY);
    gor_mutex_unlock(&room.m);
}

GO_TEST(cond_deadline_returns_with_the_mutex_held)
{
    struct room room = {.woken = 0};
    gor_mutex_lock(&room.m);
    int64_t deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_cond_wait_until(&room.c, &room.m, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_cond_wait_until(&room.c, &room.m, 0), -ETIMEDOUT);
    CHECK_EQ(gor_mutex_try_lock(&room.m), -EBUSY);
    gor_mutex_unlock(&room.m);
}

struct flag {
    struct room *room;
    bool set;
};

static void set_flag(void *arg)
{
    struct flag *flag = arg;
    gor_mutex_lock(&flag->room->m);
    flag->set = true;
    gor_mutex_unlock(&flag->room->m);
}

/* Whoever asks with a deadline that has passed, again and again, lets in who sets what it asks for. */
static int poll_for_a_flag(void *arg)
{
    struct room room = {.woken = 0};
    struct flag flag = {.room = &room};
    int asked = 0;
    (void)arg;
    gor_mutex_lock(&room.m);
    spawn(set_flag, &flag);
    while (!flag.set) {
        CHECK_EQ(gor_cond_wait_until(&room.c, &room.m, 0), -ETIMEDOUT);
        asked++;
    }
    gor_mutex_unlock(&room.m);
    /* A look at the clock may come in between, and the seeded mode draws. */
    CHECK_INT(asked, <, 100);
    return 0;
}

TEST(cond_without_time_to_wait_lets_others_run)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, poll_for_a_flag, NULL), 0);
}

/* A signal goes to somebody who still waits, not to one whose time had run out. */
GO_TEST(cond_signal_is_not_spent_on_a_waiter_that_gave_up)
{
    struct room room = {.woken = 0};
    struct guest hasty = {&room, 0, gor_after(GOR_MILLISECOND)};
    struct guest patient = {&room, 1, GOR_NEVER};
    gor_waitgroup_add(&room.wg, 2);
    gor_id_t hasty_id = spawn_id(wait_for_signal, &hasty);
    await_end(hasty_id);
    spawn_parked(wait_for_signal, &patient, GOR_WAIT_COND);
    gor_cond_signal(&room.c);
    gor_waitgroup_wait(&room.wg);
    CHECK_EQ(room.woken, 1);
    CHECK_EQ(room.order[0], 1);
}

/* Deadlines race with signals; each signal given under the lock is answered by exactly one wait. */
struct tokens {
    struct gor_mutex m;
    struct gor_cond c;
    struct gor_waitgroup wg;
    int available; /* guarded by m */
    int taken;     /* guarded by m */
    int wanted;    /* guarded by m */
};

static void take_tokens(void *arg)
{
    struct tokens *t = arg;
    gor_mutex_lock(&t->m);
    while (t->taken < t->wanted) {
        if (t->available > 0) {
            t->available--;
            t->taken++;
            if (t->taken == t->wanted) {
                gor_cond_broadcast(&t->c);
            }
            continue;
        }
        (void)gor_cond_wait_until(&t->c, &t->m, gor_after((t->taken % 40) * GOR_MICROSECOND));
    }
    gor_mutex_unlock(&t->m);
    gor_waitgroup_done(&t->wg);
}

GO_TEST(cond_deadlines_and_signals_never_lose_a_wakeup)
{
    struct tokens t = {.wanted = SCALED(3000, 1000, 500)};
    gor_waitgroup_add(&t.wg, 6);
    for (int i = 0; i < 6; i++) {
        spawn(take_tokens, &t);
    }
    for (int i = 0; i < SCALED(3000, 1000, 500); i++) {
        gor_mutex_lock(&t.m);
        t.available++;
        gor_cond_signal(&t.c);
        gor_mutex_unlock(&t.m);
        if (i % 3 == 0) {
            gor_yield();
        }
    }
    gor_waitgroup_wait(&t.wg);
    CHECK_EQ(t.available, 0);
}

/* A bounded queue on two conditions, the textbook use, without any deadline: a lost wake-up hangs.
 */
struct queue {
    struct gor_mutex m;
    struct gor_cond not_empty;
    struct gor_cond not_full;
    struct gor_waitgroup wg;
    int items; /* guarded by m; at most 3 */
    int each;
};

static void put_items(void *arg)
{
    struct queue *q = arg;
    for (int i = 0; i < q->each; i++) {
        gor_mutex_lock(&q->m);
        while (q->items == 3) {
            gor_cond_wait(&q->not_full, &q->m);
        }
        q->items++;
        gor_cond_signal(&q->not_empty);
        gor_mutex_unlock(&q->m);
    }
    gor_waitgroup_done(&q->wg);
}

static void get_items(void *arg)
{
    struct queue *q = arg;
    for (int i = 0; i < q->each; i++) {
        gor_mutex_lock(&q->m);
        while (q->items == 0) {
            gor_cond_wait(&q->not_empty, &q->m);
        }
        q->items--;
        gor_cond_signal(&q->not_full);
        gor_mutex_unlock(&q->m);
    }
    gor_waitgroup_done(&q->wg);
}

GO_TEST(cond_bounded_queue_comes_to_its_end)
{
    struct queue q = {.each = SCALED(5000, 1500, 500)};
    gor_waitgroup_add(&q.wg, 10);
    for (int i = 0; i < 5; i++) {
        spawn(put_items, &q);
        spawn(get_items, &q);
    }
    gor_waitgroup_wait(&q.wg);
    CHECK_EQ(q.items, 0);
}
