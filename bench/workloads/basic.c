/* SPDX-License-Identifier: MIT */
/* I1, I2: operations whose instructions are counted, see bench/instructions; the figures are of no
 * use by the clock, and have no peer. */
#include <unistd.h>

#include "bench/workloads/bench.h"

/* A timer that is far away, stopped and started again: what each call with a deadline does. */
void timer_run(const struct bench *b)
{
    struct gor_timer *t = gor_timer_new(GOR_SECOND * 3600);
    int64_t count = bench_count(b, 10000000);
    int64_t started = gor_now();

    for (int64_t i = 0; i < count; i++) {
        bench_check(gor_timer_reset(t, GOR_SECOND * 3600), "gor_timer_reset");
    }
    bench_report("I1", (double)(gor_now() - started) / (double)count, "ns", "count=%lld",
                 (long long)count);
    gor_timer_free(t);
}

/* A byte written to a pipe and read from it, neither of which has to wait. */
void pipe_io_run(const struct bench *b)
{
    int fds[2];
    char byte = 0;
    int64_t count = bench_count(b, 1000000);
    int64_t started = gor_now();

    bench_check(pipe(fds), "pipe");
    for (int64_t i = 0; i < count; i++) {
        bench_check(gor_write(fds[1], &byte, 1, GOR_NEVER), "gor_write");
        bench_check(gor_read(fds[0], &byte, 1, GOR_NEVER), "gor_read");
    }
    bench_report("I2", (double)(gor_now() - started) / (double)count, "ns", "count=%lld",
                 (long long)count);
    gor_close(fds[0]);
    gor_close(fds[1]);
}
