/* SPDX-License-Identifier: MIT */
/* Turns on one processor: goroutines bound to their threads that never stop yielding, threads that keep
 * coming back from the C library, hogs and ordinary goroutines all get on beside each other. */
#include <unistd.h>

#include "tests/runtime/help.h"

enum { ROUNDS = SCALED(200, 100, 30) };

static _Atomic bool enough;
static _Atomic int ended;
static _Atomic long rounds[2];
static _Atomic long progress;

static void run_on_one(int (*fn)(void *arg))
{
    atomic_store(&enough, false);
    atomic_store(&ended, 0);
    atomic_store(&progress, 0);
    atomic_store(&rounds[0], 0);
    atomic_store(&rounds[1], 0);
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, fn, NULL), 0);
}

/* ---- those who would keep the processor */

static void yield_bound(void *arg)
{
    _Atomic long *count = arg;
    gor_lock_os_thread();
    while (!atomic_load(&enough)) {
        gor_yield();
        atomic_fetch_add(count, 1);
    }
    gor_unlock_os_thread();
    atomic_fetch_add(&ended, 1);
}

static void start_yielders(int count)
{
    for (int i = 0; i < count; i++) {
        spawn(yield_bound, (void *)&rounds[i]);
    }
    for (int i = 0; i < count; i++) {
        YIELD_UNTIL(atomic_load(&rounds[i]) > 0)
    }
}

static void end_all(int count)
{
    atomic_store(&enough, true);
    YIELD_UNTIL(atomic_load(&ended) == count)
}

/* ---- beside bound goroutines */

/* Every yield of ours comes back although the others are always ready. */
static int yield_beside(int yielders)
{
    start_yielders(yielders);
    for (int i = 0; i < ROUNDS; i++) {
        gor_yield();
    }
    /* And none of ours keeps them out. */
    for (int i = 0; i < yielders; i++) {
        long before = atomic_load(&rounds[i]);
        YIELD_UNTIL(atomic_load(&rounds[i]) > before)
    }
    end_all(yielders);
    return 0;
}

static int yield_beside_one(void *arg)
{
    (void)arg;
    return yield_beside(1);
}

static int yield_beside_two(void *arg)
{
    (void)arg;
    return yield_beside(2);
}

TEST(bound_goroutine_that_yields_lets_others_run)
{
    run_on_one(yield_beside_one);
}

TEST(bound_goroutines_that_yield_to_each_other_let_others_run)
{
    run_on_one(yield_beside_two);
}

static int sleep_beside_two(void *arg)
{
    int ends[2];
    char byte = 0;
    (void)arg;
    CHECK_EQ(pipe(ends), 0);
    start_yielders(2);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(gor_sleep(100000), 0);
        CHECK_EQ(gor_write(ends[1], "x", 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(ends[0], &byte, 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(ends[0], &byte, 1, gor_after(100000)), -ETIMEDOUT);
    }
    end_all(2);
    CHECK_EQ(gor_close(ends[0]), 0);
    CHECK_EQ(gor_close(ends[1]), 0);
    return 0;
}

TEST(bound_goroutines_that_yield_keep_no_timer_and_no_descriptor_out)
{
    run_on_one(sleep_beside_two);
}

static void count_without_calls(void *arg)
{
    (void)arg;
    while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&progress, 1, memory_order_relaxed);
    }
    atomic_fetch_add(&ended, 1);
}

static uint64_t preemptions(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats.preemptions;
}

/* Stopped again and again, it goes on each time: preempted anew, it must have had the processor. */
static int compute_beside_two(void *arg)
{
    (void)arg;
    start_yielders(2);
    spawn(count_without_calls, NULL);
    for (int turn = 0; turn < 5; turn++) {
        uint64_t stops = preemptions();
        YIELD_UNTIL(preemptions() > stops)
    }
    CHECK_INT(atomic_load(&progress), >, 0);
    end_all(3);
    return 0;
}

TEST(bound_goroutines_that_yield_let_a_hog_go_on)
{
    run_on_one(compute_beside_two);
}

/* ---- beside threads that come back from the C library */

static void come_back_always(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough)) {
        CHECK_EQ(usleep(2000), 0);
        gor_yield();
        atomic_fetch_add(&progress, 1);
    }
    atomic_fetch_add(&ended, 1);
}

static int yield_beside_those_who_come_back(void *arg)
{
    enum { BLOCKERS = 12 };
    (void)arg;
    for (int i = 0; i < BLOCKERS; i++) {
        spawn(come_back_always, NULL);
    }
    YIELD_UNTIL(atomic_load(&progress) > BLOCKERS)
    for (int i = 0; i < ROUNDS / 10; i++) {
        gor_yield();
    }
    spawn(count_without_calls, NULL);
    uint64_t stops = preemptions();
    YIELD_UNTIL(preemptions() > stops)
    stops = preemptions();
    YIELD_UNTIL(preemptions() > stops)
    long before = atomic_load(&progress);
    YIELD_UNTIL(atomic_load(&progress) > before)
    end_all(BLOCKERS + 1);
    return 0;
}

TEST(threads_that_keep_coming_back_let_others_run)
{
    run_on_one(yield_beside_those_who_come_back);
}

/* A pair of bound goroutines that hand something to and fro: one of them always waits for the processor,
 * neither ever yields. */
static struct gor_chan *to_and_fro[2];

static void pass_on(void *arg)
{
    int me = arg == &rounds[1];
    gor_lock_os_thread();
    while (recv_int(to_and_fro[me]) == 0) {
        atomic_fetch_add(&rounds[me], 1);
        send_int(to_and_fro[!me], atomic_load(&enough));
    }
    /* Whoever is told to end tells the other, which may not wait any more. */
    (void)gor_chan_try_send(to_and_fro[!me], &(int){1});
    gor_unlock_os_thread();
    atomic_fetch_add(&ended, 1);
}

static int yield_beside_a_pair(void *arg)
{
    (void)arg;
    to_and_fro[0] = new_chan(sizeof(int), 1);
    to_and_fro[1] = new_chan(sizeof(int), 1);
    spawn(pass_on, (void *)&rounds[0]);
    spawn(pass_on, (void *)&rounds[1]);
    send_int(to_and_fro[0], 0);
    YIELD_UNTIL(atomic_load(&rounds[1]) > 0)
    for (int i = 0; i < ROUNDS; i++) {
        gor_yield();
    }
    end_all(2);
    gor_chan_unref(to_and_fro[0]);
    gor_chan_unref(to_and_fro[1]);
    return 0;
}

TEST(bound_pair_that_talks_lets_others_run)
{
    run_on_one(yield_beside_a_pair);
}
