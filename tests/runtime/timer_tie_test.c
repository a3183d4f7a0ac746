/* SPDX-License-Identifier: MIT */
/* timer_tie_test.c - timers of the same instant: all fire, in an order that nobody can rely on. */
#include <string.h>

#include "tests/runtime/help.h"

enum { SLEEPERS = 6, ROUNDS_MAX = 100 };

struct round {
    int64_t instant;
    struct gor_waitgroup wg;
    int order[SLEEPERS];
    int woken;
    bool in_time; /* all slept before the instant came */
};

struct sleeper {
    struct round *round;
    int number;
    struct sleeper *next; /* goes to sleep after this one, so that they always do so in one order */
};

static void sleep_to_the_instant(void *arg)
{
    struct sleeper *s = arg;
    struct round *round = s->round;
    if (s->next != NULL) {
        spawn(sleep_to_the_instant, s->next);
    }
    if (gor_now() >= round->instant) {
        round->in_time = false;
    }
    CHECK_EQ(gor_sleep_until(round->instant), 0);
    round->order[round->woken++] = s->number;
    gor_waitgroup_done(&round->wg);
}

/* One P, so the order of waking is that of firing. If they did not get to sleep in time there was
 * none, and more is given to them. */
static struct round sleep_together(int64_t *ahead)
{
    struct round round;
    struct sleeper sleepers[SLEEPERS];
    do {
        round = (struct round){.instant = gor_after(*ahead), .in_time = true};
        gor_waitgroup_add(&round.wg, SLEEPERS);
        for (int i = 0; i < SLEEPERS; i++) {
            sleepers[i] = (struct sleeper){&round, i, i + 1 < SLEEPERS ? &sleepers[i + 1] : NULL};
        }
        spawn(sleep_to_the_instant, &sleepers[0]);
        gor_waitgroup_wait(&round.wg);
        if (!round.in_time) {
            *ahead *= 2;
        }
    } while (!round.in_time);
    return round;
}

static int orders_differ(void *arg)
{
    int64_t ahead = GOR_MILLISECOND;
    struct round first = sleep_together(&ahead);
    (void)arg;
    for (int i = 0; i < ROUNDS_MAX; i++) {
        struct round other = sleep_together(&ahead);
        CHECK_EQ(other.woken, SLEEPERS);
        if (memcmp(first.order, other.order, sizeof first.order) != 0) {
            return 0;
        }
    }
    CHECK(false);
    return 1;
}

TEST(timers_of_one_instant_fire_in_varying_order)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, orders_differ, NULL), 0);
}

/* Thousands of few instants. A reset to now may fire before the stop, but was never received. */
GO_TEST(timers_of_few_instants_leave_in_any_order)
{
    enum { COUNT = 3000, INSTANTS = 3 };
    struct gor_timer **timers = calloc(COUNT, sizeof(struct gor_timer *));
    uint64_t random = test_seed();
    CHECK(timers != NULL);
    for (int i = 0; i < COUNT; i++) {
        timers[i] = gor_timer_new(3600 * GOR_SECOND);
        CHECK(timers[i] != NULL);
    }
    /* Stopped in any order, which takes them out of the middle. */
    for (int left = COUNT; left > 0; left--) {
        int k = random_below(&random, left);
        struct gor_timer *t = timers[k];
        CHECK_EQ(gor_timer_reset(t, random_below(&random, INSTANTS) * GOR_SECOND * 3600), 1);
        CHECK_EQ(gor_timer_stop(t), 1);
        gor_timer_free(t);
        timers[k] = timers[left - 1];
    }
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
    free(timers);
}
