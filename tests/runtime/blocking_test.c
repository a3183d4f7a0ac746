/* SPDX-License-Identifier: MIT */
/* blocking_test.c - calls that block a thread beside goroutines that go on. */
#include <unistd.h>

#include "tests/runtime/help.h"

static int answer_argument(void *arg)
{
    return *(int *)arg;
}

GO_TEST(blocking_answers_the_result_of_its_function)
{
    for (int i = -50; i < 50; i++) {
        CHECK_EQ(gor_blocking(answer_argument, &i), i);
    }
}

static int look_around(void *arg)
{
    (void)arg;
    int value = 0;
    CHECK_EQ(gor_self(), 0);
    CHECK_EQ(gor_sleep(1), -EPERM);
    CHECK_EQ(gor_chan_recv(NULL, &value), -EPERM);
    CHECK_EQ(gor_blocking(answer_argument, &value), -EPERM);
    CHECK(gor_now() > 0);
    CHECK_INT(gor_num_goroutine(), >=, 1);
    return 0;
}

GO_TEST(blocking_function_is_outside_any_goroutine)
{
    CHECK_EQ(gor_blocking(look_around, NULL), 0);
}

struct blocked {
    int fds[2];
    struct gor_waitgroup *wg;
};

static int read_blockingly(void *arg)
{
    struct blocked *b = arg;
    char byte = 0;
    CHECK_EQ(read(b->fds[0], &byte, 1), 1);
    return byte;
}

static void call_blockingly(void *arg)
{
    struct blocked *b = arg;
    CHECK_EQ(gor_blocking(read_blockingly, b), 'x');
    gor_waitgroup_done(b->wg);
}

/* Far more blocking calls than processors, none of which can end before all have begun. */
GO_TEST(blocking_calls_leave_the_processors_to_others)
{
    enum { CALLS = 50 };
    struct gor_waitgroup wg = {0};
    struct blocked calls[CALLS];
    gor_waitgroup_add(&wg, CALLS);
    for (int i = 0; i < CALLS; i++) {
        calls[i].wg = &wg;
        CHECK_EQ(pipe(calls[i].fds), 0);
        spawn_parked(call_blockingly, &calls[i], GOR_WAIT_BLOCKING);
    }
    gor_sleep(GOR_MILLISECOND);
    for (int i = CALLS - 1; i >= 0; i--) {
        CHECK_EQ(write(calls[i].fds[1], "x", 1), 1);
    }
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < CALLS; i++) {
        close(calls[i].fds[0]);
        close(calls[i].fds[1]);
    }
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.blocking_calls, CALLS);
}

static int nap(void *arg)
{
    usleep(1000);
    return *(int *)arg;
}

static void nap_blockingly(void *arg)
{
    int value = 77;
    CHECK_EQ(gor_blocking(nap, &value), 77);
    gor_waitgroup_done(arg);
}

GO_TEST(blocking_calls_beyond_any_number_of_threads_wait_their_turn)
{
    struct gor_waitgroup wg = {0};
    struct gor_stats stats;
    int count = SCALED(2000, 600, 600);
    gor_waitgroup_add(&wg, count);
    for (int i = 0; i < count; i++) {
        spawn(nap_blockingly, &wg);
    }
    gor_waitgroup_wait(&wg);
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.blocking_calls, count);
    CHECK_INT(stats.threads_blocking, <, 1000);
}

/* A function of gor_blocking may start goroutines, as any thread may. */
static void tell(void *arg)
{
    gor_waitgroup_done(arg);
}

static int start_goroutine(void *arg)
{
    return gor_go(tell, arg);
}

GO_TEST(blocking_function_may_start_goroutines)
{
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, 100);
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(gor_blocking(start_goroutine, &wg), 0);
    }
    gor_waitgroup_wait(&wg);
}

/* Plain memory crosses into the call and back (TSan watches). */
static int count_on(void *arg)
{
    *(int *)arg += 1;
    return *(int *)arg;
}

struct counter {
    int value;
    struct gor_waitgroup *wg;
};

static void count_in_calls(void *arg)
{
    struct counter *c = arg;
    for (int i = 0; i < SCALED(500, 200, 100); i++) {
        c->value++;
        CHECK_EQ(gor_blocking(count_on, &c->value), 2 * (i + 1));
        CHECK_EQ(c->value, 2 * (i + 1));
    }
    gor_waitgroup_done(c->wg);
}

GO_TEST(blocking_orders_plain_memory)
{
    struct gor_waitgroup wg = {0};
    struct counter counters[16];
    gor_waitgroup_add(&wg, 16);
    for (int i = 0; i < 16; i++) {
        counters[i] = (struct counter){0, &wg};
        spawn(count_in_calls, &counters[i]);
    }
    gor_waitgroup_wait(&wg);
}

TEST(blocking_outside_a_goroutine_is_refused)
{
    int value = 3;
    CHECK_EQ(gor_blocking(answer_argument, &value), -EPERM);
}
