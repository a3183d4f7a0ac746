/* SPDX-License-Identifier: MIT */
/* bench.h - what every workload of gor-bench is written with.
 *
 * Purpose     one workload is one function that runs as the root goroutine, measures itself and
 *             prints its figures; the Go side in bench/go prints the same lines for the same
 * counts. Output      "<workload>[.<figure>] <value> <unit> [key=value]..."; a `check` must come
 * out the same on both sides. Errors      a benchmark that cannot do its work says why and exits
 * with 1; there is no other way.
 */
#ifndef GOR_BENCH_WORKLOADS_BENCH_H
#define GOR_BENCH_WORKLOADS_BENCH_H

#include <stdint.h>

#include "runtime/gor.h"

/* One run as the command line asked for it. */
struct bench {
    const char *name; /* the workload's name, borrowed from argv */
    int64_t divide;   /* every count is divided by this: smoke tests are small */
    int arg_count;
    char **args; /* what follows the name, borrowed from argv */
};

/* A workload. */
typedef void bench_fn(const struct bench *b);

/* `full` divided as asked, at least 1. */
int64_t bench_count(const struct bench *b, int64_t full);

/* The number at `index` after the name, or `fallback` when there is none. */
int64_t bench_arg(const struct bench *b, int index, int64_t fallback);

/* Print one figure; `format` adds the extras. */
void bench_report(const char *id, double value, const char *unit, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Exit with a message unless `result` is 0 or positive. */
void bench_check(int64_t result, const char *what);

/* Start a goroutine; make a channel; or exit with a message. */
void bench_go(void (*fn)(void *arg), void *arg);
struct gor_chan *bench_chan(size_t elem_bytes, size_t capacity);

/* A value of /proc/self/status in bytes, such as "VmRSS". */
int64_t bench_status_bytes(const char *key);

/* Nanoseconds of processor time this process has used. */
int64_t bench_cpu_ns(void);

bench_fn spawn_run, yield_run;        /* spawn.c */
bench_fn pingpong_run, pipe_run;      /* chan.c */
bench_fn skynet_run, skynet_warm_run; /* skynet.c */
bench_fn sieve_run;                   /* sieve.c */
bench_fn select_run;                  /* select.c */
bench_fn mutex_run, mutex_yield_run;  /* mutex.c */
bench_fn parked_run, parked_warm_run; /* parked.c */
bench_fn sleep_run;                   /* sleep.c */
bench_fn echo_run;                    /* echo.c */
bench_fn fib_run;                     /* fib.c */
bench_fn hog_run;                     /* hog.c */
bench_fn floor_run;                   /* floor.c */
bench_fn timer_run, pipe_io_run;      /* basic.c */

#endif
