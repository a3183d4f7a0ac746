/* SPDX-License-Identifier: MIT */
/* W9: what a goroutine that waits on a receive costs in memory, before it hibernates and while it does,
 * and how long it takes to make it so, to put it away and to have it go on; W9w makes as many a second
 * time, with stacks that are still warm. */
#include <stdio.h>

#include "bench/workloads/bench.h"

struct crowd {
    struct gor_chan *gate;
    struct gor_waitgroup arrived;
    struct gor_waitgroup gone;
};

struct footprint {
    int64_t resident;
    int64_t tables;
};

static struct footprint footprint(void)
{
    return (struct footprint){bench_status_bytes("VmRSS"), bench_status_bytes("VmPTE")};
}

static void wait_at_gate(void *arg)
{
    struct crowd *c = arg;

    gor_waitgroup_done(&c->arrived);
    gor_chan_recv(c->gate, NULL);
    gor_waitgroup_done(&c->gone);
}

static void go_by_option(void (*fn)(void *arg), void *arg)
{
    static const struct gor_go_opts opts = {.hibernation = GOR_HIBERNATE_MAY};

    bench_check(gor_go_with(&opts, fn, arg), "gor_go_with");
}

/* Nanoseconds until `count` goroutines exist and have run up to the gate. */
static int64_t gather(struct crowd *c, int64_t count)
{
    int64_t started = gor_now();

    gor_waitgroup_add(&c->arrived, count);
    gor_waitgroup_add(&c->gone, count);
    for (int64_t i = 0; i < count; i++) {
        go_by_option(wait_at_gate, c);
    }
    gor_waitgroup_wait(&c->arrived);
    return gor_now() - started;
}

/* Nanoseconds until they are gone. */
static int64_t release(struct crowd *c)
{
    int64_t started = gor_now();

    bench_check(gor_chan_close(c->gate), "gor_chan_close");
    gor_waitgroup_wait(&c->gone);
    gor_chan_unref(c->gate);
    return gor_now() - started;
}

/* What each costs beyond `before`. */
static double each_beyond(const struct footprint *before, int64_t count, double *out_tables)
{
    struct footprint now = footprint();
    double resident = (double)(now.resident - before->resident) / (double)count;

    *out_tables = (double)(now.tables - before->tables) / (double)count;
    return resident + *out_tables;
}

/* Where nobody can hibernate, they cost what they did before. */
static void hibernate(const struct footprint *before, int64_t count)
{
    struct gor_stats stats;
    double tables = 0;
    int64_t started = gor_now();

    bench_check(gor_stacks_release(), "gor_stacks_release");
    int64_t took = gor_now() - started;
    bench_check(gor_stats_get(&stats, false), "gor_stats_get");
    double bytes = each_beyond(before, count, &tables);
    bench_report("W9.hibernated", bytes, "B",
                 "count=%lld kept=%.0f page_tables=%.0f put_away_ns=%.0f hibernated=%lld error=%d",
                 (long long)count, (double)stats.hibernated_bytes / (double)count, tables,
                 (double)took / (double)count, (long long)stats.hibernated,
                 stats.hibernation_error);
}

void parked_run(const struct bench *b)
{
    struct crowd c = {.gate = bench_chan(0, 0)};
    int64_t count = bench_count(b, bench_arg(b, 0, 100000));
    struct footprint before = footprint();
    double tables = 0;
    int64_t took = gather(&c, count);

    gor_sleep(300 * GOR_MILLISECOND); /* as long as idle stacks need to be given back */
    double bytes = each_beyond(&before, count, &tables);
    bench_report("W9.bytes", bytes, "B", "count=%lld rss=%.0f page_tables=%.0f", (long long)count,
                 bytes - tables, tables);
    bench_report("W9.create", (double)took / (double)count, "ns", "count=%lld", (long long)count);
    hibernate(&before, count);
    bench_report("W9.wake", (double)release(&c) / (double)count, "ns", "count=%lld",
                 (long long)count);
}

void parked_warm_run(const struct bench *b)
{
    int64_t count = bench_count(b, bench_arg(b, 0, 100000));
    int64_t took = 0;

    for (int round = 0; round < 2; round++) {
        struct crowd c = {.gate = bench_chan(0, 0)};
        took = gather(&c, count);
        (void)release(&c);
    }
    bench_report("W9w", (double)took / (double)count, "ns", "count=%lld", (long long)count);
}
