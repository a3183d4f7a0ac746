/* SPDX-License-Identifier: MIT */
/* yield_test.c - those who yield: turns, and nobody else starved by them. */
#include <unistd.h>

#include "tests/runtime/help.h"

static void count_turns(void *arg)
{
    _Atomic long *turns = arg;
    for (;;) {
        atomic_fetch_add(turns, 1);
        gor_yield();
    }
}

static int take_turns(void *arg)
{
    (void)arg;
    enum { COUNT = 10 };
    static _Atomic long turns[COUNT];
    memset((void *)turns, 0, sizeof turns);
    for (int i = 0; i < COUNT; i++) {
        spawn(count_turns, (void *)&turns[i]);
    }
    for (int i = 0; i < 1000; i++) {
        gor_yield();
    }
    for (int i = 0; i < COUNT; i++) {
        CHECK_INT(turns[i], >=, 900);
        CHECK_INT(turns[i], <=, 1100);
    }
    return 0;
}

TEST(yield_on_one_processor_goes_round)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, take_turns, NULL), 0);
}

/* A pair that hands the processor to and fro by channels must leave some of it to others. */
struct pingpong {
    struct gor_chan *ping;
    struct gor_chan *pong;
    _Atomic bool stop;
    _Atomic long rounds;
};

static void play_ping(void *arg)
{
    struct pingpong *p = arg;
    while (!atomic_load(&p->stop)) {
        CHECK_EQ(gor_chan_send(p->ping, NULL), 0);
        CHECK_EQ(gor_chan_recv(p->pong, NULL), 1);
        atomic_fetch_add(&p->rounds, 1);
    }
    CHECK_EQ(gor_chan_close(p->ping), 0);
}

static void play_pong(void *arg)
{
    struct pingpong *p = arg;
    while (gor_chan_recv(p->ping, NULL) == 1) {
        CHECK_EQ(gor_chan_send(p->pong, NULL), 0);
    }
}

static int beside_pingpong(void *arg)
{
    (void)arg;
    struct pingpong p = {.ping = new_chan(0, 0), .pong = new_chan(0, 0)};
    gor_id_t ping = spawn_id(play_ping, &p);
    gor_id_t pong = spawn_id(play_pong, &p);
    YIELD_UNTIL(atomic_load(&p.rounds) > 10)
    for (int i = 0; i < 200; i++) {
        gor_yield();
    }
    atomic_store(&p.stop, true);
    await_end(ping);
    await_end(pong);
    gor_chan_unref(p.ping);
    gor_chan_unref(p.pong);
    return 0;
}

TEST(yield_beside_a_pingpong_pair_gets_its_turns)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, beside_pingpong, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 2}, beside_pingpong, NULL), 0);
}

/* Timers and descriptors are served while every processor is busy with goroutines that yield. */
static void sleep_then_tell(void *arg)
{
    for (int i = 0; i < 20; i++) {
        gor_sleep(GOR_MILLISECOND);
    }
    CHECK_EQ(gor_chan_send(arg, NULL), 0);
}

struct echo {
    int in;
    int out;
    struct gor_chan *done;
};

static void echo_bytes(void *arg)
{
    struct echo *e = arg;
    char byte;
    while (gor_read(e->in, &byte, 1, GOR_NEVER) == 1) {
        CHECK_EQ(gor_write(e->out, &byte, 1, GOR_NEVER), 1);
    }
    CHECK_EQ(gor_chan_send(e->done, NULL), 0);
}

GO_TEST(yield_under_full_load_leaves_timers_running)
{
    static _Atomic long turns[16];
    struct gor_chan *done = new_chan(0, 0);
    for (int i = 0; i < 16; i++) {
        spawn(count_turns, (void *)&turns[i]);
    }
    spawn(sleep_then_tell, done);
    spawn(sleep_then_tell, done);
    CHECK_EQ(gor_chan_recv(done, NULL), 1);
    CHECK_EQ(gor_chan_recv(done, NULL), 1);
    gor_chan_unref(done);
}

GO_TEST(yield_under_full_load_leaves_descriptors_served)
{
    static _Atomic long turns[16];
    int there[2];
    int back[2];
    CHECK_EQ(pipe(there), 0);
    CHECK_EQ(pipe(back), 0);
    struct echo e = {there[0], back[1], new_chan(0, 0)};
    for (int i = 0; i < 16; i++) {
        spawn(count_turns, (void *)&turns[i]);
    }
    spawn(echo_bytes, &e);
    for (int i = 0; i < 100; i++) {
        char byte = (char)i;
        CHECK_EQ(gor_write(there[1], &byte, 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(back[0], &byte, 1, GOR_NEVER), 1);
        CHECK_EQ(byte, (char)i);
    }
    CHECK_EQ(gor_close(there[1]), 0);
    CHECK_EQ(gor_chan_recv(e.done, NULL), 1);
    CHECK_EQ(gor_close(there[0]), 0);
    CHECK_EQ(gor_close(back[0]), 0);
    CHECK_EQ(gor_close(back[1]), 0);
    gor_chan_unref(e.done);
}

/* On two processors two goroutines run at the same time: each waits for the other without ever
 * calling the runtime. */
struct handshake {
    _Atomic int turn;
    struct gor_waitgroup wg;
    _Atomic int next;
};

static void shake_hands(void *arg)
{
    struct handshake *h = arg;
    int mine = atomic_fetch_add(&h->next, 1);
    for (int i = 0; i < 100; i++) {
        while (atomic_load(&h->turn) % 2 != mine) {
        }
        atomic_fetch_add(&h->turn, 1);
    }
    gor_waitgroup_done(&h->wg);
}

static int run_handshake(void *arg)
{
    (void)arg;
    for (int round = 0; round < 10; round++) {
        struct handshake h = {.turn = 0};
        gor_waitgroup_add(&h.wg, 2);
        spawn(shake_hands, &h);
        spawn(shake_hands, &h);
        gor_waitgroup_wait(&h.wg);
    }
    return 0;
}

TEST(goroutines_run_in_parallel_on_two_processors)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 2}, run_handshake, NULL), 0);
}

/* Work that one processor made is taken over by the idle ones: a goroutine starts partners and then
 * waits for them without calling the runtime. */
static void add_one(void *counter)
{
    atomic_fetch_add((_Atomic int *)counter, 1);
}

static int wait_without_a_call(void *arg)
{
    (void)arg;
    for (int round = 0; round < 200; round++) {
        static _Atomic int count;
        atomic_store(&count, 0);
        for (int i = 0; i < 10; i++) {
            spawn(add_one, (void *)&count);
        }
        while (atomic_load(&count) < 10) {
        }
    }
    return 0;
}

TEST(goroutines_of_a_busy_processor_are_stolen)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 2}, wait_without_a_call, NULL), 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 4}, wait_without_a_call, NULL), 0);
}
