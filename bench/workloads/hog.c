/* SPDX-License-Identifier: MIT */
/* W13: how late sleepers of a millisecond wake beside a goroutine that computes without ever calling
 * the runtime, and one that blocks in a system call the runtime knows nothing of. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/workloads/bench.h"

struct hogs {
    _Atomic bool enough;
    int pipe[2];
    struct gor_waitgroup running;
    struct gor_waitgroup gone;
};

static void compute(void *arg)
{
    struct hogs *h = arg;

    gor_waitgroup_done(&h->running);
    while (!atomic_load_explicit(&h->enough, memory_order_relaxed)) {
    }
    gor_waitgroup_done(&h->gone);
}

static void block(void *arg)
{
    struct hogs *h = arg;
    char byte;

    gor_waitgroup_done(&h->running);
    /* The libc's, not gor_read. */
    bench_check(read(h->pipe[0], &byte, 1), "read");
    gor_waitgroup_done(&h->gone);
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static void measure(int64_t *late, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t due = gor_after(GOR_MILLISECOND);
        gor_sleep_until(due);
        late[i] = gor_now() - due;
    }
    qsort(late, (size_t)count, sizeof *late, compare);
}

void hog_run(const struct bench *b)
{
    struct hogs h = {.enough = false};
    int64_t count = bench_count(b, 500);
    int64_t *late = malloc((size_t)count * sizeof *late);

    if (late == NULL || pipe(h.pipe) != 0) {
        perror("gor-bench: W13");
        exit(1);
    }
    gor_waitgroup_add(&h.running, 2);
    gor_waitgroup_add(&h.gone, 2);
    bench_go(compute, &h);
    bench_go(block, &h);
    gor_waitgroup_wait(&h.running);
    measure(late, count);
    int64_t median = count / 2;
    int64_t last_of_99 = count * 99 / 100;

    bench_report("W13.p50", (double)late[median] / 1e6, "ms", "count=%lld", (long long)count);
    bench_report("W13.p99", (double)late[last_of_99] / 1e6, "ms", "count=%lld", (long long)count);
    atomic_store(&h.enough, true);
    bench_check(write(h.pipe[1], "", 1), "write");
    gor_waitgroup_wait(&h.gone);
    free(late);
}
