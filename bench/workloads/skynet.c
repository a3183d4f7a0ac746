/* SPDX-License-Identifier: MIT */
/* W5: a tree of goroutines ten wide and six deep; every node sums what its children send. */
#include "bench/workloads/bench.h"

enum { SKYNET_FAN_OUT = 10 };

struct node {
    struct gor_chan *out; /* a reference of its own: the send may return after its parent's end */
    int64_t first;
    int64_t size;
};

static void send_sum(struct gor_chan *out, int64_t sum)
{
    gor_chan_send(out, &sum);
    gor_chan_unref(out);
}

/* A parent waits for all its children, so their arguments may lie on its stack until they send. */
static void run_node(void *arg)
{
    struct node n = *(const struct node *)arg;
    struct node children[SKYNET_FAN_OUT];
    int64_t sum = 0;

    if (n.size == 1) {
        send_sum(n.out, n.first);
        return;
    }
    struct gor_chan *sums = bench_chan(sizeof(int64_t), 0);
    for (int i = 0; i < SKYNET_FAN_OUT; i++) {
        int64_t size = n.size / SKYNET_FAN_OUT;
        children[i] =
            (struct node){.out = gor_chan_ref(sums), .first = n.first + i * size, .size = size};
        bench_go(run_node, &children[i]);
    }
    for (int i = 0; i < SKYNET_FAN_OUT; i++) {
        int64_t part;
        gor_chan_recv(sums, &part);
        sum += part;
    }
    gor_chan_unref(sums);
    send_sum(n.out, sum);
}

/* The most leaves that are a power of ten and not above the count asked for. */
static int64_t leaf_count(const struct bench *b)
{
    int64_t wanted = bench_count(b, 1000000);
    int64_t leaves = 1;

    while (leaves * SKYNET_FAN_OUT <= wanted) {
        leaves *= SKYNET_FAN_OUT;
    }
    return leaves;
}

static int64_t sum_leaves(int64_t leaves)
{
    struct node root = {.out = bench_chan(sizeof(int64_t), 0), .size = leaves};
    struct gor_chan *sums = gor_chan_ref(root.out);
    int64_t sum = 0;

    bench_go(run_node, &root);
    gor_chan_recv(sums, &sum);
    gor_chan_unref(sums);
    return sum;
}

void skynet_run(const struct bench *b)
{
    int64_t leaves = leaf_count(b);
    int64_t started = gor_now();
    int64_t sum = sum_leaves(leaves);

    bench_report("W5", (double)(gor_now() - started) / 1e6, "ms", "count=%lld check=%lld",
                 (long long)leaves, (long long)sum);
}

void skynet_warm_run(const struct bench *b)
{
    int64_t leaves = leaf_count(b);
    int64_t started = 0;
    int64_t sum = 0;

    for (int round = 0; round < 3; round++) {
        started = gor_now();
        sum = sum_leaves(leaves);
    }
    bench_report("W5w", (double)(gor_now() - started) / 1e6, "ms", "count=%lld check=%lld",
                 (long long)leaves, (long long)sum);
}
