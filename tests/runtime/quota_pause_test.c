/* SPDX-License-Identifier: MIT */
/* quota_pause_test.c - goroutines of a paused quota stand still, wherever they are, and lose nothing;
 * others go on. */
#include <errno.h>
#include <pthread.h>

#include "tests/runtime/help.h"

static struct gor_quota *new_quota(struct gor_quota *above)
{
    struct gor_quota *quota = gor_quota_new_below(above, 1000);
    CHECK(quota != NULL);
    return quota;
}

static gor_id_t start_in(struct gor_quota *quota, void (*fn)(void *arg), void *arg)
{
    gor_id_t id = 0;
    CHECK_EQ(gor_go_with(&(struct gor_go_opts){.quota = quota, .out_id = &id}, fn, arg), 0);
    return id;
}

static uint64_t paused_in(struct gor_quota *quota)
{
    struct gor_quota_stats stats;
    gor_quota_stats_get(quota, &stats);
    return stats.paused;
}

/* Goes round, in the way that `how` says, until it is told to stop. */
struct round {
    void (*how)(struct round *r);
    struct gor_chan *chan;
    struct gor_mutex lock;
    _Atomic uint64_t turns;
    atomic_bool stop;
    atomic_bool ended;
};

static void run_round(void *arg)
{
    struct round *r = arg;
    while (!atomic_load(&r->stop)) {
        r->how(r);
        atomic_fetch_add(&r->turns, 1);
    }
    atomic_store(&r->ended, true);
}

static void by_yield(struct round *r)
{
    (void)r;
    gor_yield();
}

static void by_sleep(struct round *r)
{
    (void)r;
    CHECK_EQ(gor_sleep(1000), 0);
}

static void by_lock(struct round *r)
{
    gor_mutex_lock(&r->lock);
    gor_yield();
    gor_mutex_unlock(&r->lock);
}

/* Another one of the same quota answers. */
static void by_chan(struct round *r)
{
    int ball = 1;
    if (gor_chan_send(r->chan, &ball) == 0) {
        (void)gor_chan_recv(r->chan, &ball);
    }
}

static void answer(void *arg)
{
    struct gor_chan *chan = arg;
    int ball = 0;
    while (gor_chan_recv(chan, &ball) == 1 && gor_chan_send(chan, &ball) == 0) {
    }
}

static void await_turns(struct round *r, uint64_t more)
{
    uint64_t from = atomic_load(&r->turns);
    YIELD_UNTIL(atomic_load(&r->turns) >= from + more)
}

static void end_round(struct round *r)
{
    atomic_store(&r->stop, true);
    YIELD_UNTIL(atomic_load(&r->ended))
}

static void (*const ways[])(struct round *r) = {by_yield, by_sleep, by_lock, by_chan};

GO_TEST(quota_pause_stops_all_ways_of_going_round)
{
    struct gor_quota *quota = new_quota(NULL);
    struct round outside = {.how = by_yield};
    spawn(run_round, &outside);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct round r = {.how = ways[i], .chan = new_chan(sizeof(int), 0)};
        (void)start_in(quota, answer, r.chan);
        (void)start_in(quota, run_round, &r);
        for (int times = 0; times < 5; times++) {
            await_turns(&r, 10);
            await_turns(&r, 10);
            CHECK_EQ(gor_quota_pause(quota), 0);
            YIELD_UNTIL(paused_in(quota) > 0)
            if (ways[i] == by_chan) {
                /* Its partner may have one move left. */
                await_turns(&outside, 100);
            }
            uint64_t stood = atomic_load(&r.turns);
            await_turns(&outside, 1000);
            CHECK_EQ(atomic_load(&r.turns), stood);
            CHECK_EQ(gor_quota_resume(quota), 0);
        }
        await_turns(&r, 10);
        end_round(&r);
        CHECK_EQ(gor_chan_close(r.chan), 0);
        YIELD_UNTIL(gor_num_goroutine() == 2)
        gor_chan_unref(r.chan);
    }
    end_round(&outside);
    gor_quota_unref(quota);
}

static void count_one(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

GO_TEST(quota_pause_keeps_new_ones_from_beginning)
{
    struct gor_quota *quota = new_quota(NULL);
    struct round outside = {.how = by_yield};
    _Atomic int begun = 0;
    spawn(run_round, &outside);
    CHECK_EQ(gor_quota_pause(quota), 0);
    for (int i = 0; i < 20; i++) {
        (void)start_in(quota, count_one, &begun);
    }
    YIELD_UNTIL(paused_in(quota) == 20)
    await_turns(&outside, 100);
    CHECK_EQ(begun, 0);
    CHECK_EQ(gor_quota_resume(quota), 0);
    YIELD_UNTIL(begun == 20)
    end_round(&outside);
    gor_quota_unref(quota);
}

GO_TEST(quota_pause_is_for_those_below_too)
{
    struct gor_quota *above = new_quota(NULL);
    struct gor_quota *below = new_quota(above);
    struct round r = {.how = by_yield}, outside = {.how = by_yield};
    gor_id_t id = start_in(below, run_round, &r);
    spawn(run_round, &outside);
    CHECK_EQ(gor_quota_pause(above), 0);
    CHECK_EQ(gor_quota_pause(above), -EALREADY);
    CHECK_EQ(gor_quota_pause(below), 0);
    YIELD_UNTIL(paused_in(below) + paused_in(above) == 1)
    struct gor_info info;
    CHECK_EQ(gor_lookup(id, &info), 0);
    CHECK_EQ(info.state, GOR_WAITING);
    CHECK_EQ(info.reason, GOR_WAIT_PAUSED);
    /* What is paused twice is resumed twice. */
    CHECK_EQ(gor_quota_resume(below), 0);
    YIELD_UNTIL(paused_in(above) == 1)
    uint64_t stood = r.turns;
    await_turns(&outside, 100);
    CHECK_EQ(r.turns, stood);
    CHECK_EQ(gor_quota_resume(above), 0);
    CHECK_EQ(gor_quota_resume(above), -EALREADY);
    await_turns(&r, 10);
    end_round(&r);
    end_round(&outside);
    gor_quota_unref(below);
    gor_quota_unref(above);
}

/* ---------------------------------------------------------------- from a thread of the host */

struct hand {
    struct gor_quota *quota;
    struct round *r;
    atomic_bool done;
};

static void *pause_and_resume(void *arg)
{
    struct hand *hand = arg;
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(gor_quota_pause(hand->quota), 0);
        while (paused_in(hand->quota) == 0) {
        }
        uint64_t stood = atomic_load(&hand->r->turns);
        CHECK_EQ(atomic_load(&hand->r->turns), stood);
        CHECK_EQ(gor_quota_resume(hand->quota), 0);
    }
    atomic_store(&hand->done, true);
    return NULL;
}

/* All that can run is paused, again and again, which is no deadlock. */
GO_TEST(quota_pause_by_a_thread_when_nothing_else_runs)
{
    struct round r = {.how = by_sleep};
    struct hand hand = {.quota = new_quota(NULL), .r = &r};
    pthread_t thread;
    (void)start_in(hand.quota, run_round, &r);
    CHECK_EQ(pthread_create(&thread, NULL, pause_and_resume, &hand), 0);
    while (!atomic_load(&hand.done)) {
        CHECK_EQ(gor_sleep(GOR_MILLISECOND), 0);
    }
    CHECK_EQ(pthread_join(thread, NULL), 0);
    end_round(&r);
    gor_quota_unref(hand.quota);
}

/* ---------------------------------------------------------------- storm */

enum { TEAMS = 4, MEMBERS = 8, ROUNDS = 300 };

struct team {
    struct gor_quota *quota;
    struct gor_chan *chan;
    struct gor_waitgroup *all;
    _Atomic uint64_t sum;
};

static void produce(void *arg)
{
    struct team *team = arg;
    for (int i = 1; i <= ROUNDS; i++) {
        CHECK_EQ(gor_chan_send(team->chan, &i), 0);
        if (i % 64 == 0) {
            CHECK_EQ(gor_sleep(20000), 0);
        }
    }
    gor_waitgroup_done(team->all);
}

static void consume(void *arg)
{
    struct team *team = arg;
    int got = 0;
    for (int i = 1; i <= ROUNDS; i++) {
        CHECK_EQ(gor_chan_recv(team->chan, &got), 1);
        atomic_fetch_add(&team->sum, (uint64_t)got);
    }
    gor_waitgroup_done(team->all);
}

GO_TEST(quota_pause_storm_loses_nothing)
{
    struct gor_waitgroup all = {0};
    struct gor_quota *above = new_quota(NULL);
    struct team teams[TEAMS];
    uint64_t random = test_seed();
    for (int t = 0; t < TEAMS; t++) {
        teams[t] = (struct team){.quota = new_quota(t % 2 == 0 ? above : NULL),
                                 .chan = new_chan(sizeof(int), (size_t)t),
                                 .all = &all};
        gor_waitgroup_add(&all, 2 * MEMBERS);
        for (int i = 0; i < MEMBERS; i++) {
            (void)start_in(teams[t].quota, produce, &teams[t]);
            (void)start_in(teams[t].quota, consume, &teams[t]);
        }
    }
    for (int i = 0; i < 500; i++) {
        int which = random_below(&random, TEAMS + 1);
        struct gor_quota *quota = which == TEAMS ? above : teams[which].quota;
        if (gor_quota_pause(quota) == -EALREADY) {
            CHECK_EQ(gor_quota_resume(quota), 0);
        }
        gor_yield();
    }
    (void)gor_quota_resume(above);
    for (int t = 0; t < TEAMS; t++) {
        (void)gor_quota_resume(teams[t].quota);
    }
    gor_waitgroup_wait(&all);
    for (int t = 0; t < TEAMS; t++) {
        CHECK_EQ(teams[t].sum, (uint64_t)MEMBERS * ROUNDS * (ROUNDS + 1) / 2);
        gor_chan_unref(teams[t].chan);
        gor_quota_unref(teams[t].quota);
    }
    gor_quota_unref(above);
}

/* ---------------------------------------------------------------- the end of the runtime */

static int leave_one_paused(void *arg)
{
    static struct round r = {.how = by_yield};
    (void)start_in(arg, run_round, &r);
    CHECK_EQ(gor_quota_pause(arg), 0);
    YIELD_UNTIL(paused_in(arg) == 1)
    return 7;
}

TEST(quota_pause_ends_with_the_runtime)
{
    struct gor_quota *quota = new_quota(NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_run(NULL, leave_one_paused, quota), 7);
        CHECK_EQ(paused_in(quota), 0);
        CHECK_EQ(gor_quota_resume(quota), 0);
    }
    CHECK_EQ(gor_quota_pause(quota), 0);
    gor_quota_unref(quota);
}
