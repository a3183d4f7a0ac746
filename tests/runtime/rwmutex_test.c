/* SPDX-License-Identifier: MIT */
/* rwmutex_test.c - readers together, a writer alone, and no writer overtaken by new readers. */
#include "tests/runtime/help.h"

enum { WRITER = 10000 };

struct hammer {
    struct gor_rwmutex rw;
    struct gor_waitgroup wg;
    _Atomic int activity; /* readers inside, plus WRITER for a writer inside */
    int each;
    long value; /* guarded by rw */
};

static void read_often(void *arg)
{
    struct hammer *h = arg;
    for (int i = 0; i < h->each; i++) {
        gor_rwmutex_rlock(&h->rw);
        CHECK_INT(atomic_fetch_add(&h->activity, 1), <, WRITER);
        long value = h->value;
        if (i % 4 == 0) {
            gor_yield();
        }
        CHECK_EQ(h->value, value);
        atomic_fetch_sub(&h->activity, 1);
        gor_rwmutex_runlock(&h->rw);
    }
    gor_waitgroup_done(&h->wg);
}

static void write_often(void *arg)
{
    struct hammer *h = arg;
    for (int i = 0; i < h->each; i++) {
        gor_rwmutex_lock(&h->rw);
        CHECK_EQ(atomic_fetch_add(&h->activity, WRITER), 0);
        h->value++;
        if (i % 4 == 0) {
            gor_yield();
        }
        CHECK_EQ(atomic_fetch_sub(&h->activity, WRITER), WRITER);
        gor_rwmutex_unlock(&h->rw);
    }
    gor_waitgroup_done(&h->wg);
}

static void run_hammer(int readers, int writers)
{
    struct hammer h = {.each = SCALED(2000, 500, 200)};
    gor_waitgroup_add(&h.wg, readers + writers);
    for (int i = 0; i < readers || i < writers; i++) {
        if (i < readers) {
            spawn(read_often, &h);
        }
        if (i < writers) {
            spawn(write_often, &h);
        }
    }
    gor_waitgroup_wait(&h.wg);
    CHECK_EQ(h.value, (long)writers * h.each);
}

GO_TEST(rwmutex_hammered_keeps_writers_alone)
{
    run_hammer(1, 1);
    run_hammer(3, 1);
    run_hammer(10, 2);
    run_hammer(2, 5);
    run_hammer(20, 10);
}

struct gate {
    struct gor_rwmutex rw;
    struct gor_chan *inside;
    struct gor_chan *leave;
};

static void read_until_told(void *arg)
{
    struct gate *g = arg;
    gor_rwmutex_rlock(&g->rw);
    CHECK_EQ(gor_chan_send(g->inside, NULL), 0);
    CHECK_EQ(gor_chan_recv(g->leave, NULL), 1);
    gor_rwmutex_runlock(&g->rw);
}

static void write_until_told(void *arg)
{
    struct gate *g = arg;
    gor_rwmutex_lock(&g->rw);
    CHECK_EQ(gor_chan_send(g->inside, NULL), 0);
    CHECK_EQ(gor_chan_recv(g->leave, NULL), 1);
    gor_rwmutex_unlock(&g->rw);
}

static void open_gate(struct gate *g)
{
    memset(g, 0, sizeof *g);
    g->inside = new_chan(0, 0);
    g->leave = new_chan(0, 0);
}

static void close_gate(struct gate *g)
{
    gor_chan_unref(g->inside);
    gor_chan_unref(g->leave);
}

static void let_in(struct gate *g)
{
    CHECK_EQ(gor_chan_recv(g->inside, NULL), 1);
}

static void let_out(struct gate *g)
{
    CHECK_EQ(gor_chan_send(g->leave, NULL), 0);
}

GO_TEST(rwmutex_readers_are_inside_together)
{
    struct gate g;
    gor_id_t ids[10];
    open_gate(&g);
    for (int i = 0; i < 10; i++) {
        ids[i] = spawn_id(read_until_told, &g);
    }
    for (int i = 0; i < 10; i++) {
        let_in(&g);
    }
    for (int i = 0; i < 10; i++) {
        let_out(&g);
    }
    for (int i = 0; i < 10; i++) {
        await_end(ids[i]);
    }
    close_gate(&g);
}

GO_TEST(rwmutex_waiting_writer_stops_new_readers)
{
    struct gate g;
    open_gate(&g);
    gor_id_t first = spawn_id(read_until_told, &g);
    let_in(&g);
    gor_id_t writer = spawn_parked(write_until_told, &g, GOR_WAIT_RWMUTEX_WRITE);
    gor_id_t second = spawn_parked(read_until_told, &g, GOR_WAIT_RWMUTEX_READ);
    let_out(&g);
    /* The writer is in now; the second reader only after it left. */
    let_in(&g);
    struct gor_info info;
    CHECK_EQ(gor_lookup(second, &info), 0);
    CHECK_EQ(info.reason, GOR_WAIT_RWMUTEX_READ);
    let_out(&g);
    let_in(&g);
    let_out(&g);
    await_end(first);
    await_end(writer);
    await_end(second);
    close_gate(&g);
}

GO_TEST(rwmutex_writer_that_leaves_lets_waiting_readers_in_before_the_next_writer)
{
    struct gate g;
    gor_id_t ids[5];
    open_gate(&g);
    ids[0] = spawn_id(write_until_told, &g);
    let_in(&g);
    for (int i = 1; i < 4; i++) {
        ids[i] = spawn_parked(read_until_told, &g, GOR_WAIT_RWMUTEX_READ);
    }
    /* Go parks the second writer on the lock between writers; either reason is a writer's wait. */
    ids[4] = spawn_id(write_until_told, &g);
    struct gor_info info;
    do {
        gor_yield();
        CHECK_EQ(gor_lookup(ids[4], &info), 0);
    } while (info.state != GOR_WAITING);
    let_out(&g);
    for (int i = 0; i < 3; i++) {
        let_in(&g);
    }
    for (int i = 0; i < 3; i++) {
        let_out(&g);
    }
    let_in(&g);
    let_out(&g);
    for (int i = 0; i < 5; i++) {
        await_end(ids[i]);
    }
    close_gate(&g);
}

static void rlock_only(void *arg)
{
    gor_rwmutex_rlock(arg);
}

GO_TEST(rwmutex_may_be_unlocked_by_another_goroutine)
{
    struct gor_rwmutex rw = {0};
    await_end(spawn_id(rlock_only, &rw));
    gor_rwmutex_runlock(&rw);
    gor_rwmutex_lock(&rw);
    gor_rwmutex_unlock(&rw);
}
