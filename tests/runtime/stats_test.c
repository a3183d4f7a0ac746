/* SPDX-License-Identifier: MIT */
/* stats_test.c - counters, the walk over all goroutines, looking one up. */
#include "tests/runtime/help.h"

TEST(stats_without_a_runtime_are_refused)
{
    struct gor_stats stats;
    memset(&stats, 0x5a, sizeof stats);
    CHECK_EQ(gor_stats_get(&stats, true), -ESRCH);
    CHECK_EQ(stats.goroutines, UINT64_C(0x5a5a5a5a5a5a5a5a));
    CHECK_EQ(gor_num_goroutine(), 0);
    struct gor_info info;
    CHECK_EQ(gor_lookup(1, &info), -ESRCH);
    CHECK_INT(gor_num_cpu(), >=, 1);
    CHECK_INT(gor_now(), >, 0);
}

TEST(state_and_reason_names_are_complete)
{
#define CHECK_STATE(id, text) CHECK_STR(gor_state_name(GOR_##id), text);
    GOR_STATES(CHECK_STATE)
#undef CHECK_STATE
#define CHECK_REASON(id, text) CHECK_STR(gor_wait_reason_name(GOR_WAIT_##id), text);
    GOR_WAIT_REASONS(CHECK_REASON)
#undef CHECK_REASON
}

static void park_on(void *arg)
{
    (void)gor_chan_recv(arg, NULL);
}

static void be_busy(void *arg)
{
    while (!atomic_load((_Atomic bool *)arg)) {
        gor_yield();
    }
}

GO_TEST(stats_count_goroutines_by_state)
{
    struct gor_chan *c = new_chan(0, 0);
    struct gor_stats stats;
    for (int i = 0; i < 30; i++) {
        spawn_parked(park_on, c, GOR_WAIT_CHAN_RECV);
    }
    CHECK_EQ(gor_stats_get(&stats, true), 0);
    CHECK_EQ(stats.goroutines, 31);
    CHECK_EQ(stats.goroutines_created, 31);
    CHECK_EQ(stats.by_state[GOR_WAITING], 30);
    CHECK_EQ(stats.by_state[GOR_RUNNING], 1);
    CHECK_EQ(stats.by_state[GOR_TERMINATED], 0);
    CHECK_INT(stats.switches, >, 30);
    CHECK_INT(stats.threads, >=, 1);
    CHECK_INT(stats.gomaxprocs, >=, 1);
    CHECK_EQ(stats.num_cpu, gor_num_cpu());
    CHECK_EQ(stats.gomaxprocs, gor_gomaxprocs(0));
    CHECK_INT(stats.stacks_in_use, >=, 31);
    CHECK_INT(stats.stacks_reserved_bytes, >=, 31 * 65536);
    CHECK_INT(stats.uptime_ns, >, 0);
    CHECK_EQ(stats.timers, 0);
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(gor_stats_get(&stats, true), 0);
    CHECK_EQ(stats.by_state[GOR_WAITING], 0);
    await_one_stack();
    gor_chan_unref(c);
}

static void sleep_long(void *arg)
{
    (void)gor_ctx_sleep_until(arg, gor_after(3600 * GOR_SECOND));
}

GO_TEST(stats_count_armed_timers)
{
    struct gor_ctx *ctx;
    struct gor_stats stats;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    for (int i = 0; i < 10; i++) {
        spawn(sleep_long, ctx);
    }
    /* A goroutine shows as waiting before its thread has left its stack, and its timer runs only then. */
    do {
        gor_yield();
        CHECK_EQ(gor_stats_get(&stats, false), 0);
        CHECK_INT(stats.timers, <=, 10);
    } while (stats.timers < 10);
    gor_ctx_cancel(ctx, NULL);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
    gor_ctx_unref(ctx);
}

/* ---------------------------------------------------------------- the walk */

struct walk {
    gor_id_t ids[100];
    int count;
    int stop_after;
};

static int note_goroutine(void *arg, const struct gor_info *info)
{
    struct walk *w = arg;
    CHECK(info->id != 0);
    for (int i = 0; i < w->count; i++) {
        CHECK(w->ids[i] != info->id);
    }
    CHECK_INT(info->state, <, GOR_STATE_COUNT);
    CHECK_INT(info->reason, <, GOR_WAIT_COUNT);
    CHECK((info->state == GOR_WAITING) == (info->reason != GOR_WAIT_NONE));
    CHECK_INT(info->waiting_ns, >=, 0);
    CHECK_INT(info->frame_count, <=, 32);
    w->ids[w->count++] = info->id;
    return w->count == w->stop_after ? -42 : 0;
}

GO_TEST(each_shows_every_goroutine_once)
{
    struct gor_chan *c = new_chan(0, 0);
    struct walk all = {.stop_after = -1};
    struct walk some = {.stop_after = 5};
    gor_id_t ids[20];
    for (int i = 0; i < 20; i++) {
        ids[i] = spawn_parked(park_on, c, GOR_WAIT_CHAN_RECV);
    }
    CHECK_EQ(gor_each(note_goroutine, &all), 0);
    CHECK_EQ(all.count, 21);
    for (int i = 0; i < 20; i++) {
        bool seen = false;
        for (int k = 0; k < all.count; k++) {
            seen |= all.ids[k] == ids[i];
        }
        CHECK(seen);
    }
    CHECK_EQ(gor_each(note_goroutine, &some), -42);
    CHECK_EQ(some.count, 5);
    CHECK_EQ(gor_chan_close(c), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c);
}

GO_TEST(lookup_tells_since_when_and_where_a_goroutine_waits)
{
    struct gor_chan *c = new_chan(0, 0);
    struct gor_info info;
    gor_id_t id = spawn_parked(park_on, c, GOR_WAIT_CHAN_RECV);
    gor_sleep(2 * GOR_MILLISECOND);
    CHECK_EQ(gor_lookup(id, &info), 0);
    CHECK_INT(info.waiting_ns, >=, GOR_MILLISECOND);
    CHECK_INT(info.frame_count, >, 0);
    for (unsigned i = 0; i < info.frame_count; i++) {
        CHECK(info.frames[i] != NULL);
    }
    CHECK_EQ(gor_lookup(gor_self(), &info), 0);
    CHECK_EQ(info.state, GOR_RUNNING);
    CHECK_EQ(info.waiting_ns, 0);
    CHECK_EQ(info.frame_count, 0);
    CHECK_EQ(gor_chan_close(c), 0);
    await_end(id);
    struct gor_info untouched = {.id = 77};
    CHECK_EQ(gor_lookup(id, &untouched), -ESRCH);
    CHECK_EQ(untouched.id, 77);
    CHECK_EQ(gor_lookup(0, &untouched), -ESRCH);
    CHECK_EQ(gor_lookup(UINT64_MAX, &untouched), -ESRCH);
    gor_chan_unref(c);
}

/* Looking in while everything moves must not disturb anybody. */
struct churn {
    _Atomic bool stop;
    struct gor_waitgroup wg;
};

static void nothing(void *arg)
{
    gor_waitgroup_done(arg);
}

static void come_and_go(void *arg)
{
    struct churn *churn = arg;
    struct gor_waitgroup wg = {0};
    while (!atomic_load(&churn->stop)) {
        gor_waitgroup_add(&wg, 5);
        for (int i = 0; i < 5; i++) {
            spawn(nothing, &wg);
        }
        gor_waitgroup_wait(&wg);
        gor_sleep(GOR_MICROSECOND);
    }
    gor_waitgroup_done(&churn->wg);
}

static int check_info(void *arg, const struct gor_info *info)
{
    (void)arg;
    CHECK(info->id != 0);
    CHECK_INT(info->state, <, GOR_STATE_COUNT);
    return 0;
}

GO_TEST(each_and_lookup_while_goroutines_come_and_go)
{
    struct churn churn = {.stop = false};
    _Atomic bool busy_stop = false;
    struct gor_info info;
    gor_waitgroup_add(&churn.wg, 4);
    for (int i = 0; i < 4; i++) {
        spawn(come_and_go, &churn);
    }
    gor_id_t busy = spawn_id(be_busy, &busy_stop);
    for (int i = 0; i < SCALED(3000, 1000, 300); i++) {
        CHECK_EQ(gor_each(check_info, NULL), 0);
        CHECK_EQ(gor_lookup(busy, &info), 0);
        CHECK_EQ(info.id, busy);
        gor_yield();
    }
    atomic_store(&churn.stop, true);
    atomic_store(&busy_stop, true);
    gor_waitgroup_wait(&churn.wg);
    await_end(busy);
}
