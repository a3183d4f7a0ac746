/* SPDX-License-Identifier: MIT */
/* virtual_time_test.c - a clock that stands still while anything runs and jumps when everything waits:
 * what timers do, to the nanosecond. */
#include <unistd.h>

#include "tests/runtime/help.h"

#define DAY (24 * 3600 * GOR_SECOND)
#define YEAR (365 * DAY)
#define START (1000 * GOR_SECOND)

static void run_virtual(uint64_t seed, int (*fn)(void *arg), void *arg)
{
    struct gor_opts opts = {.seed = seed, .virtual_time = true};
    CHECK_EQ(gor_run(&opts, fn, arg), 0);
}

#define VIRTUAL_TEST(test_name)                 \
    static int body_##test_name(void *unused);  \
    TEST(test_name)                             \
    {                                           \
        run_virtual(1, body_##test_name, NULL); \
    }                                           \
    static int body_##test_name(void *unused)

/* ---- the clock */

VIRTUAL_TEST(time_starts_at_a_fixed_value_and_stands_still_while_something_runs)
{
    (void)unused;
    CHECK_EQ(gor_now(), START);
    for (int i = 0; i < 1000; i++) {
        gor_yield();
        usleep(10);
    }
    CHECK_EQ(gor_now(), START);
    CHECK_EQ(gor_after(5), START + 5);
    return 0;
}

VIRTUAL_TEST(a_year_of_sleep_is_over_at_once)
{
    (void)unused;
    CHECK_EQ(gor_sleep(YEAR), 0);
    CHECK_EQ(gor_now(), START + YEAR);
    CHECK_EQ(gor_sleep_until(START + YEAR + 1), 0);
    CHECK_EQ(gor_now(), START + YEAR + 1);
    CHECK_EQ(gor_sleep(0), 0);
    CHECK_EQ(gor_sleep(-5), 0);
    CHECK_EQ(gor_now(), START + YEAR + 1);
    return 0;
}

TEST(time_is_the_systems_again_afterwards)
{
    int64_t before = gor_now();
    run_virtual(1, body_a_year_of_sleep_is_over_at_once, NULL);
    CHECK_INT(gor_now(), >=, before);
    CHECK_INT(gor_now(), <, before + YEAR);
}

/* ---- order */

enum { SLEEPERS = 12 };

static int order[SLEEPERS];
static int woken;
static struct gor_waitgroup group;

static void sleep_in_turn(void *arg)
{
    int number = (int)(intptr_t)arg;
    int64_t when = START + (SLEEPERS - number) * GOR_SECOND;
    CHECK_EQ(gor_sleep_until(when), 0);
    CHECK_EQ(gor_now(), when);
    order[woken++] = number;
    gor_waitgroup_done(&group);
}

static int sleep_in_order(void *unused)
{
    (void)unused;
    woken = 0;
    gor_waitgroup_add(&group, SLEEPERS);
    for (intptr_t i = 0; i < SLEEPERS; i++) {
        spawn(sleep_in_turn, (void *)i);
    }
    gor_waitgroup_wait(&group);
    for (int i = 0; i < SLEEPERS; i++) {
        CHECK_EQ(order[i], SLEEPERS - 1 - i);
    }
    return 0;
}

TEST(deadlines_pass_in_their_order_whatever_the_seed)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        run_virtual(seed, sleep_in_order, NULL);
    }
}

static void fire_together(void *arg)
{
    order[woken++] = (int)(intptr_t)arg;
    gor_waitgroup_done(&group);
}

static int fire_at_one_instant(void *unused)
{
    struct gor_timer *timers[SLEEPERS];
    (void)unused;
    woken = 0;
    gor_waitgroup_add(&group, SLEEPERS);
    for (intptr_t i = 0; i < SLEEPERS; i++) {
        timers[i] = gor_timer_new_func(GOR_SECOND, fire_together, (void *)i);
        CHECK(timers[i] != NULL);
    }
    gor_waitgroup_wait(&group);
    CHECK_EQ(gor_now(), START + GOR_SECOND);
    for (int i = 0; i < SLEEPERS; i++) {
        gor_timer_free(timers[i]);
    }
    return 0;
}

/* Each timer is the first one with some seed, and the last one with another. */
TEST(timers_of_one_instant_fire_in_an_order_that_varies)
{
    int firsts[SLEEPERS] = {0};
    int lasts[SLEEPERS] = {0};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        run_virtual(seed, fire_at_one_instant, NULL);
        CHECK_EQ(woken, SLEEPERS);
        firsts[order[0]]++;
        lasts[order[SLEEPERS - 1]]++;
    }
    for (int i = 0; i < SLEEPERS; i++) {
        CHECK_INT(firsts[i], >, 0);
        CHECK_INT(lasts[i], >, 0);
    }
}

/* ---- timers and tickers */

VIRTUAL_TEST(a_timer_tells_the_instant_it_fired)
{
    struct gor_timer *timer = gor_timer_new(3 * DAY);
    int64_t fired = 0;
    (void)unused;
    CHECK_EQ(gor_chan_recv(gor_timer_chan(timer), &fired), 1);
    CHECK_EQ(fired, START + 3 * DAY);
    CHECK_EQ(gor_timer_reset(timer, DAY), 0);
    CHECK_EQ(gor_timer_reset(timer, 2 * DAY), 1);
    CHECK_EQ(gor_chan_recv(gor_timer_chan(timer), &fired), 1);
    CHECK_EQ(fired, START + 5 * DAY);
    CHECK_EQ(gor_timer_stop(timer), 0);
    CHECK_EQ(gor_timer_reset(timer, DAY), 0);
    CHECK_EQ(gor_timer_stop(timer), 1);
    CHECK_EQ(gor_chan_recv_until(gor_timer_chan(timer), NULL, gor_after(YEAR)), -ETIMEDOUT);
    CHECK_EQ(gor_now(), START + 5 * DAY + YEAR);
    gor_timer_free(timer);
    return 0;
}

VIRTUAL_TEST(a_ticker_drops_what_a_slow_reader_misses_and_keeps_its_grid)
{
    struct gor_timer *ticker = gor_ticker_new(GOR_SECOND);
    int64_t tick = 0;
    (void)unused;
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(gor_chan_recv(gor_timer_chan(ticker), &tick), 1);
        CHECK_EQ(tick, START + i * GOR_SECOND);
    }
    /* From 3 s to 10.5 s: the tick of 4 s lies there, those of 5 to 10 s are dropped. */
    CHECK_EQ(gor_sleep(7 * GOR_SECOND + GOR_SECOND / 2), 0);
    CHECK_EQ(gor_chan_len(gor_timer_chan(ticker)), 1);
    CHECK_EQ(gor_chan_try_recv(gor_timer_chan(ticker), &tick), 1);
    CHECK_EQ(tick, START + 4 * GOR_SECOND);
    CHECK_EQ(gor_chan_try_recv(gor_timer_chan(ticker), &tick), -EAGAIN);
    CHECK_EQ(gor_chan_recv(gor_timer_chan(ticker), &tick), 1);
    CHECK_EQ(tick, START + 11 * GOR_SECOND);
    CHECK_EQ(gor_timer_reset(ticker, DAY), 1);
    CHECK_EQ(gor_chan_recv(gor_timer_chan(ticker), &tick), 1);
    CHECK_EQ(tick, START + 11 * GOR_SECOND + DAY);
    CHECK_EQ(gor_timer_stop(ticker), 1);
    CHECK_EQ(gor_sleep(YEAR), 0);
    CHECK_EQ(gor_chan_len(gor_timer_chan(ticker)), 0);
    gor_timer_free(ticker);
    return 0;
}

VIRTUAL_TEST(waits_end_at_their_deadline_to_the_nanosecond)
{
    struct gor_chan *c = gor_chan_new(0, 0);
    struct gor_sem sem = {{0}};
    struct gor_mutex mutex = {{0}};
    struct gor_cond cond = {{0}};
    struct gor_ctx *ctx = NULL;
    (void)unused;
    CHECK_EQ(gor_chan_recv_until(c, NULL, START + 1), -ETIMEDOUT);
    CHECK_EQ(gor_now(), START + 1);
    CHECK_EQ(gor_chan_send_until(c, NULL, START + 12), -ETIMEDOUT);
    CHECK_EQ(gor_now(), START + 12);
    CHECK_EQ(gor_sem_acquire(&sem, 1, START + 123), -ETIMEDOUT);
    CHECK_EQ(gor_now(), START + 123);
    gor_mutex_lock(&mutex);
    CHECK_EQ(gor_cond_wait_until(&cond, &mutex, START + 1234), -ETIMEDOUT);
    CHECK_EQ(gor_now(), START + 1234);
    gor_mutex_unlock(&mutex);
    CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), DAY, &ctx), 0);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
    CHECK_EQ(gor_now(), START + 1234 + DAY);
    CHECK_EQ(gor_ctx_err(ctx), -ETIMEDOUT);
    gor_ctx_unref(ctx);
    gor_chan_unref(c);
    return 0;
}

/* ---- descriptors */

VIRTUAL_TEST(a_descriptor_is_not_waited_for_while_a_timer_is_left)
{
    int ends[2];
    char byte = 0;
    (void)unused;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(gor_read(ends[0], &byte, 1, START + YEAR), -ETIMEDOUT);
    CHECK_EQ(gor_now(), START + YEAR);
    CHECK_EQ(gor_write(ends[1], "x", 1, GOR_NEVER), 1);
    CHECK_EQ(gor_read(ends[0], &byte, 1, gor_after(YEAR)), 1);
    CHECK_EQ(gor_now(), START + YEAR);
    CHECK_EQ(gor_close(ends[0]), 0);
    CHECK_EQ(gor_close(ends[1]), 0);
    return 0;
}

static void write_later(void *arg)
{
    CHECK_EQ(gor_sleep(DAY), 0);
    CHECK_EQ(gor_write(*(int *)arg, "x", 1, GOR_NEVER), 1);
}

VIRTUAL_TEST(a_pipe_between_goroutines_passes_in_virtual_time)
{
    int ends[2];
    char byte = 0;
    (void)unused;
    CHECK_EQ(pipe(ends), 0);
    spawn(write_later, &ends[1]);
    CHECK_EQ(gor_read(ends[0], &byte, 1, gor_after(YEAR)), 1);
    CHECK_EQ(gor_now(), START + DAY);
    CHECK_EQ(gor_close(ends[0]), 0);
    CHECK_EQ(gor_close(ends[1]), 0);
    return 0;
}

/* ---- without a seed */

static int check_start(void *unused)
{
    (void)unused;
    CHECK_EQ(gor_now(), START);
    return 0;
}

TEST(virtual_time_needs_no_seed)
{
    run_virtual(0, check_start, NULL);
}
