/* SPDX-License-Identifier: MIT */
/* latency_test.c - the histogram of how long goroutines are runnable before they run: its buckets, that
 * its counts stand for all switches, and that it tells who waited from who did not. */
#include <pthread.h>

#include "runtime/sched/latency.h"
#include "runtime/sched/observe.h"
#include "tests/runtime/help.h"

/* ---------------------------------------------------------------- buckets */

TEST(histogram_bounds_are_those_of_go)
{
    static const struct {
        unsigned bucket;
        int64_t ns;
    } known[] = {{0, 0},         {1, 64},         {3, 192},     {4, 256},    {5, 320},
                 {8, 512},       {9, 640},        {23, 7168},   {37, 81920}, {51, 917504},
                 {65, 10485760}, {79, 117440512}, {80, 1 << 27}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        CHECK_EQ(gor_histogram_bound(known[i].bucket), known[i].ns);
    }
    CHECK_EQ(gor_histogram_bound(GOR_HISTOGRAM_BUCKETS - 1), INT64_C(1) << 47);
    CHECK_EQ(gor_histogram_bound(GOR_HISTOGRAM_BUCKETS), GOR_NEVER);
    CHECK_EQ(gor_histogram_bound(UINT32_MAX), GOR_NEVER);
    for (unsigned i = 0; i < GOR_HISTOGRAM_BUCKETS; i++) {
        CHECK_INT(gor_histogram_bound(i), <, gor_histogram_bound(i + 1));
    }
}

TEST(latencies_without_a_runtime_are_refused)
{
    struct gor_histogram histogram = {.count = 7};
    CHECK_EQ(gor_sched_latencies(&histogram), -ESRCH);
    CHECK_EQ(histogram.count, 7);
}

/* ---------------------------------------------------------------- what is counted */

static struct gor_histogram latencies_now(void)
{
    struct gor_histogram histogram;
    CHECK_EQ(gor_sched_latencies(&histogram), 0);
    uint64_t sum = 0;
    for (unsigned i = 0; i < GOR_HISTOGRAM_BUCKETS; i++) {
        sum += histogram.buckets[i];
    }
    CHECK_EQ(histogram.count, sum);
    return histogram;
}

/* How many are known to have lasted for `ns` at least. */
static uint64_t count_from(const struct gor_histogram *histogram, int64_t ns)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < GOR_HISTOGRAM_BUCKETS; i++) {
        count += gor_histogram_bound(i) >= ns ? histogram->buckets[i] : 0;
    }
    return count;
}

static uint64_t switches_now(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    return stats.switches;
}

static void echo(void *arg)
{
    struct gor_chan *c = arg;
    while (gor_chan_recv(c, NULL) == 1) {
        CHECK_EQ(gor_chan_send(c, NULL), 0);
    }
}

static void work_by_channel(struct gor_chan *c)
{
    for (int i = 0; i < 64; i++) {
        CHECK_EQ(gor_chan_send(c, NULL), 0);
        CHECK_EQ(gor_chan_recv(c, NULL), 1);
    }
}

static void nothing(void *arg)
{
    gor_waitgroup_done(arg);
}

static void work_by_spawning(struct gor_chan *unused)
{
    struct gor_waitgroup wg = {0};
    (void)unused;
    for (int i = 0; i < 64; i++) {
        gor_waitgroup_add(&wg, 1);
        spawn(nothing, &wg);
    }
    gor_waitgroup_wait(&wg);
}

static void work_by_yielding(struct gor_chan *unused)
{
    (void)unused;
    for (int i = 0; i < 64; i++) {
        gor_yield();
    }
}

/* Until another `samples` or so have been counted. Each counts for all switches since the one before,
 * so what is left out is what came after the last. */
static void check_counts(void (*work)(struct gor_chan *c))
{
    struct gor_chan *c = new_chan(0, 0);
    gor_id_t id = spawn_id(echo, c);
    uint64_t grown = 0;
    uint64_t counted = latencies_now().count;
    while (grown < 20) {
        work(c);
        uint64_t now = latencies_now().count;
        grown += now > counted;
        counted = now;
    }
    CHECK_EQ(gor_chan_close(c), 0);
    await_end(id);
    gor_chan_unref(c);
    /* But for those that are being counted just now: one on each thread at most. */
    counted = latencies_now().count;
    CHECK_INT(counted, <=, switches_now() + 64);
}

GO_TEST(latencies_of_woken_goroutines_count_for_all_switches)
{
    check_counts(work_by_channel);
}

GO_TEST(latencies_go_on_after_two_have_armed_the_sampler_at_once)
{
    __atomic_store_n(&gor__latency.to_pass, UINT32_MAX, __ATOMIC_RELAXED);
    gor__observe(GOR__OBSERVE_LATENCY, true);
    check_counts(work_by_channel);
}

GO_TEST(latencies_of_new_goroutines_count_for_all_switches)
{
    check_counts(work_by_spawning);
}

GO_TEST(latencies_of_yielding_goroutines_count_for_all_switches)
{
    check_counts(work_by_yielding);
}

/* ---------------------------------------------------------------- who waits long is told */

enum { LONG_NS = 2 * GOR_MILLISECOND };

static void compute_for_long(void *arg)
{
    _Atomic bool *stop = arg;
    while (!atomic_load(stop)) {
        int64_t until = gor_now() + LONG_NS;
        while (gor_now() < until) {
        }
        gor_yield();
    }
}

/* On one P, two that compute for a while keep each other waiting for as long. */
static int keep_waiting(void *unused)
{
    _Atomic bool stop = false;
    (void)unused;
    gor_id_t ids[] = {spawn_id(compute_for_long, &stop), spawn_id(compute_for_long, &stop)};
    struct gor_histogram latencies;
    do {
        gor_yield();
        latencies = latencies_now();
    } while (count_from(&latencies, LONG_NS) < 8);
    CHECK_INT(latencies.sum_ns, >=, 8 * LONG_NS);
    atomic_store(&stop, true);
    await_end(ids[0]);
    await_end(ids[1]);
    return 0;
}

TEST(latencies_tell_of_goroutines_behind_others_that_compute)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, keep_waiting, NULL), 0);
}

static void spin(void *arg)
{
    while (!atomic_load((_Atomic bool *)arg)) {
    }
}

/* Those that never call are stopped for others, and how long they wait for their P is counted. */
static int be_stopped(void *unused)
{
    _Atomic bool stop = false;
    struct gor_stats stats;
    struct gor_histogram latencies;
    (void)unused;
    gor_id_t ids[] = {spawn_id(spin, &stop), spawn_id(spin, &stop)};
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    do {
        gor_yield();
        CHECK_EQ(gor_stats_get(&stats, false), 0);
        latencies = latencies_now();
    } while (stats.preempt_signal != 0 && count_from(&latencies, GOR_MILLISECOND) < 4);
    atomic_store(&stop, true);
    await_end(ids[0]);
    await_end(ids[1]);
    return 0;
}

TEST(latencies_tell_of_goroutines_that_were_stopped)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, be_stopped, NULL), 0);
}

/* ---------------------------------------------------------------- life */

static int expect_none(void *unused)
{
    (void)unused;
    struct gor_histogram latencies = latencies_now();
    CHECK_INT(latencies.count, <, 64);
    return 0;
}

TEST(latencies_begin_anew_with_each_runtime)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.gomaxprocs = 1}, keep_waiting, NULL), 0);
    CHECK_EQ(gor_run(NULL, expect_none, NULL), 0);
}

static int run_seeded(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        gor_yield();
    }
    CHECK_EQ(latencies_now().count, 0);
    return 0;
}

TEST(latencies_are_not_timed_in_the_seeded_mode)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.seed = 1}, run_seeded, NULL), 0);
}
