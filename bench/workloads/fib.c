/* SPDX-License-Identifier: MIT */
/* W12: fib by recursion, the upper levels each as a goroutine: does a second P halve the time? */
#include "bench/workloads/bench.h"

static int64_t fib_plain(int64_t n)
{
    return n < 2 ? n : fib_plain(n - 1) + fib_plain(n - 2);
}

struct task {
    struct gor_chan *out; /* a reference of its own */
    int64_t n;
    int64_t cut_off;
};

static int64_t fib_split(int64_t n, int64_t cut_off);

static void run_task(void *arg)
{
    struct task t = *(const struct task *)arg;
    int64_t result = fib_split(t.n, t.cut_off);

    gor_chan_send(t.out, &result);
    gor_chan_unref(t.out);
}

static int64_t fib_split(int64_t n, int64_t cut_off)
{
    if (n < cut_off) {
        return fib_plain(n);
    }
    struct gor_chan *out = bench_chan(sizeof(int64_t), 1);
    struct task t = {.out = gor_chan_ref(out), .n = n - 1, .cut_off = cut_off};
    int64_t other;
    bench_go(run_task, &t);
    int64_t own = fib_split(n - 2, cut_off);
    gor_chan_recv(out, &other);
    gor_chan_unref(out);
    return own + other;
}

void fib_run(const struct bench *b)
{
    int64_t cut_off = bench_arg(b, 0, 20);
    int64_t n = bench_arg(b, 1, 38);
    int64_t started = gor_now();
    int64_t result = fib_split(n, cut_off);

    bench_report("W12", (double)(gor_now() - started) / 1e6, "ms", "count=%lld check=%lld",
                 (long long)n, (long long)result);
}
