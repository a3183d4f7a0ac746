/* SPDX-License-Identifier: MIT */
/* ticker_test.c - repeated firing: spacing, slow readers, stop and reset. */
#include "tests/runtime/help.h"

static int64_t recv_tick(struct gor_timer *t)
{
    int64_t fired = 0;
    CHECK_EQ(gor_chan_recv(gor_timer_chan(t), &fired), 1);
    return fired;
}

GO_TEST(ticker_ticks_again_and_again)
{
    int64_t start = gor_now();
    struct gor_timer *t = gor_ticker_new(GOR_MILLISECOND);
    CHECK(t != NULL);
    int64_t last = start;
    for (int i = 1; i <= 10; i++) {
        int64_t fired = recv_tick(t);
        CHECK_INT(fired, >, last);
        CHECK_INT(fired - start, >=, i * GOR_MILLISECOND);
        last = fired;
    }
    CHECK_EQ(gor_timer_stop(t), 1);
    gor_timer_free(t);
}

GO_TEST(ticker_without_a_period_is_refused)
{
    CHECK(gor_ticker_new(0) == NULL);
    CHECK(gor_ticker_new(-GOR_SECOND) == NULL);
    struct gor_timer *t = gor_ticker_new(3600 * GOR_SECOND);
    CHECK_EQ(gor_timer_reset(t, 0), -EINVAL);
    CHECK_EQ(gor_timer_reset(t, -1), -EINVAL);
    gor_timer_free(t);
}

GO_TEST(ticker_drops_what_a_slow_reader_misses)
{
    struct gor_timer *t = gor_ticker_new(GOR_MILLISECOND);
    for (int i = 0; i < 3; i++) {
        gor_sleep(10 * GOR_MILLISECOND);
        CHECK_INT(gor_chan_len(gor_timer_chan(t)), <=, 1);
        (void)recv_tick(t);
    }
    gor_timer_free(t);
}

GO_TEST(ticker_stopped_ticks_no_more)
{
    struct gor_timer *t = gor_ticker_new(100 * GOR_MICROSECOND);
    for (int i = 0; i < 50; i++) {
        (void)recv_tick(t);
        gor_sleep((i % 20) * 10 * GOR_MICROSECOND);
        CHECK_EQ(gor_timer_stop(t), 1);
        CHECK_EQ(gor_chan_len(gor_timer_chan(t)), 0);
        gor_sleep(200 * GOR_MICROSECOND);
        CHECK_EQ(gor_chan_try_recv(gor_timer_chan(t), NULL), -EAGAIN);
        CHECK_EQ(gor_timer_stop(t), 0);
        CHECK_EQ(gor_timer_reset(t, 100 * GOR_MICROSECOND), 0);
    }
    gor_timer_free(t);
}

GO_TEST(ticker_reset_takes_the_new_period)
{
    struct gor_timer *t = gor_ticker_new(3600 * GOR_SECOND);
    int64_t start = gor_now();
    CHECK_EQ(gor_timer_reset(t, 2 * GOR_MILLISECOND), 1);
    for (int i = 1; i <= 3; i++) {
        CHECK_INT(recv_tick(t) - start, >=, 2 * i * GOR_MILLISECOND);
    }
    gor_timer_free(t);
}

/* However fast or slow the reader, there are never more ticks than periods that have passed. */
GO_TEST(ticker_ticks_no_more_often_than_its_period)
{
    enum { PERIOD = 100 * GOR_MICROSECOND };
    uint64_t random = test_seed();
    int64_t start = gor_now();
    struct gor_timer *t = gor_ticker_new(PERIOD);
    int64_t last = 0;
    for (int ticks = 1; ticks <= SCALED(500, 300, 200); ticks++) {
        if (random_below(&random, 4) == 0) {
            gor_sleep(random_below(&random, 5 * PERIOD));
        }
        int64_t fired = recv_tick(t);
        CHECK_INT(fired, >, last);
        CHECK_INT((fired - start) / PERIOD, >=, ticks);
        CHECK_INT(gor_now(), >=, fired);
        last = fired;
    }
    gor_timer_free(t);
}

/* Several readers share a ticker, each with a timeout of its own: each tick goes to one of them. */
struct ticks {
    struct gor_timer *t;
    struct gor_waitgroup wg;
    _Atomic long got;
};

static void read_ticks(void *arg)
{
    struct ticks *ticks = arg;
    for (int i = 0; i < SCALED(1000, 500, 300); i++) {
        struct gor_timer *timeout = gor_timer_new((i % 3) * 50 * GOR_MICROSECOND);
        struct gor_case cases[] = {{gor_timer_chan(ticks->t), NULL, GOR_RECV, 0},
                                   {gor_timer_chan(timeout), NULL, GOR_RECV, 0}};
        int chosen = gor_select(cases, 2);
        CHECK(chosen == 0 || chosen == 1);
        atomic_fetch_add(&ticks->got, chosen == 0);
        gor_timer_free(timeout);
    }
    gor_waitgroup_done(&ticks->wg);
}

GO_TEST(ticker_read_by_many_with_timeouts_gives_each_tick_once)
{
    int64_t start = gor_now();
    struct ticks ticks = {.t = gor_ticker_new(20 * GOR_MICROSECOND)};
    gor_waitgroup_add(&ticks.wg, 6);
    for (int i = 0; i < 6; i++) {
        spawn(read_ticks, &ticks);
    }
    gor_waitgroup_wait(&ticks.wg);
    CHECK_INT(atomic_load(&ticks.got), >, 0);
    CHECK_INT(atomic_load(&ticks.got), <=, (gor_now() - start) / (20 * GOR_MICROSECOND));
    gor_timer_free(ticks.t);
}

struct teardown {
    struct gor_waitgroup wg;
};

static void make_and_free(void *arg)
{
    struct teardown *td = arg;
    for (int i = 0; i < SCALED(200, 100, 50); i++) {
        struct gor_timer *t = gor_ticker_new(1 + i * 100);
        if (i % 2 == 0) {
            (void)recv_tick(t);
        }
        gor_timer_free(t);
    }
    gor_waitgroup_done(&td->wg);
}

GO_TEST(ticker_freed_while_it_ticks)
{
    struct teardown td = {{{0}}};
    gor_waitgroup_add(&td.wg, 10);
    for (int i = 0; i < 10; i++) {
        spawn(make_and_free, &td);
    }
    gor_waitgroup_wait(&td.wg);
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
}

struct paces {
    struct gor_waitgroup wg;
    struct gor_timer *t;
};

static void change_pace(void *arg)
{
    struct paces *paces = arg;
    for (int i = 0; i < SCALED(2000, 500, 300); i++) {
        CHECK_INT(gor_timer_reset(paces->t, GOR_MICROSECOND + i), <=, 1);
        if (i % 16 == 0) {
            gor_yield();
        }
    }
    gor_waitgroup_done(&paces->wg);
}

GO_TEST(ticker_whose_pace_is_changed_by_many_ticks_on)
{
    struct paces paces = {.t = gor_ticker_new(GOR_SECOND)};
    gor_waitgroup_add(&paces.wg, 4);
    for (int i = 0; i < 4; i++) {
        spawn(change_pace, &paces);
    }
    gor_waitgroup_wait(&paces.wg);
    (void)recv_tick(paces.t);
    (void)recv_tick(paces.t);
    gor_timer_free(paces.t);
}
