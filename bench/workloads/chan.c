/* SPDX-License-Identifier: MIT */
/* W3: a rendezvous there and back. W4: a stream through a buffer. */
#include "bench/workloads/bench.h"

struct pingpong {
    struct gor_chan *there;
    struct gor_chan *back;
    int64_t rounds;
};

static void return_balls(void *arg)
{
    struct pingpong *p = arg;
    int64_t ball;

    for (int64_t i = 0; i < p->rounds; i++) {
        gor_chan_recv(p->there, &ball);
        gor_chan_send(p->back, &ball);
    }
}

void pingpong_run(const struct bench *b)
{
    struct pingpong p = {.there = bench_chan(sizeof(int64_t), 0),
                         .back = bench_chan(sizeof(int64_t), 0),
                         .rounds = bench_count(b, 5000000)};
    int64_t started = gor_now();
    int64_t sum = 0;

    bench_go(return_balls, &p);
    for (int64_t i = 0; i < p.rounds; i++) {
        int64_t ball;
        gor_chan_send(p.there, &i);
        gor_chan_recv(p.back, &ball);
        sum += ball;
    }
    bench_report("W3", (double)(gor_now() - started) / (double)p.rounds, "ns",
                 "count=%lld check=%lld", (long long)p.rounds, (long long)sum);
}

struct producer {
    struct gor_chan *out;
    int64_t count;
};

static void produce(void *arg)
{
    struct producer *p = arg;

    for (int64_t i = 0; i < p->count; i++) {
        gor_chan_send(p->out, &i);
    }
    gor_chan_close(p->out);
}

void pipe_run(const struct bench *b)
{
    struct producer p = {.out = bench_chan(sizeof(int64_t), 128),
                         .count = bench_count(b, 20000000)};
    int64_t started = gor_now();
    int64_t sum = 0;
    int64_t item;

    bench_go(produce, &p);
    while (gor_chan_recv(p.out, &item) == 1) {
        sum += item;
    }
    bench_report("W4", (double)(gor_now() - started) / (double)p.count, "ns",
                 "count=%lld check=%lld", (long long)p.count, (long long)sum);
}
