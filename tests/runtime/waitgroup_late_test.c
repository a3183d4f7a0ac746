/* SPDX-License-Identifier: MIT */
/* waitgroup_late_test.c - a waiter whose deadline passed, but that runs only after the wait group
 * was done and is used anew, leaves the new waiters alone. */
#include <errno.h>

#include "tests/go_test.h"
#include "tests/runtime/help.h"

static struct gor_waitgroup wg;

static void wait_a_moment(void *arg)
{
    /* Done or too late: both are true of it. */
    int result = gor_waitgroup_wait_until(&wg, *(int64_t *)arg);
    CHECK(result == 0 || result == -ETIMEDOUT);
}

static void done(void *arg)
{
    (void)arg;
    gor_waitgroup_done(&wg);
}

static int reuse_before_the_late_one_runs(void *arg)
{
    (void)arg;
    int64_t deadline = gor_after(2 * GOR_MILLISECOND);
    gor_waitgroup_add(&wg, 1);
    spawn_parked(wait_a_moment, &deadline, GOR_WAIT_WAITGROUP);
    while (gor_now() < deadline + GOR_MILLISECOND) {
        /* On the only P: the timer cannot fire yet. */
    }
    /* It fires now, and its goroutine queues behind this one. */
    gor_yield();
    gor_waitgroup_done(&wg);
    gor_waitgroup_add(&wg, 1);
    CHECK_EQ(gor_go(done, NULL), 0);
    gor_waitgroup_wait(&wg);
    return 0;
}

TEST(waitgroup_late_waiter_leaves_the_next_round_alone)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, reuse_before_the_late_one_runs, NULL), 0);
}
