/* SPDX-License-Identifier: MIT */
/* gor-bench - run one workload on libgor and print its figures.
 *
 * gor-bench [-d N] WORKLOAD [COUNT]... ; the number of Ps is $GOMAXPROCS. bench/run drives it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/workloads/bench.h"

static const struct workload {
    const char *name;
    bench_fn *run;
    const char *about;
} workloads[] = {
    {"W1", spawn_run, "goroutines spawned and joined, batches of 1,000"},
    {"W2", yield_run, "two goroutines yielding to each other"},
    {"W3", pingpong_run, "unbuffered channel ping-pong"},
    {"W4", pipe_run, "channel of 128, one producer, one consumer"},
    {"W5", skynet_run, "skynet, a million leaves"},
    {"W5w", skynet_warm_run, "the third skynet in one process"},
    {"W6", sieve_run, "prime sieve of chained goroutines"},
    {"W7", select_run, "select over 8 channels"},
    {"W8", mutex_run, "1,000 goroutines on one mutex"},
    {"W8y", mutex_yield_run, "the same with a yield inside the lock"},
    {"W9", parked_run, "goroutines parked on a receive: memory and creation [count]"},
    {"W9w", parked_warm_run, "creating them a second time [count]"},
    {"W10", sleep_run, "goroutines sleeping up to a second: processor time"},
    {"W11", echo_run, "TCP echo server; prints its port and serves until killed"},
    {"W12", fib_run, "recursive fib split into goroutines [cut-off] [n]"},
    {"W13", hog_run, "sleepers beside one that computes and one that blocks: how late they wake"},
    {"F1", floor_run, "a bare register switch: what no scheduler can beat"},
    {"I1", timer_run, "a timer stopped and started; for bench/instructions"},
    {"I2", pipe_io_run, "a byte through a pipe, without waiting; for bench/instructions"},
};

static const struct workload *find_workload(const char *name)
{
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        if (strcmp(workloads[i].name, name) == 0) {
            return &workloads[i];
        }
    }
    return NULL;
}

static void print_usage(FILE *out)
{
    fprintf(out, "usage: gor-bench [-d N] WORKLOAD [COUNT]...\n"
                 "Runs WORKLOAD on libgor; -d divides its counts by N. Workloads:\n");
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        fprintf(out, "  %-4s %s\n", workloads[i].name, workloads[i].about);
    }
}

static int run_workload(void *arg)
{
    const struct bench *b = arg;

    find_workload(b->name)->run(b);
    return 0;
}

int main(int argc, char **argv)
{
    struct bench b = {.divide = 1};
    int option;

    while ((option = getopt(argc, argv, "+d:h")) != -1) {
        if (option == 'h') {
            print_usage(stdout);
            return 0;
        }
        b.divide = option == 'd' ? strtoll(optarg, NULL, 10) : 0;
        if (b.divide < 1) {
            print_usage(stderr);
            return 2;
        }
    }
    if (optind >= argc || find_workload(argv[optind]) == NULL) {
        print_usage(stderr);
        return 2;
    }
    b.name = argv[optind];
    b.arg_count = argc - optind - 1;
    b.args = argv + optind + 1;
    bench_check(gor_run(NULL, run_workload, &b), "gor_run");
    return 0;
}
