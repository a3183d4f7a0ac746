/* SPDX-License-Identifier: MIT */
/* sleep_test.c - sleeping: never too short, in order of deadlines, odd durations. */
#include "tests/runtime/help.h"

GO_TEST(sleep_lasts_at_least_as_long_as_asked)
{
    static const int64_t durations[] = {
        1, 100, GOR_MICROSECOND, 50 * GOR_MICROSECOND, GOR_MILLISECOND, 7 * GOR_MILLISECOND};
    for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
        int64_t start = gor_now();
        CHECK_EQ(gor_sleep(durations[i]), 0);
        CHECK_INT(gor_now() - start, >=, durations[i]);
    }
}

GO_TEST(sleep_of_zero_and_less_returns_at_once)
{
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(gor_sleep(0), 0);
        CHECK_EQ(gor_sleep(-1), 0);
        CHECK_EQ(gor_sleep(INT64_MIN), 0);
    }
}

GO_TEST(sleep_until_waits_for_the_deadline)
{
    int64_t deadline = gor_after(2 * GOR_MILLISECOND);
    CHECK_EQ(gor_sleep_until(deadline), 0);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_sleep_until(deadline), 0);
    CHECK_EQ(gor_sleep_until(0), 0);
    CHECK_EQ(gor_sleep_until(INT64_MIN), 0);
    CHECK_EQ(gor_sleep_until(GOR_NEVER), -EINVAL);
}

TEST(after_saturates_at_never)
{
    int64_t before = gor_now();
    CHECK(gor_after(GOR_NEVER) == GOR_NEVER);
    CHECK(gor_after(GOR_NEVER - 1) == GOR_NEVER);
    CHECK_INT(gor_after(0), >=, before);
    CHECK_INT(gor_after(-GOR_SECOND), <, gor_now());
    CHECK_INT(gor_after(INT64_MIN), <, gor_now());
    CHECK_INT(gor_after(GOR_SECOND), >=, before + GOR_SECOND);
}

TEST(now_never_goes_back)
{
    int64_t last = gor_now();
    for (int i = 0; i < 10000; i++) {
        int64_t now = gor_now();
        CHECK(now >= last);
        last = now;
    }
}

static void sleep_very_long(void *arg)
{
    (void)gor_sleep(*(int64_t *)arg);
    CHECK(!"a sleep without end returned");
}

GO_TEST(sleep_without_end_does_not_overflow)
{
    static int64_t durations[] = {GOR_NEVER, GOR_NEVER - 1, GOR_NEVER / 2};
    for (int i = 0; i < 3; i++) {
        spawn_parked(sleep_very_long, &durations[i], GOR_WAIT_SLEEP);
    }
    gor_sleep(5 * GOR_MILLISECOND);
    CHECK_EQ(gor_num_goroutine(), 4);
}

/* Sleepers wake in the order of their deadlines. They report through one channel; on one processor
 * nothing can overtake. */
struct sleeper {
    int64_t deadline;
    int number;
    struct gor_chan *woken;
    int *begun; /* shared; on one processor no two touch it at once */
};

static void sleep_and_report(void *arg)
{
    struct sleeper *s = arg;
    ++*s->begun;
    CHECK_EQ(gor_sleep_until(s->deadline), 0);
    CHECK(gor_now() >= s->deadline);
    send_int(s->woken, s->number);
}

static int wake_in_order(void *arg)
{
    (void)arg;
    enum { COUNT = 200 };
    static struct sleeper sleepers[COUNT];
    uint64_t seed = test_seed();
    struct gor_chan *woken = new_chan(sizeof(int), COUNT);
    int64_t base = gor_after(100 * GOR_MILLISECOND);
    int order[COUNT];
    int begun = 0;
    for (int i = 0; i < COUNT; i++) {
        order[i] = i;
        int k = random_below(&seed, i + 1);
        order[i] = order[k];
        order[k] = i;
    }
    for (int i = 0; i < COUNT; i++) {
        int number = order[i];
        sleepers[number] = (struct sleeper){base + number * 1000, number, woken, &begun};
        spawn(sleep_and_report, &sleepers[number]);
    }
    YIELD_UNTIL(begun == COUNT)
    bool in_time = gor_now() < base;
    for (int i = 0; i < COUNT; i++) {
        int number = recv_int(woken);
        /* If the last began to sleep after the first deadline there is no order to expect. */
        CHECK(!in_time || number == i);
    }
    gor_chan_unref(woken);
    return 0;
}

TEST(sleep_wakes_in_order_of_deadlines)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, wake_in_order, NULL), 0);
}

struct crowd {
    struct gor_waitgroup wg;
    _Atomic uint64_t seed;
};

static void sleep_at_random(void *arg)
{
    struct crowd *crowd = arg;
    uint64_t state = atomic_fetch_add(&crowd->seed, 1);
    for (int i = 0; i < 3; i++) {
        int64_t ns = random_below(&state, 20000) * GOR_MICROSECOND;
        int64_t start = gor_now();
        CHECK_EQ(gor_sleep(ns), 0);
        CHECK_INT(gor_now() - start, >=, ns);
    }
    gor_waitgroup_done(&crowd->wg);
}

GO_TEST(sleep_by_thousands_wakes_every_one)
{
    int count = SCALED(20000, 5000, 2000);
    struct crowd crowd = {.seed = test_seed()};
    gor_waitgroup_add(&crowd.wg, count);
    for (int i = 0; i < count; i++) {
        spawn(sleep_at_random, &crowd);
    }
    gor_waitgroup_wait(&crowd.wg);
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
}

TEST(sleep_outside_a_goroutine_is_refused)
{
    CHECK_EQ(gor_sleep(1), -EPERM);
    CHECK_EQ(gor_sleep_until(0), -EPERM);
}
