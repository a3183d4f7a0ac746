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

/* Let it run until it waits; false when its time was over before that. */
static bool waits(gor_id_t id)
{
    struct gor_info info;
    while (gor_lookup(id, &info) == 0) {
        if (info.state == GOR_WAITING && info.reason == GOR_WAIT_WAITGROUP) {
            return true;
        }
        gor_yield();
    }
    return false;
}

static int reuse_before_the_late_one_runs(void *arg)
{
    (void)arg;
    int64_t deadline = 0;
    int64_t moment = 2 * GOR_MILLISECOND;
    gor_waitgroup_add(&wg, 1);
    do {
        /* On a slow machine, a longer one. */
        deadline = gor_after(moment);
        moment *= 2;
    } while (!waits(spawn_id(wait_a_moment, &deadline)));
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
