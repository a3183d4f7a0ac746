/* SPDX-License-Identifier: MIT */
/* timer_million_test.c - a million timers armed at once; stopped, fired, reset, each accounted for.
 */
#include "tests/runtime/help.h"

enum { COUNT = SCALED(1000000, 100000, 30000), GOROUTINES = 8 };

struct crowd {
    struct gor_timer **timers;
    struct gor_waitgroup wg;
    _Atomic long calls;
    _Atomic long prevented;
    _Atomic uint64_t seed;
};

static void count_call(void *arg)
{
    struct crowd *crowd = arg;
    atomic_fetch_add(&crowd->calls, 1);
}

struct share {
    struct crowd *crowd;
    int first;
    int last;
    int64_t shortest;
    int64_t longest;
};

static void arm_share(void *arg)
{
    struct share *s = arg;
    uint64_t random = atomic_fetch_add(&s->crowd->seed, 7919);
    for (int i = s->first; i < s->last; i++) {
        int64_t range = (s->longest - s->shortest) / GOR_MICROSECOND;
        int64_t ns = s->shortest + random_below(&random, (int)range) * GOR_MICROSECOND;
        s->crowd->timers[i] = gor_timer_new_func(ns, count_call, s->crowd);
        CHECK(s->crowd->timers[i] != NULL);
    }
    gor_waitgroup_done(&s->crowd->wg);
}

static void stop_share(void *arg)
{
    struct share *s = arg;
    for (int i = s->first; i < s->last; i++) {
        atomic_fetch_add(&s->crowd->prevented, gor_timer_stop(s->crowd->timers[i]));
        gor_timer_free(s->crowd->timers[i]);
    }
    gor_waitgroup_done(&s->crowd->wg);
}

/* Earlier, in an order that has nothing to do with that of the arming. */
static void reset_share(void *arg)
{
    struct share *s = arg;
    int count = s->last - s->first;
    for (int i = 0; i < count; i++) {
        int k = s->first + (int)((int64_t)i * 7919 % count);
        CHECK_EQ(gor_timer_reset(s->crowd->timers[k], i % 1000 * GOR_MICROSECOND), 1);
    }
    gor_waitgroup_done(&s->crowd->wg);
}

static void by_shares(struct crowd *crowd, void (*fn)(void *arg), int64_t shortest, int64_t longest)
{
    struct share shares[GOROUTINES];
    gor_waitgroup_add(&crowd->wg, GOROUTINES);
    for (int i = 0; i < GOROUTINES; i++) {
        int each = COUNT / GOROUTINES;
        shares[i] = (struct share){crowd, i * each, (i + 1) * each, shortest, longest};
        spawn(fn, &shares[i]);
    }
    gor_waitgroup_wait(&crowd->wg);
}

static uint64_t armed(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats.timers;
}

GO_TEST(timers_by_the_million_are_stopped)
{
    struct crowd crowd = {.timers = calloc(COUNT, sizeof(struct gor_timer *)), .seed = test_seed()};
    by_shares(&crowd, arm_share, 1000 * GOR_SECOND, 2000 * GOR_SECOND);
    CHECK_EQ(armed(), COUNT);
    by_shares(&crowd, stop_share, 0, 0);
    CHECK_EQ(armed(), 0);
    CHECK_EQ(atomic_load(&crowd.prevented), COUNT);
    CHECK_EQ(atomic_load(&crowd.calls), 0);
    free(crowd.timers);
}

GO_TEST(timers_by_the_million_are_reset_and_fire)
{
    struct crowd crowd = {.timers = calloc(COUNT, sizeof(struct gor_timer *)), .seed = test_seed()};
    by_shares(&crowd, arm_share, 1000 * GOR_SECOND, 2000 * GOR_SECOND);
    CHECK_EQ(armed(), COUNT);
    by_shares(&crowd, reset_share, 0, 0);
    YIELD_UNTIL(atomic_load(&crowd.calls) == COUNT)
    CHECK_EQ(armed(), 0);
    by_shares(&crowd, stop_share, 0, 0);
    CHECK_EQ(atomic_load(&crowd.prevented), 0);
    free(crowd.timers);
}

/* Armed for moments that come while they are still being armed and stopped. */
GO_TEST(timers_by_the_million_fire_or_are_stopped)
{
    struct crowd crowd = {.timers = calloc(COUNT, sizeof(struct gor_timer *)), .seed = test_seed()};
    by_shares(&crowd, arm_share, 0, 500 * GOR_MILLISECOND);
    by_shares(&crowd, stop_share, 0, 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(armed(), 0);
    CHECK_EQ(atomic_load(&crowd.prevented) + atomic_load(&crowd.calls), COUNT);
    free(crowd.timers);
}
