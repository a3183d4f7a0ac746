/* SPDX-License-Identifier: MIT */
/* waitgroup_misuse_test.c - what Go calls misuse of a wait group ends the process, with Go's words;
 * and goroutines that count themselves down. */
#include <signal.h>

#include "tests/runtime/help.h"
#include "tests/runtime/said.h"

static struct gor_waitgroup wg;

static int count_below_zero(void *arg)
{
    (void)arg;
    gor_waitgroup_add(&wg, 1);
    gor_waitgroup_add(&wg, -2);
    return 0;
}

TEST(waitgroup_negative_counter_aborts)
{
    CHECK_ABORTS(count_below_zero, 1, "sync: negative WaitGroup counter");
}

static void wait_for_it(void *arg)
{
    (void)arg;
    gor_waitgroup_wait(&wg);
}

/* On one P the waiter that was woken runs only after this. */
static int reuse_too_early(void *arg)
{
    (void)arg;
    gor_waitgroup_add(&wg, 1);
    gor_id_t id = spawn_parked(wait_for_it, NULL, GOR_WAIT_WAITGROUP);
    gor_waitgroup_done(&wg);
    gor_waitgroup_add(&wg, 1);
    await_end(id);
    return 0;
}

TEST(waitgroup_reuse_before_the_wait_returned_aborts)
{
    CHECK_ABORTS(reuse_too_early, 1, "sync: WaitGroup is reused before previous Wait has returned");
}

/* Two that add and count down, from and to zero, while one waits again and again: sooner or later an
 * add from zero meets a wait, or the wait group is found in use. */
static void misuse(void *arg)
{
    (void)arg;
    for (;;) {
        gor_waitgroup_add(&wg, 1);
        gor_waitgroup_done(&wg);
    }
}

static GOR_NORETURN int add_concurrently_with_wait(void *arg)
{
    (void)arg;
    spawn(misuse, NULL);
    spawn(misuse, NULL);
    for (;;) {
        gor_waitgroup_wait(&wg);
    }
}

TEST(waitgroup_add_concurrently_with_wait_aborts)
{
    CHECK_ABORTS(add_concurrently_with_wait, 4, "sync: WaitGroup");
}

/* ---- what is not misuse */

GO_TEST(waitgroup_reuse_after_all_waits_is_fine)
{
    for (int round = 0; round < 200; round++) {
        gor_id_t ids[3];
        gor_waitgroup_add(&wg, 2);
        for (int i = 0; i < 3; i++) {
            ids[i] = spawn_parked(wait_for_it, NULL, GOR_WAIT_WAITGROUP);
        }
        gor_waitgroup_add(&wg, 1);
        gor_waitgroup_add(&wg, -3);
        for (int i = 0; i < 3; i++) {
            await_end(ids[i]);
        }
    }
}

static void count(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

static void leave_early(void *arg)
{
    count(arg);
    gor_exit();
}

static void handled(void *arg, const char *message)
{
    (void)message;
    count(arg);
}

static void panic(void *arg)
{
    gor_on_panic(handled, arg);
    gor_panic("on purpose");
}

GO_TEST(waitgroup_go_counts_down_at_any_end)
{
    _Atomic int ended = 0;
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(gor_waitgroup_go(&wg, count, &ended), 0);
        CHECK_EQ(gor_waitgroup_go(&wg, leave_early, &ended), 0);
        CHECK_EQ(gor_waitgroup_go(&wg, panic, &ended), 0);
    }
    gor_waitgroup_wait(&wg);
    YIELD_UNTIL(atomic_load(&ended) == 300)
}

static int go_outside(void *arg)
{
    return gor_waitgroup_go(arg, count, NULL);
}

GO_TEST(waitgroup_go_is_for_goroutines_only)
{
    CHECK_EQ(gor_blocking(go_outside, &wg), -EPERM);
    CHECK_EQ(gor_waitgroup_wait_until(&wg, 0), 0);
}

static int one_too_many(void *arg)
{
    _Atomic int ended = 0;
    (void)arg;
    CHECK_EQ(gor_waitgroup_go(&wg, count, &ended), -EAGAIN);
    CHECK_EQ(gor_waitgroup_wait_until(&wg, 0), 0);
    return 0;
}

TEST(waitgroup_go_that_fails_adds_nothing)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.max_goroutines = 1}, one_too_many, NULL), 0);
}
