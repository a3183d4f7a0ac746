/* SPDX-License-Identifier: MIT */
/* profile_block_test.c - the block and the mutex profile: how often and how long goroutines wait, on whose
 * stack, and who kept them waiting. Times are compared with what was slept, at least. */
#include "tests/runtime/help.h"
#include "tests/runtime/profile_reader.h"

#define NOINLINE __attribute__((noinline))

/* After the call, so that it is none that goes on elsewhere. */
#define STAY __asm__ volatile("")

#define HELD_NS (5 * GOR_MILLISECOND)

/* ---- waiting */

static NOINLINE void wait_in_recv(void *c)
{
    (void)gor_chan_recv(c, NULL);
    STAY;
}

static NOINLINE void wait_in_send(void *c)
{
    (void)gor_chan_send(c, NULL);
    STAY;
}

static NOINLINE void wait_in_select(void *c)
{
    struct gor_case cases[] = {{c, NULL, GOR_RECV, 0}, {NULL, NULL, GOR_RECV, 0}};
    (void)gor_select(cases, 2);
    STAY;
}

static NOINLINE void wait_in_sleep(void *unused)
{
    (void)unused;
    (void)gor_sleep(HELD_NS);
    STAY;
}

/* The values of samples whose stack begins in `public` and goes on in `function`. */
static void check_sums(const struct profile *p, const char *public, const char *function,
                       int64_t count, int64_t least_ns)
{
    int64_t contentions = 0;
    int64_t delay = 0;
    for (size_t i = 0; i < p->sample_count; i++) {
        const struct profile_sample *sample = &p->samples[i];
        if (profile_depth(sample, function) >= 0) {
            CHECK_STR(sample->frames[0].function, public);
            CHECK_EQ(profile_depth(sample, function), 1);
            contentions += sample->values[0];
            delay += sample->values[1];
        }
    }
    CHECK_EQ(contentions, count);
    CHECK_INT(delay, >=, least_ns);
}

static void take(struct profile *p, enum gor_profile which)
{
    profile_take(p, which);
    CHECK_EQ(p->type_count, 2);
    CHECK_STR(p->types[0][0], "contentions");
    CHECK_STR(p->types[0][1], "count");
    CHECK_STR(p->types[1][0], "delay");
    CHECK_STR(p->types[1][1], "nanoseconds");
    CHECK_STR(p->period_type[0], "contentions");
    CHECK_EQ(p->period, 1);
}

GO_TEST(profile_block_counts_waits_where_they_are)
{
    struct gor_chan *c = new_chan(0, 0);
    struct profile p;
    (void)spawn_parked(wait_in_recv, c, GOR_WAIT_CHAN_RECV);
    CHECK_EQ(gor_chan_send(c, NULL), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    take(&p, GOR_PROFILE_BLOCK);
    CHECK_EQ(profile_sum(&p, "wait_in_recv", 0), 0); /* it was off */
    profile_free(&p);

    gor_set_block_profile_rate(1);
    for (int i = 0; i < 3; i++) {
        (void)spawn_parked(wait_in_recv, c, GOR_WAIT_CHAN_RECV);
        CHECK_EQ(gor_sleep(HELD_NS), 0);
        CHECK_EQ(gor_chan_send(c, NULL), 0);
    }
    (void)spawn_parked(wait_in_send, c, GOR_WAIT_CHAN_SEND);
    CHECK_EQ(gor_sleep(HELD_NS), 0);
    CHECK_EQ(gor_chan_recv(c, NULL), 1);
    (void)spawn_parked(wait_in_select, c, GOR_WAIT_SELECT);
    CHECK_EQ(gor_sleep(HELD_NS), 0);
    CHECK_EQ(gor_chan_close(c), 0);
    await_end(spawn_id(wait_in_sleep, NULL));
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_set_block_profile_rate(0);
    take(&p, GOR_PROFILE_BLOCK);
    check_sums(&p, "gor_chan_recv", "wait_in_recv", 3, 3 * HELD_NS);
    check_sums(&p, "gor_chan_send", "wait_in_send", 1, HELD_NS);
    check_sums(&p, "gor_select", "wait_in_select", 1, HELD_NS);
    CHECK_EQ(profile_sum(&p, "wait_in_sleep", 0), 0); /* nobody was waited for */
    profile_free(&p);
    gor_chan_unref(c);
}

static NOINLINE void wait_often(void *c)
{
    while (gor_chan_recv(c, NULL) == 1) {
        STAY;
    }
}

/* Thousands of waits far shorter than the rate: few are taken, and they stand for all of the time. */
GO_TEST(profile_block_samples_without_a_bias)
{
    struct gor_chan *c = new_chan(0, 0);
    struct profile p;
    int rounds = SCALED(20000, 5000, 2000);
    gor_id_t id = spawn_parked(wait_often, c, GOR_WAIT_CHAN_RECV);
    int64_t began = gor_now();
    gor_set_block_profile_rate(20000);
    for (int i = 0; i < rounds; i++) {
        CHECK_EQ(gor_chan_send(c, NULL), 0);
        gor_yield();
    }
    gor_set_block_profile_rate(0);
    int64_t took = gor_now() - began;
    CHECK_EQ(gor_chan_close(c), 0);
    await_end(id);
    take(&p, GOR_PROFILE_BLOCK);
    /* It waited most of the time, and never longer than all of it. */
    int64_t delay = profile_sum(&p, "wait_often", 1);
    CHECK_INT(delay, <, 3 * took);
    CHECK_INT(profile_sum(&p, "wait_often", 0), >, 0);
    profile_free(&p);
    gor_chan_unref(c);
}

/* ---- keeping others waiting */

struct held {
    struct gor_mutex mutex;
    struct gor_rwmutex rwmutex;
};

static void want_mutex(void *arg)
{
    struct held *held = arg;
    gor_mutex_lock(&held->mutex);
    gor_mutex_unlock(&held->mutex);
}

static void want_reading(void *arg)
{
    struct held *held = arg;
    gor_rwmutex_rlock(&held->rwmutex);
    gor_rwmutex_runlock(&held->rwmutex);
}

static NOINLINE void keep_mutex(struct held *held)
{
    gor_mutex_lock(&held->mutex);
    (void)spawn_parked(want_mutex, held, GOR_WAIT_MUTEX);
    (void)spawn_parked(want_mutex, held, GOR_WAIT_MUTEX);
    CHECK_EQ(gor_sleep(HELD_NS), 0);
    gor_mutex_unlock(&held->mutex);
    STAY;
}

static NOINLINE void keep_rwmutex(struct held *held)
{
    gor_rwmutex_lock(&held->rwmutex);
    (void)spawn_parked(want_reading, held, GOR_WAIT_RWMUTEX_READ);
    (void)spawn_parked(want_reading, held, GOR_WAIT_RWMUTEX_READ);
    CHECK_EQ(gor_sleep(HELD_NS), 0);
    gor_rwmutex_unlock(&held->rwmutex);
    STAY;
}

GO_TEST(profile_mutex_charges_who_kept_the_lock)
{
    struct held held;
    struct profile p;
    memset(&held, 0, sizeof held);
    CHECK_EQ(gor_set_mutex_profile_fraction(1), 0);
    CHECK_EQ(gor_set_mutex_profile_fraction(-1), 1);
    keep_mutex(&held);
    keep_rwmutex(&held);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    CHECK_EQ(gor_set_mutex_profile_fraction(0), 1);
    take(&p, GOR_PROFILE_MUTEX);
    /* Both waited all of the time. */
    check_sums(&p, "gor_mutex_unlock", "keep_mutex", 1, 2 * HELD_NS);
    check_sums(&p, "gor_rwmutex_unlock", "keep_rwmutex", 1, 2 * HELD_NS);
    CHECK_INT(profile_sum(&p, "want_mutex", 1), <, profile_sum(&p, "keep_mutex", 1));
    profile_free(&p);
}

/* ---- while everybody waits for everybody */

struct crowd {
    struct gor_mutex mutex;
    struct gor_chan *c;
    struct gor_waitgroup done;
};

static void jostle(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < 20; i++) {
        gor_mutex_lock(&crowd->mutex);
        gor_yield();
        gor_mutex_unlock(&crowd->mutex);
        (void)gor_chan_try_send(crowd->c, NULL);
        (void)gor_chan_recv_until(crowd->c, NULL, gor_after(GOR_MICROSECOND));
    }
    gor_waitgroup_done(&crowd->done);
}

GO_TEST(profile_block_and_mutex_of_a_crowd)
{
    struct crowd crowd;
    memset(&crowd, 0, sizeof crowd);
    crowd.c = new_chan(0, 1);
    gor_set_block_profile_rate(1);
    (void)gor_set_mutex_profile_fraction(2);
    for (int round = 0; round < SCALED(10, 5, 3); round++) {
        int count = SCALED(1000, 200, 50);
        struct profile p;
        gor_waitgroup_add(&crowd.done, count);
        for (int i = 0; i < count; i++) {
            spawn(jostle, &crowd);
        }
        take(&p, GOR_PROFILE_BLOCK);
        profile_free(&p);
        take(&p, GOR_PROFILE_MUTEX);
        profile_free(&p);
        gor_waitgroup_wait(&crowd.done);
    }
    gor_set_block_profile_rate(0);
    (void)gor_set_mutex_profile_fraction(0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(crowd.c);
}
