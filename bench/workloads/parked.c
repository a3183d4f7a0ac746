/* SPDX-License-Identifier: MIT */
/* W9: what a goroutine that waits on a receive costs in memory, and how long it takes to make it
 * so; W9w makes as many a second time, with stacks that are still warm. */
#include <stdio.h>

#include "bench/workloads/bench.h"

struct crowd {
    struct gor_chan *gate;
    struct gor_waitgroup arrived;
    struct gor_waitgroup gone;
};

static void wait_at_gate(void *arg)
{
    struct crowd *c = arg;

    gor_waitgroup_done(&c->arrived);
    gor_chan_recv(c->gate, NULL);
    gor_waitgroup_done(&c->gone);
}

/* Nanoseconds until `count` goroutines exist and have run up to the gate. */
static int64_t gather(struct crowd *c, int64_t count)
{
    int64_t started = gor_now();

    gor_waitgroup_add(&c->arrived, count);
    gor_waitgroup_add(&c->gone, count);
    for (int64_t i = 0; i < count; i++) {
        bench_go(wait_at_gate, c);
    }
    gor_waitgroup_wait(&c->arrived);
    return gor_now() - started;
}

static void release(struct crowd *c)
{
    bench_check(gor_chan_close(c->gate), "gor_chan_close");
    gor_waitgroup_wait(&c->gone);
    gor_chan_unref(c->gate);
}

void parked_run(const struct bench *b)
{
    struct crowd c = {.gate = bench_chan(0, 0)};
    int64_t count = bench_count(b, bench_arg(b, 0, 100000));
    int64_t resident = bench_status_bytes("VmRSS");
    int64_t tables = bench_status_bytes("VmPTE");
    int64_t took = gather(&c, count);

    gor_sleep(300 * GOR_MILLISECOND); /* as long as idle stacks need to be given back */
    resident = bench_status_bytes("VmRSS") - resident;
    tables = bench_status_bytes("VmPTE") - tables;
    bench_report("W9.bytes", (double)(resident + tables) / (double)count, "B",
                 "count=%lld rss=%.0f page_tables=%.0f", (long long)count,
                 (double)resident / (double)count, (double)tables / (double)count);
    bench_report("W9.create", (double)took / (double)count, "ns", "count=%lld", (long long)count);
    release(&c);
}

void parked_warm_run(const struct bench *b)
{
    int64_t count = bench_count(b, bench_arg(b, 0, 100000));
    int64_t took = 0;

    for (int round = 0; round < 2; round++) {
        struct crowd c = {.gate = bench_chan(0, 0)};
        took = gather(&c, count);
        release(&c);
    }
    bench_report("W9w", (double)took / (double)count, "ns", "count=%lld", (long long)count);
}
