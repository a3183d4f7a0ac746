/* SPDX-License-Identifier: MIT */
/* W7: one goroutine selects over eight channels that eight others send on. */
#include "bench/workloads/bench.h"

enum { SELECT_CHANNELS = 8 };

struct source {
    struct gor_chan *out;
    int64_t count;
};

static void send_all(void *arg)
{
    const struct source *s = arg;

    for (int64_t i = 0; i < s->count; i++) {
        gor_chan_send(s->out, &i);
    }
}

void select_run(const struct bench *b)
{
    int64_t each = bench_count(b, 4000000 / SELECT_CHANNELS);
    int64_t messages = each * SELECT_CHANNELS;
    struct source sources[SELECT_CHANNELS];
    struct gor_case cases[SELECT_CHANNELS];
    int64_t value;
    int64_t sum = 0;
    int64_t started = gor_now();

    for (int i = 0; i < SELECT_CHANNELS; i++) {
        sources[i] = (struct source){.out = bench_chan(sizeof(int64_t), 0), .count = each};
        cases[i] = (struct gor_case){.chan = sources[i].out, .value = &value, .op = GOR_RECV};
        bench_go(send_all, &sources[i]);
    }
    for (int64_t i = 0; i < messages; i++) {
        gor_select(cases, SELECT_CHANNELS);
        sum += value;
    }
    bench_report("W7", (double)(gor_now() - started) / (double)messages, "ns",
                 "count=%lld check=%lld", (long long)messages, (long long)sum);
}
