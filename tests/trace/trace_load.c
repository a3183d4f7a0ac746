/* SPDX-License-Identifier: MIT */
/* trace_load FILE WORK - does some work under a trace to FILE, and prints what the counters say happened
 * meanwhile, and what was promised of the work: "name value" a line, for trace_test.py to compare. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "runtime/gor.h"

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "trace_load: %s: %s\n", what, strerror(-result));
        exit(1);
    }
}

static void go(const char *name, void (*fn)(void *arg), void *arg)
{
    check(gor_go_with(&(struct gor_go_opts){.name = name}, fn, arg), "gor_go_with");
}

static void await_alone(void)
{
    while (gor_num_goroutine() > 1) {
        check(gor_sleep(GOR_MILLISECOND), "gor_sleep");
    }
}

/* ---- the works */

enum { ROUNDS = 2000, ITEMS = 3000, WORKERS = 8 };

struct pair {
    struct gor_chan *there;
    struct gor_chan *back;
};

static void return_balls(void *arg)
{
    const struct pair *pair = arg;
    int ball = 0;
    for (int i = 0; i < ROUNDS; i++) {
        (void)gor_chan_recv(pair->there, &ball);
        (void)gor_chan_send(pair->back, &ball);
    }
}

static void play(void)
{
    struct pair pair = {gor_chan_new(sizeof(int), 0), gor_chan_new(sizeof(int), 0)};
    go("returner", return_balls, &pair);
    for (int i = 0; i < ROUNDS; i++) {
        int ball = i;
        (void)gor_chan_send(pair.there, &ball);
        (void)gor_chan_recv(pair.back, &ball);
    }
    await_alone();
    gor_chan_unref(pair.there);
    gor_chan_unref(pair.back);
    printf("rounds %d\n", ROUNDS);
}

static void produce(void *arg)
{
    for (int i = 0; i < ITEMS; i++) {
        (void)gor_chan_send(arg, &i);
    }
    (void)gor_chan_close(arg);
}

static void pass_on(void *arg)
{
    struct gor_chan **ends = arg;
    int item = 0;
    while (gor_chan_recv(ends[0], &item) == 1) {
        (void)gor_chan_send(ends[1], &item);
    }
}

static void drain(void *arg)
{
    while (gor_chan_recv(arg, NULL) == 1) {
        gor_yield();
    }
}

static void pipeline(void)
{
    struct gor_chan *ends[2] = {gor_chan_new(sizeof(int), 16), gor_chan_new(sizeof(int), 16)};
    go("producer", produce, ends[0]);
    for (int i = 0; i < WORKERS; i++) {
        go("worker", pass_on, ends);
    }
    go("consumer", drain, ends[1]);
    while (gor_num_goroutine() > 2) {
        check(gor_sleep(GOR_MILLISECOND), "gor_sleep");
    }
    (void)gor_chan_close(ends[1]);
    await_alone();
    gor_chan_unref(ends[0]);
    gor_chan_unref(ends[1]);
}

static _Atomic bool block_ended;

static void block(void *unused)
{
    struct timespec pause_time = {.tv_nsec = 60000000};
    (void)unused;
    (void)nanosleep(&pause_time, NULL);
    atomic_store(&block_ended, true);
}

/* More of them than Ps, so that their Ps are wanted. */
static void hand_off(void)
{
    for (int i = 0; i < gor_gomaxprocs(0); i++) {
        go("blocker", block, NULL);
    }
    while (!atomic_load(&block_ended)) {
        check(gor_sleep(GOR_MILLISECOND), "gor_sleep");
    }
    await_alone();
}

static _Atomic bool preempted;

static void hog(void *unused)
{
    (void)unused;
    while (!atomic_load_explicit(&preempted, memory_order_relaxed)) {
    }
}

static uint64_t preemptions(void)
{
    struct gor_stats stats;
    check(gor_stats_get(&stats, false), "gor_stats_get");
    return stats.preemptions;
}

static void preempt(void)
{
    int procs = gor_gomaxprocs(0);
    uint64_t before = preemptions();
    for (int i = 0; i <= procs; i++) {
        go("hog", hog, NULL);
    }
    while (preemptions() == before) {
        check(gor_sleep(GOR_MILLISECOND), "gor_sleep");
    }
    atomic_store(&preempted, true);
    await_alone();
}

static void read_one(void *arg)
{
    char byte = 0;
    (void)gor_read(*(int *)arg, &byte, 1, GOR_NEVER);
}

static void talk(void)
{
    int ends[2];
    check(pipe(ends) == 0 ? 0 : -errno, "pipe");
    for (int i = 0; i < 20; i++) {
        go("reader", read_one, &ends[0]);
        check(gor_sleep(GOR_MILLISECOND), "gor_sleep");
        check(write(ends[1], "x", 1) == 1 ? 0 : -errno, "write");
        await_alone();
    }
    check(gor_close(ends[0]), "gor_close");
    (void)close(ends[1]);
}

static void mark_work(void *unused)
{
    (void)unused;
    gor_trace_begin("outer");
    gor_trace_log("progress", "half way, with \"quotes\" and some more text than fits one record");
    gor_trace_begin("inner");
    check(gor_sleep(GOR_MILLISECOND), "gor_sleep");
    gor_trace_end();
    gor_set_name("renamed");
    gor_yield();
    gor_trace_end();
    gor_trace_begin("never ended");
}

static void mark(void)
{
    go("marker", mark_work, NULL);
    gor_trace_log(NULL, "of no category");
    await_alone();
}

static void resize(void)
{
    int before = gor_gomaxprocs(0);
    (void)gor_gomaxprocs(before + 2);
    pipeline();
    (void)gor_gomaxprocs(1);
    (void)gor_gomaxprocs(before);
    pipeline();
}

static const struct work {
    const char *name;
    void (*fn)(void);
} works[] = {
    {"play", play}, {"pipeline", pipeline}, {"hand_off", hand_off}, {"preempt", preempt},
    {"talk", talk}, {"mark", mark},         {"resize", resize},
};

/* ---- under a trace */

struct order {
    const struct work *work;
    FILE *file;
};

static void print_counters(const struct gor_stats *before, const struct gor_stats *after)
{
    printf("created %lu\n",
           (unsigned long)(after->goroutines_created - before->goroutines_created));
    printf("steals %lu\n", (unsigned long)(after->steals - before->steals));
    printf("handoffs %lu\n", (unsigned long)(after->handoffs - before->handoffs));
    printf("preemptions %lu\n", (unsigned long)(after->preemptions - before->preemptions));
}

static int work_traced(void *arg)
{
    const struct order *order = arg;
    struct gor_stats before;
    struct gor_stats after;
    struct gor_trace_summary summary;
    check(gor_stats_get(&before, false), "gor_stats_get");
    check(gor_trace_start(NULL, gor_trace_to_file, order->file), "gor_trace_start");
    order->work->fn();
    /* Before the trace ends, for which this goroutine blocks its thread. */
    check(gor_stats_get(&after, false), "gor_stats_get");
    check(gor_trace_stop(&summary), "gor_trace_stop");
    print_counters(&before, &after);
    printf("events %lu\nlost %lu\nbytes %lu\n", (unsigned long)summary.events,
           (unsigned long)summary.lost, (unsigned long)summary.bytes);
    return 0;
}

int main(int argc, char **argv)
{
    struct order order = {NULL, argc == 3 ? fopen(argv[1], "we") : NULL};
    for (size_t i = 0; argc == 3 && i < sizeof works / sizeof *works; i++) {
        if (strcmp(works[i].name, argv[2]) == 0) {
            order.work = &works[i];
        }
    }
    if (order.file == NULL || order.work == NULL) {
        fprintf(stderr, "usage: trace_load FILE WORK\n");
        return 2;
    }
    check(gor_run(NULL, work_traced, &order), "gor_run");
    return fclose(order.file) == 0 ? 0 : 1;
}
