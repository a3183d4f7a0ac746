/* SPDX-License-Identifier: MIT */
/* timer_order_test.c - many timers at once: their order, moving them about, and that every start
 * ends in exactly one way. */
#include "tests/runtime/help.h"

/* ------------------------------------------------------------------- order */

enum { SLOTS = 13 };

static const int slots[SLOTS] = {5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0};

/* What was armed out of order fires in order, by the time each firing tells: those who receive may
 * overtake each other. If arming took longer than there is between two there is no order to expect.
 */
static bool fire_in_order_of(int64_t unit)
{
    struct gor_timer *timers[SLOTS];
    int64_t fired[SLOTS];
    int64_t base = gor_after(10 * unit);
    for (int i = 0; i < SLOTS; i++) {
        timers[i] = gor_timer_new(base + slots[i] * unit - gor_now());
        CHECK(timers[i] != NULL);
    }
    bool in_time = gor_now() < base - 9 * unit;
    for (int i = 0; i < SLOTS; i++) {
        CHECK_EQ(gor_chan_recv(gor_timer_chan(timers[i]), &fired[i]), 1);
        CHECK_INT(fired[i], >=, base + slots[i] * unit);
        for (int k = 0; k < i && in_time; k++) {
            CHECK(slots[k] >= slots[i] || fired[k] <= fired[i]);
            CHECK(slots[k] <= slots[i] || fired[k] >= fired[i]);
        }
        gor_timer_free(timers[i]);
    }
    return in_time;
}

static int fire_in_order(void *arg)
{
    (void)arg;
    int64_t unit = GOR_MILLISECOND / 4;
    while (!fire_in_order_of(unit)) {
        unit *= 2;
    }
    return 0;
}

TEST(timers_fire_in_the_order_of_their_time)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, fire_in_order, NULL), 0);
}

/* ------------------------------------------------------------- moved about */

/* Each timer goes through a life of starts, stops and resets, in an order drawn over all of them;
 * every answer is known beforehand. */
struct life {
    struct gor_timer *t;
    int step;
};

static void live_on(struct life *life)
{
    enum { MINUTE = 60 };
    struct gor_timer *t = life->t;
    switch (life->step++) {
    case 0:
        life->t = gor_timer_new(0);
        CHECK(life->t != NULL);
        break;
    case 1:
    case 9:
        CHECK_EQ(gor_chan_recv(gor_timer_chan(t), NULL), 1);
        break;
    case 2:
    case 4:
    case 6:
        CHECK_EQ(gor_timer_reset(t, life->step * MINUTE * GOR_SECOND), 0);
        break;
    case 3:
    case 7:
        CHECK_EQ(gor_timer_stop(t), 1);
        break;
    case 5:
        CHECK_EQ(gor_timer_reset(t, MINUTE * GOR_SECOND), 1);
        CHECK_EQ(gor_timer_stop(t), 1);
        break;
    case 8:
        CHECK_EQ(gor_timer_reset(t, 0), 0);
        break;
    default:
        CHECK_EQ(gor_timer_stop(t), 0);
        gor_timer_free(t);
        life->t = NULL;
    }
}

GO_TEST(timers_moved_about_at_random_answer_as_expected)
{
    enum { COUNT = 100, STEPS = 11 };
    struct life lives[COUNT] = {{NULL, 0}};
    int alive[COUNT];
    uint64_t random = test_seed();
    int left = COUNT;
    for (int i = 0; i < COUNT; i++) {
        alive[i] = i;
    }
    while (left > 0) {
        int k = random_below(&random, left);
        struct life *life = &lives[alive[k]];
        live_on(life);
        if (life->step == STEPS) {
            alive[k] = alive[--left];
        }
    }
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
}

/* Stopped and reset to the past over and over: the last reset fires, whatever was before. */
GO_TEST(timers_reset_to_the_past_again_and_again_fire)
{
    for (int i = 0; i < SCALED(1000, 400, 200); i++) {
        struct gor_timer *t = gor_timer_new(3600 * GOR_SECOND);
        for (int k = 0; k < 10; k++) {
            CHECK_EQ(gor_timer_stop(t), 1);
            CHECK_EQ(gor_timer_reset(t, -3600 * GOR_SECOND), 0);
        }
        CHECK_EQ(gor_chan_recv(gor_timer_chan(t), NULL), 1);
        gor_timer_free(t);
    }
}

/* --------------------------------------------------- every start ends in one way */

/* Of two timers one is received; the other, fired or not, is then prevented by stop or reset, since
 * nobody but the caller receives. */
struct rivals {
    struct gor_waitgroup *wg;
    bool resets;
};

static void receive_one_prevent_the_other(void *arg)
{
    struct rivals *r = arg;
    for (int i = 0; i < SCALED(40, 20, 20); i++) {
        struct gor_timer *t[2] = {gor_timer_new(100 * GOR_MICROSECOND),
                                  gor_timer_new(100 * GOR_MICROSECOND)};
        struct gor_case cases[] = {{gor_timer_chan(t[0]), NULL, GOR_RECV, 0},
                                   {gor_timer_chan(t[1]), NULL, GOR_RECV, 0}};
        int chosen = gor_select(cases, 2);
        struct gor_timer *other = t[1 - chosen];
        CHECK_EQ(r->resets ? gor_timer_reset(other, 3600 * GOR_SECOND) : gor_timer_stop(other), 1);
        CHECK_EQ(gor_chan_try_recv(gor_timer_chan(other), NULL), -EAGAIN);
        CHECK_EQ(gor_timer_stop(t[chosen]), 0);
        gor_timer_free(t[0]);
        gor_timer_free(t[1]);
    }
    gor_waitgroup_done(r->wg);
}

GO_TEST(timer_that_nobody_received_is_prevented)
{
    struct gor_waitgroup wg = {0};
    struct rivals rivals[2] = {{&wg, false}, {&wg, true}};
    int count = SCALED(400, 200, 50);
    gor_waitgroup_add(&wg, count);
    for (int i = 0; i < count; i++) {
        spawn(receive_one_prevent_the_other, &rivals[i % 2]);
    }
    gor_waitgroup_wait(&wg);
}

struct shared {
    struct gor_timer *t;
    struct gor_waitgroup wg;
    _Atomic long starts;
    _Atomic long received;
    _Atomic long prevented;
    _Atomic uint64_t seed;
};

static void bother(void *arg)
{
    struct shared *s = arg;
    uint64_t random = atomic_fetch_add(&s->seed, 7919);
    for (int i = 0; i < SCALED(3000, 1000, 400); i++) {
        switch (random_below(&random, 4)) {
        case 0:
            atomic_fetch_add(&s->starts, 1);
            atomic_fetch_add(&s->prevented,
                             gor_timer_reset(s->t, random_below(&random, 20) * GOR_MICROSECOND));
            break;
        case 1:
            atomic_fetch_add(&s->prevented, gor_timer_stop(s->t));
            break;
        case 2:
            atomic_fetch_add(&s->received, gor_chan_try_recv(gor_timer_chan(s->t), NULL) == 1);
            break;
        default:
            atomic_fetch_add(&s->received, gor_chan_recv_until(gor_timer_chan(s->t), NULL,
                                                               gor_after(10000)) == 1);
        }
    }
    gor_waitgroup_done(&s->wg);
}

GO_TEST(timer_shared_by_many_is_received_or_prevented_once_for_each_start)
{
    struct shared s = {.t = gor_timer_new(GOR_NEVER), .starts = 1, .seed = test_seed()};
    gor_waitgroup_add(&s.wg, 8);
    for (int i = 0; i < 8; i++) {
        spawn(bother, &s);
    }
    gor_waitgroup_wait(&s.wg);
    atomic_fetch_add(&s.prevented, gor_timer_stop(s.t));
    CHECK_EQ(atomic_load(&s.starts), atomic_load(&s.received) + atomic_load(&s.prevented));
    gor_timer_free(s.t);
}

/* ------------------------------------------------------------ beside busy pairs */

struct busy {
    struct gor_chan *c;
    _Atomic bool stop;
    struct gor_waitgroup wg;
};

static void set_stop(void *arg)
{
    atomic_store((_Atomic bool *)arg, true);
}

static void send_until_stopped(void *arg)
{
    struct busy *b = arg;
    while (!atomic_load(&b->stop)) {
        CHECK_EQ(gor_chan_send(b->c, NULL), 0);
    }
    CHECK_EQ(gor_chan_close(b->c), 0);
    gor_waitgroup_done(&b->wg);
}

static void recv_until_closed(void *arg)
{
    struct busy *b = arg;
    while (gor_chan_recv(b->c, NULL) == 1) {
    }
    gor_waitgroup_done(&b->wg);
}

/* One of the pair can run at any moment; the goroutine of the timer must get its turn. */
static int starve_a_timer(void *arg)
{
    (void)arg;
    for (int capacity = 0; capacity < 3; capacity++) {
        struct busy b = {.c = new_chan(0, (size_t)capacity)};
        gor_waitgroup_add(&b.wg, 2);
        spawn(send_until_stopped, &b);
        spawn(recv_until_closed, &b);
        struct gor_timer *t = gor_timer_new_func(GOR_MICROSECOND, set_stop, (void *)&b.stop);
        gor_waitgroup_wait(&b.wg);
        gor_timer_free(t);
        gor_chan_unref(b.c);
    }
    return 0;
}

TEST(timer_function_is_not_starved_by_a_pair_that_never_waits_long)
{
    for (int i = 0; i < SCALED(100, 30, 20); i++) {
        CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, starve_a_timer, NULL), 0);
    }
}

/* --------------------------------------------------------------- sleeps of zero */

static void look_and_resize(void *arg)
{
    struct gor_stats stats;
    for (int i = 0; i < SCALED(100, 50, 30); i++) {
        CHECK_EQ(gor_stats_get(&stats, true), 0);
        (void)gor_gomaxprocs(1 + i % 4);
    }
    CHECK_EQ(gor_chan_send(arg, NULL), 0);
}

GO_TEST(sleeps_of_zero_beside_looks_and_resizes_come_back)
{
    struct gor_chan *done = new_chan(0, 0);
    spawn(look_and_resize, done);
    for (int i = 0; i < 1000; i++) {
        CHECK_EQ(gor_sleep(0), 0);
        struct gor_chan *c = new_chan(0, 1);
        CHECK_EQ(gor_chan_send(c, NULL), 0);
        CHECK_EQ(gor_chan_recv(c, NULL), 1);
        gor_chan_unref(c);
    }
    CHECK_EQ(gor_chan_recv(done, NULL), 1);
    gor_chan_unref(done);
}
