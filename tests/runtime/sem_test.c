/* SPDX-License-Identifier: MIT */
/* sem_test.c - the weighted semaphore: counts, order, deadlines. */
#include "tests/runtime/help.h"

struct ask {
    struct gor_sem *s;
    struct gor_chan *served;
    int count;
    int64_t deadline;
};

static void ask_for(void *arg)
{
    struct ask *a = arg;
    int result = gor_sem_acquire(a->s, a->count, a->deadline);
    CHECK_EQ(result, a->deadline == GOR_NEVER ? 0 : -ETIMEDOUT);
    if (result == 0) {
        send_int(a->served, a->count);
    }
}

GO_TEST(sem_starts_empty_and_counts)
{
    struct gor_sem s = {0};
    CHECK_EQ(gor_sem_acquire(&s, 1, 0), -ETIMEDOUT);
    gor_sem_release(&s, 3);
    CHECK_EQ(gor_sem_acquire(&s, 4, 0), -ETIMEDOUT);
    CHECK_EQ(gor_sem_acquire(&s, 2, 0), 0);
    CHECK_EQ(gor_sem_acquire(&s, 1, GOR_NEVER), 0);
    CHECK_EQ(gor_sem_acquire(&s, 1, 0), -ETIMEDOUT);
    CHECK_EQ(gor_sem_acquire(&s, 0, 0), 0);
}

GO_TEST(sem_large_request_is_not_overtaken_by_small_ones)
{
    struct gor_sem s = {0};
    struct gor_chan *served = new_chan(sizeof(int), 8);
    struct ask large = {&s, served, 5, GOR_NEVER};
    struct ask small = {&s, served, 1, GOR_NEVER};
    spawn_parked(ask_for, &large, GOR_WAIT_SEMAPHORE);
    spawn_parked(ask_for, &small, GOR_WAIT_SEMAPHORE);
    for (int i = 0; i < 4; i++) {
        gor_sem_release(&s, 1);
        /* Not even somebody who comes now and could be served at once. */
        CHECK_EQ(gor_sem_acquire(&s, 1, 0), -ETIMEDOUT);
    }
    CHECK_EQ(gor_chan_len(served), 0);
    gor_sem_release(&s, 1);
    CHECK_EQ(recv_int(served), 5);
    CHECK_EQ(gor_chan_try_recv(served, NULL), -EAGAIN);
    gor_sem_release(&s, 1);
    CHECK_EQ(recv_int(served), 1);
    gor_chan_unref(served);
}

GO_TEST(sem_one_release_serves_as_many_as_it_covers)
{
    struct gor_sem s = {0};
    struct gor_chan *served = new_chan(sizeof(int), 8);
    struct ask asks[4];
    for (int i = 0; i < 4; i++) {
        asks[i] = (struct ask){&s, served, i + 1, GOR_NEVER};
        spawn_parked(ask_for, &asks[i], GOR_WAIT_SEMAPHORE);
    }
    gor_sem_release(&s, 7);
    CHECK_EQ(recv_int(served) + recv_int(served) + recv_int(served), 6);
    CHECK_EQ(gor_chan_try_recv(served, NULL), -EAGAIN);
    gor_sem_release(&s, 3);
    CHECK_EQ(recv_int(served), 4);
    CHECK_EQ(gor_sem_acquire(&s, 1, 0), -ETIMEDOUT);
    gor_chan_unref(served);
}

GO_TEST(sem_request_that_timed_out_takes_nothing_and_frees_those_behind)
{
    struct gor_sem s = {0};
    struct gor_chan *served = new_chan(sizeof(int), 8);
    struct ask hasty = {&s, served, 5, gor_after(10 * GOR_MILLISECOND)};
    struct ask patient = {&s, served, 2, GOR_NEVER};
    gor_id_t id = spawn_id(ask_for, &hasty);
    spawn_parked(ask_for, &patient, GOR_WAIT_SEMAPHORE);
    gor_sem_release(&s, 2);
    await_end(id);
    CHECK_EQ(recv_int(served), 2);
    CHECK_EQ(gor_sem_acquire(&s, 1, 0), -ETIMEDOUT);
    gor_chan_unref(served);
}

struct limited {
    struct gor_sem s;
    struct gor_waitgroup wg;
    _Atomic int inside;
    _Atomic int most;
    _Atomic int next;
};

enum { LIMIT = 7 };

static void work_limited(void *arg)
{
    struct limited *l = arg;
    int weight = atomic_fetch_add(&l->next, 1) % 3 + 1;
    for (int i = 0; i < SCALED(500, 200, 100); i++) {
        int64_t deadline = i % 3 == 0 ? gor_after(50 * GOR_MICROSECOND) : GOR_NEVER;
        int result = gor_sem_acquire(&l->s, weight, deadline);
        if (result == -ETIMEDOUT) {
            continue;
        }
        CHECK_EQ(result, 0);
        CHECK_INT(atomic_fetch_add(&l->inside, weight) + weight, <=, LIMIT);
        gor_yield();
        atomic_fetch_sub(&l->inside, weight);
        gor_sem_release(&l->s, weight);
    }
    gor_waitgroup_done(&l->wg);
}

GO_TEST(sem_never_lets_in_more_than_it_has)
{
    struct limited l = {.next = 0};
    gor_sem_release(&l.s, LIMIT);
    gor_waitgroup_add(&l.wg, 30);
    for (int i = 0; i < 30; i++) {
        spawn(work_limited, &l);
    }
    gor_waitgroup_wait(&l.wg);
    CHECK_EQ(gor_sem_acquire(&l.s, LIMIT, 0), 0);
    CHECK_EQ(gor_sem_acquire(&l.s, 1, 0), -ETIMEDOUT);
}
