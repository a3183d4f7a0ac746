/* SPDX-License-Identifier: MIT */
/* W10: a million goroutines asleep at once, each for its own time up to a second. */
#include "bench/workloads/bench.h"

struct sleeper {
    struct gor_waitgroup *done;
    int64_t ns;
};

enum { SLEEP_KINDS = 1001 };

static void sleep_once(void *arg)
{
    const struct sleeper *s = arg;

    gor_sleep(s->ns);
    gor_waitgroup_done(s->done);
}

/* A xorshift step; the Go side uses the same, so that both sleep the same times. */
static uint64_t next_random(uint64_t state)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^ (state << 17);
}

void sleep_run(const struct bench *b)
{
    struct sleeper kinds[SLEEP_KINDS];
    struct gor_waitgroup done = {0};
    int64_t count = bench_count(b, 1000000);
    uint64_t random = 88172645463325252;
    int64_t started = gor_now();
    int64_t cpu = bench_cpu_ns();

    for (int i = 0; i < SLEEP_KINDS; i++) {
        kinds[i] = (struct sleeper){.done = &done, .ns = i * GOR_MILLISECOND};
    }
    gor_waitgroup_add(&done, count);
    for (int64_t i = 0; i < count; i++) {
        random = next_random(random);
        bench_go(sleep_once, &kinds[random % SLEEP_KINDS]);
    }
    gor_waitgroup_wait(&done);
    bench_report("W10", (double)(bench_cpu_ns() - cpu) / 1e6, "ms", "count=%lld wall_ms=%.0f",
                 (long long)count, (double)(gor_now() - started) / 1e6);
}
