/* SPDX-License-Identifier: MIT */
/* W8: many goroutines take turns on one mutex; W8y yields inside, so that every lock is contended
 * even on a single P. */
#include "bench/workloads/bench.h"

struct contest {
    struct gor_mutex mutex;
    struct gor_waitgroup done;
    int64_t rounds;  /* of each goroutine */
    int64_t counter; /* guarded by mutex */
    bool yields;
};

static void take_turns(void *arg)
{
    struct contest *c = arg;

    for (int64_t i = 0; i < c->rounds; i++) {
        gor_mutex_lock(&c->mutex);
        c->counter++;
        if (c->yields) {
            gor_yield();
        }
        gor_mutex_unlock(&c->mutex);
    }
    gor_waitgroup_done(&c->done);
}

static void run_contest(const struct bench *b, int64_t rounds, bool yields)
{
    struct contest c = {.rounds = rounds, .yields = yields};
    int64_t goroutines = bench_count(b, 1000);
    int64_t started = gor_now();

    gor_waitgroup_add(&c.done, goroutines);
    for (int64_t i = 0; i < goroutines; i++) {
        bench_go(take_turns, &c);
    }
    gor_waitgroup_wait(&c.done);
    bench_report(b->name, (double)(gor_now() - started) / (double)c.counter, "ns",
                 "count=%lld check=%lld", (long long)(goroutines * rounds), (long long)c.counter);
}

void mutex_run(const struct bench *b)
{
    run_contest(b, 2000, false);
}

void mutex_yield_run(const struct bench *b)
{
    run_contest(b, 100, true);
}
