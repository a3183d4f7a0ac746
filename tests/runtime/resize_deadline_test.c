/* SPDX-License-Identifier: MIT */
/* resize_deadline_test.c - timers move to another P while GOMAXPROCS shrinks, and are stopped all
 * the same: a wait that ended early may not leave its deadline behind. */
#include "tests/runtime/help.h"

enum { PAIRS = 32, PROCS = 4 };

struct resizing {
    _Atomic bool over;
    _Atomic int ended;
};

struct pair {
    struct resizing *all;
    struct gor_chan *c;
};

/* Every receive has a far deadline, started and taken back each time. */
static void take_all(void *arg)
{
    struct pair *pair = arg;
    int value = 0;
    while (gor_chan_recv_until(pair->c, &value, gor_after(100 * GOR_SECOND)) == 1) {
    }
    atomic_fetch_add(&pair->all->ended, 1);
}

static void offer_all(void *arg)
{
    struct pair *pair = arg;
    int value = 1;
    while (!atomic_load(&pair->all->over)) {
        (void)gor_chan_try_send(pair->c, &value);
        gor_yield();
    }
    CHECK_EQ(gor_chan_close(pair->c), 0);
    atomic_fetch_add(&pair->all->ended, 1);
}

static void reset_always(void *arg)
{
    struct resizing *all = arg;
    struct gor_timer *timer = gor_timer_new(100 * GOR_SECOND);
    CHECK(timer != NULL);
    while (!atomic_load(&all->over)) {
        CHECK_EQ(gor_timer_reset(timer, 100 * GOR_SECOND), 1);
        gor_yield();
    }
    CHECK_EQ(gor_timer_stop(timer), 1);
    gor_timer_free(timer);
    atomic_fetch_add(&all->ended, 1);
}

static int resize_under_deadlines(void *unused)
{
    struct resizing all = {.over = false};
    struct pair pairs[PAIRS];
    (void)unused;
    for (int i = 0; i < PAIRS; i++) {
        pairs[i] = (struct pair){&all, gor_chan_new(sizeof(int), 0)};
        spawn(take_all, &pairs[i]);
        spawn(offer_all, &pairs[i]);
        spawn(reset_always, &all);
    }
    for (int i = 0; i < SCALED(20000, 2000, 1000); i++) {
        (void)gor_gomaxprocs(i % 2 == 0 ? 1 : PROCS);
        gor_yield();
    }
    atomic_store(&all.over, true);
    YIELD_UNTIL(atomic_load(&all.ended) == 3 * PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        gor_chan_unref(pairs[i].c);
    }
    /* What was taken back is in no heap. */
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
    return 0;
}

TEST(resize_leaves_no_deadline_behind)
{
    struct gor_opts opts = {.gomaxprocs = PROCS};
    CHECK_EQ(gor_run(&opts, resize_under_deadlines, NULL), 0);
}
