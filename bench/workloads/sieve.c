/* SPDX-License-Identifier: MIT */
/* W6: each prime found adds a goroutine that filters its multiples out of the stream. */
#include <stdlib.h>

#include "bench/workloads/bench.h"

static void count_up(void *arg)
{
    struct gor_chan *out = arg;

    for (int64_t i = 2;; i++) {
        gor_chan_send(out, &i);
    }
}

struct filter {
    struct gor_chan *in;
    struct gor_chan *out;
    int64_t prime;
};

static void filter_multiples(void *arg)
{
    struct filter f = *(struct filter *)arg;

    free(arg);
    for (;;) {
        int64_t value;
        gor_chan_recv(f.in, &value);
        if (value % f.prime != 0) {
            gor_chan_send(f.out, &value);
        }
    }
}

/* Put a filter behind `in` and answer what comes out of it. */
static struct gor_chan *add_filter(struct gor_chan *in, int64_t prime)
{
    struct filter *f = malloc(sizeof *f);

    if (f == NULL) {
        bench_check(-12, "malloc");
        return NULL;
    }
    *f = (struct filter){.in = in, .out = bench_chan(sizeof(int64_t), 0), .prime = prime};
    struct gor_chan *out = f->out;
    bench_go(filter_multiples, f);
    return out;
}

void sieve_run(const struct bench *b)
{
    int64_t primes = bench_count(b, 3000);
    int64_t started = gor_now();
    int64_t prime = 0;
    struct gor_chan *in = bench_chan(sizeof(int64_t), 0);

    bench_go(count_up, in);
    for (int64_t i = 0; i < primes; i++) {
        gor_chan_recv(in, &prime);
        in = add_filter(in, prime);
    }
    bench_report("W6", (double)(gor_now() - started) / 1e6, "ms", "count=%lld check=%lld",
                 (long long)primes, (long long)prime);
}
