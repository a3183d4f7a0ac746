/* SPDX-License-Identifier: MIT */
/* W1: what a goroutine costs from birth to death. W2: what a switch costs. */
#include "bench/workloads/bench.h"

enum { SPAWN_BATCH = 1000 };

static void finish(void *arg)
{
    struct gor_waitgroup *wg = arg;

    gor_waitgroup_done(wg);
}

void spawn_run(const struct bench *b)
{
    int64_t batches = bench_count(b, 1000);
    int64_t started = gor_now();

    for (int64_t i = 0; i < batches; i++) {
        struct gor_waitgroup wg = {0};
        gor_waitgroup_add(&wg, SPAWN_BATCH);
        for (int j = 0; j < SPAWN_BATCH; j++) {
            bench_go(finish, &wg);
        }
        gor_waitgroup_wait(&wg);
    }
    int64_t spawned = batches * SPAWN_BATCH;
    bench_report("W1", (double)(gor_now() - started) / (double)spawned, "ns", "count=%lld",
                 (long long)spawned);
}

struct yielders {
    struct gor_waitgroup done;
    int64_t rounds;
};

static void yield_rounds(void *arg)
{
    struct yielders *y = arg;

    for (int64_t i = 0; i < y->rounds; i++) {
        gor_yield();
    }
    gor_waitgroup_done(&y->done);
}

void yield_run(const struct bench *b)
{
    struct yielders y = {.rounds = bench_count(b, 10000000)};
    int64_t started = gor_now();

    gor_waitgroup_add(&y.done, 2);
    bench_go(yield_rounds, &y);
    bench_go(yield_rounds, &y);
    gor_waitgroup_wait(&y.done);
    bench_report("W2", (double)(gor_now() - started) / (double)(2 * y.rounds), "ns", "count=%lld",
                 (long long)(2 * y.rounds));
}
