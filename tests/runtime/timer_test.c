/* SPDX-License-Identifier: MIT */
/* timer_test.c - one-shot timers: firing, stopping, resetting, functions. */
#include "tests/runtime/help.h"

static int64_t recv_tick(struct gor_timer *t)
{
    int64_t fired = 0;
    CHECK_EQ(gor_chan_recv(gor_timer_chan(t), &fired), 1);
    return fired;
}

GO_TEST(timer_fires_once_not_before_its_time)
{
    int64_t start = gor_now();
    struct gor_timer *t = gor_timer_new(2 * GOR_MILLISECOND);
    CHECK(t != NULL);
    CHECK_EQ(gor_chan_cap(gor_timer_chan(t)), 1);
    int64_t fired = recv_tick(t);
    CHECK_INT(fired - start, >=, 2 * GOR_MILLISECOND);
    CHECK_INT(fired, <=, gor_now());
    gor_sleep(3 * GOR_MILLISECOND);
    CHECK_EQ(gor_chan_try_recv(gor_timer_chan(t), NULL), -EAGAIN);
    CHECK_EQ(gor_timer_stop(t), 0);
    gor_timer_free(t);
    gor_timer_free(NULL);
}

GO_TEST(timer_of_zero_and_less_fires_at_once)
{
    static const int64_t durations[] = {0, -1, INT64_MIN};
    for (int i = 0; i < 3; i++) {
        struct gor_timer *t = gor_timer_new(durations[i]);
        (void)recv_tick(t);
        gor_timer_free(t);
    }
}

GO_TEST(timer_without_end_does_not_overflow)
{
    struct gor_timer *a = gor_timer_new(GOR_NEVER);
    struct gor_timer *b = gor_timer_new(GOR_NEVER - 1);
    gor_sleep(3 * GOR_MILLISECOND);
    CHECK_EQ(gor_chan_len(gor_timer_chan(a)), 0);
    CHECK_EQ(gor_chan_len(gor_timer_chan(b)), 0);
    CHECK_EQ(gor_timer_stop(a), 1);
    CHECK_EQ(gor_timer_stop(b), 1);
    gor_timer_free(a);
    gor_timer_free(b);
}

GO_TEST(timer_stop_tells_whether_it_prevented_the_firing)
{
    struct gor_timer *t = gor_timer_new(3600 * GOR_SECOND);
    CHECK_EQ(gor_timer_stop(t), 1);
    CHECK_EQ(gor_timer_stop(t), 0);
    CHECK_EQ(gor_timer_reset(t, 0), 0);
    (void)recv_tick(t);
    CHECK_EQ(gor_timer_stop(t), 0);
    gor_timer_free(t);
}

GO_TEST(timer_stop_leaves_no_stale_value)
{
    for (int i = 0; i < SCALED(3000, 1000, 500); i++) {
        struct gor_timer *t = gor_timer_new((i % 60) * GOR_MICROSECOND);
        gor_sleep((i % 37) * GOR_MICROSECOND);
        (void)gor_timer_stop(t);
        CHECK_EQ(gor_chan_len(gor_timer_chan(t)), 0);
        CHECK_EQ(gor_chan_try_recv(gor_timer_chan(t), NULL), -EAGAIN);
        gor_timer_free(t);
    }
}

GO_TEST(timer_reset_leaves_no_stale_value)
{
    struct gor_timer *t = gor_timer_new(GOR_NEVER);
    for (int i = 0; i < SCALED(1000, 500, 200); i++) {
        (void)gor_timer_reset(t, 0);
        YIELD_UNTIL(gor_chan_len(gor_timer_chan(t)) == 1)
        int64_t before = gor_now();
        (void)gor_timer_reset(t, 10 * GOR_MICROSECOND);
        CHECK_INT(recv_tick(t), >=, before + 10 * GOR_MICROSECOND);
    }
    gor_timer_free(t);
}

GO_TEST(timer_reset_to_earlier_and_to_later)
{
    struct gor_timer *t = gor_timer_new(3600 * GOR_SECOND);
    CHECK_EQ(gor_timer_reset(t, GOR_MILLISECOND), 1);
    (void)recv_tick(t);
    int64_t start = gor_now();
    CHECK_EQ(gor_timer_reset(t, 500 * GOR_MICROSECOND), 0);
    int result = gor_timer_reset(t, 5 * GOR_MILLISECOND);
    CHECK(result == 0 || result == 1);
    CHECK_INT(recv_tick(t) - start, >=, 5 * GOR_MILLISECOND);
    gor_timer_free(t);
}

/* Among many timers, some moved to an earlier time, each fires in its turn. */
GO_TEST(timer_moved_earlier_among_many_fires_first)
{
    enum { COUNT = 200 };
    struct gor_timer *timers[COUNT];
    for (int i = 0; i < COUNT; i++) {
        timers[i] = gor_timer_new((3600 + i) * GOR_SECOND);
    }
    for (int i = COUNT - 1; i >= 0; i -= 7) {
        CHECK_EQ(gor_timer_reset(timers[i], GOR_MILLISECOND), 1);
        (void)recv_tick(timers[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        bool fired = (COUNT - 1 - i) % 7 == 0;
        CHECK_EQ(gor_timer_stop(timers[i]), fired ? 0 : 1);
        gor_timer_free(timers[i]);
    }
}

/* ---------------------------------------------------------------- functions */

struct calls {
    struct gor_waitgroup wg;
    _Atomic int count;
    gor_id_t starter;
    struct gor_timer *chain;
};

static void count_call(void *arg)
{
    struct calls *c = arg;
    CHECK(gor_self() != 0 && gor_self() != c->starter);
    atomic_fetch_add(&c->count, 1);
    gor_yield(); /* it may park: the goroutine is its own */
    gor_waitgroup_done(&c->wg);
}

GO_TEST(timer_function_runs_on_a_goroutine_of_its_own)
{
    struct calls c = {.starter = gor_self()};
    gor_waitgroup_add(&c.wg, 1);
    struct gor_timer *t = gor_timer_new_func(GOR_MILLISECOND, count_call, &c);
    CHECK(t != NULL);
    CHECK(gor_timer_chan(t) == NULL);
    gor_waitgroup_wait(&c.wg);
    CHECK_EQ(atomic_load(&c.count), 1);
    CHECK_EQ(gor_timer_stop(t), 0);
    gor_waitgroup_add(&c.wg, 1);
    CHECK_EQ(gor_timer_reset(t, 0), 0);
    gor_waitgroup_wait(&c.wg);
    CHECK_EQ(atomic_load(&c.count), 2);
    gor_timer_free(t);
}

GO_TEST(timer_function_that_was_stopped_never_runs)
{
    struct calls c = {.starter = gor_self()};
    struct gor_timer *timers[50];
    for (int i = 0; i < 50; i++) {
        timers[i] = gor_timer_new_func(3600 * GOR_SECOND, count_call, &c);
    }
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(gor_timer_stop(timers[i]), 1);
        gor_timer_free(timers[i]);
    }
    CHECK_EQ(atomic_load(&c.count), 0);
    CHECK_EQ(gor_num_goroutine(), 1);
}

GO_TEST(timer_function_runs_exactly_as_often_as_stop_failed)
{
    struct calls c = {.starter = gor_self()};
    int fired = 0;
    int rounds = SCALED(3000, 1000, 500);
    for (int i = 0; i < rounds; i++) {
        gor_waitgroup_add(&c.wg, 1);
        struct gor_timer *t = gor_timer_new_func((i % 50) * GOR_MICROSECOND, count_call, &c);
        gor_sleep((i % 31) * GOR_MICROSECOND);
        if (gor_timer_stop(t) == 1) {
            gor_waitgroup_done(&c.wg);
        } else {
            fired++;
        }
        gor_timer_free(t);
    }
    gor_waitgroup_wait(&c.wg);
    CHECK_EQ(atomic_load(&c.count), fired);
}

static void chain_on(void *arg)
{
    struct calls *c = arg;
    if (atomic_fetch_add(&c->count, 1) + 1 < 20) {
        CHECK_EQ(gor_timer_reset(c->chain, 100 * GOR_MICROSECOND), 0);
    } else {
        gor_waitgroup_done(&c->wg);
    }
}

GO_TEST(timer_function_may_reset_its_own_timer)
{
    struct calls c = {.count = 0};
    gor_waitgroup_add(&c.wg, 1);
    /* Armed only once the handle is in its place. */
    c.chain = gor_timer_new_func(GOR_NEVER, chain_on, &c);
    CHECK_EQ(gor_timer_reset(c.chain, 0), 1);
    gor_waitgroup_wait(&c.wg);
    CHECK_EQ(atomic_load(&c.count), 20);
    gor_timer_free(c.chain);
}

/* ------------------------------------------------------------------- stress */

struct storm {
    struct gor_waitgroup wg;
    struct gor_timer *shared[8];
    _Atomic uint64_t seed;
};

static void bother_timers(void *arg)
{
    struct storm *s = arg;
    uint64_t state = atomic_fetch_add(&s->seed, 1000);
    for (int i = 0; i < SCALED(2000, 500, 300); i++) {
        struct gor_timer *t = s->shared[random_below(&state, 8)];
        switch (random_below(&state, 4)) {
        case 0:
            CHECK_INT(gor_timer_stop(t), <=, 1);
            break;
        case 1:
            CHECK_INT(gor_timer_reset(t, random_below(&state, 100000)), <=, 1);
            break;
        case 2:
            (void)gor_chan_try_recv(gor_timer_chan(t), NULL);
            break;
        default:
            gor_yield();
        }
    }
    gor_waitgroup_done(&s->wg);
}

GO_TEST(timer_shared_by_many_survives_stops_and_resets)
{
    struct storm s = {.seed = test_seed()};
    for (int i = 0; i < 8; i++) {
        s.shared[i] = gor_timer_new(i * 10 * GOR_MICROSECOND);
    }
    gor_waitgroup_add(&s.wg, 10);
    for (int i = 0; i < 10; i++) {
        spawn(bother_timers, &s);
    }
    gor_waitgroup_wait(&s.wg);
    for (int i = 0; i < 8; i++) {
        (void)gor_timer_stop(s.shared[i]);
        CHECK_EQ(gor_chan_len(gor_timer_chan(s.shared[i])), 0);
        CHECK_EQ(gor_timer_reset(s.shared[i], 0), 0);
        (void)recv_tick(s.shared[i]);
        gor_timer_free(s.shared[i]);
    }
}

GO_TEST(timer_in_a_select_is_the_usual_timeout)
{
    struct gor_chan *never = new_chan(0, 0);
    struct gor_timer *t = gor_timer_new(GOR_MILLISECOND);
    struct gor_case cases[] = {{never, NULL, GOR_RECV, 0}, {gor_timer_chan(t), NULL, GOR_RECV, 0}};
    CHECK_EQ(gor_select(cases, 2), 1);
    CHECK_EQ(cases[1].result, 1);
    gor_timer_free(t);
    gor_chan_unref(never);
}
