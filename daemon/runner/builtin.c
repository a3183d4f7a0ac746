/* SPDX-License-Identifier: MIT */
/* The module "builtin": small native jobs to try the house with and to measure it by. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/config.h"
#include "daemon/runner/native.h"

#define SPIN_SLICE_NS GOR_MILLISECOND
#define FIB_MAX 92           /* the largest that fits 64 bits */
#define FIB_FRAME_BYTES 1024 /* 92 levels of it grow the stack over many pages */
#define FIB_CALLS_PER_LOOK (1U << 20)
#define FANOUT_MAX 1000000

/* ------------------------------------------------------------------ arguments */

static int need_one(size_t count, const char *what, char *error, size_t bytes)
{
    if (count == 1) {
        return 0;
    }
    snprintf(error, bytes, "takes one argument, %s; it got %zu", what, count);
    return -EINVAL;
}

static int check_duration(const char *const *args, size_t count, char *error, size_t bytes)
{
    int64_t ns;

    if (need_one(count, "a duration such as 250ms", error, bytes) != 0) {
        return -EINVAL;
    }
    if (gord_parse_duration(args[0], &ns) != 0) {
        snprintf(error, bytes, "cannot read '%.64s' as a duration such as 250ms, 5s or 1h30m",
                 args[0]);
        return -EINVAL;
    }
    return 0;
}

static int check_number(const char *const *args, size_t count, uint64_t max, char *error,
                        size_t bytes)
{
    char *end;

    if (need_one(count, "a number", error, bytes) != 0) {
        return -EINVAL;
    }
    errno = 0;
    unsigned long long value = strtoull(args[0], &end, 10);
    if (args[0][0] < '0' || args[0][0] > '9' || *end != '\0' || errno != 0 || value > max) {
        snprintf(error, bytes, "'%.64s' is not a number from 0 to %" PRIu64, args[0], max);
        return -EINVAL;
    }
    return 0;
}

static int check_fib(const char *const *args, size_t count, char *error, size_t bytes)
{
    return check_number(args, count, FIB_MAX, error, bytes);
}

static int check_rounds(const char *const *args, size_t count, char *error, size_t bytes)
{
    return check_number(args, count, INT64_MAX, error, bytes);
}

static int check_fanout(const char *const *args, size_t count, char *error, size_t bytes)
{
    return check_number(args, count, FANOUT_MAX, error, bytes);
}

static int check_fail(const char *const *args, size_t count, char *error, size_t bytes)
{
    if (count < 1 || count > 2) {
        snprintf(error, bytes, "takes an exit code and, if wanted, a message");
        return -EINVAL;
    }
    return check_number(args, 1, 255, error, bytes);
}

static uint64_t number_of(const struct gor_job *job)
{
    return strtoull(gor_job_arg(job, 0), NULL, 10);
}

static bool is_cancelled(struct gor_job *job)
{
    struct gor_ctx *ctx = gor_job_ctx(job);

    return ctx == NULL || gor_ctx_err(ctx) != 0;
}

/* ------------------------------------------------------------------ functions */

/* Writes its arguments with blanks between; nothing at all without any. */
static int run_echo(struct gor_job *job)
{
    size_t bytes = 0;
    size_t at = 0;

    if (gor_job_arg_count(job) == 0) {
        return 0;
    }
    for (size_t i = 0; i < gor_job_arg_count(job); i++) {
        bytes += strlen(gor_job_arg(job, i)) + 1;
    }
    char *line = malloc(bytes + 1);
    if (line == NULL) {
        return gor_job_fail(job, 1, "out of memory");
    }
    for (size_t i = 0; i < gor_job_arg_count(job); i++) {
        size_t length = strlen(gor_job_arg(job, i));
        memcpy(line + at, gor_job_arg(job, i), length);
        at += length;
        line[at++] = i + 1 < gor_job_arg_count(job) ? ' ' : '\n';
    }
    (void)gor_job_write(job, GOR_JOB_STDOUT, line, at);
    free(line);
    return 0;
}

static int run_sleep(struct gor_job *job)
{
    struct gor_ctx *ctx = gor_job_ctx(job);
    int64_t ns = 0;

    gord_parse_duration(gor_job_arg(job, 0), &ns);
    if (ctx == NULL) {
        return gor_job_fail(job, 1, "out of memory");
    }
    return gor_ctx_sleep_until(ctx, gor_after(ns)) == 0 ? 0 : 1;
}

/* Burns CPU, but lets others run and looks at its context every millisecond. */
static int run_spin(struct gor_job *job)
{
    int64_t ns = 0;
    uint64_t turns = 0;

    gord_parse_duration(gor_job_arg(job, 0), &ns);
    int64_t end = gor_after(ns);
    while (gor_now() < end && !is_cancelled(job)) {
        int64_t slice = gor_after(SPIN_SLICE_NS);
        while (gor_now() < slice) {
            turns++;
        }
        gor_yield();
    }
    gor_job_print(job, GOR_JOB_STDOUT, "%" PRIu64 " turns\n", turns);
    return 0;
}

struct fib {
    struct gor_job *job;
    unsigned calls;
    bool stop;
};

static uint64_t fib_step(struct fib *fib, unsigned n)
{
    volatile char frame[FIB_FRAME_BYTES]; /* so that the recursion grows the stack */

    frame[0] = (char)n;
    if (++fib->calls % FIB_CALLS_PER_LOOK == 0) {
        gor_yield();
        fib->stop = is_cancelled(fib->job);
    }
    if (n < 2 || fib->stop) {
        return (uint64_t)frame[0] & 1U;
    }
    return fib_step(fib, n - 1) + fib_step(fib, n - 2);
}

static int run_fib(struct gor_job *job)
{
    struct fib fib = {job, 0, false};
    uint64_t value = fib_step(&fib, (unsigned)number_of(job));

    if (fib.stop) {
        return 1;
    }
    gor_job_print(job, GOR_JOB_STDOUT, "%" PRIu64 "\n", value);
    return 0;
}

struct pingpong {
    struct gor_chan *ping;
    struct gor_chan *pong;
};

/* Its own reference to both channels, given up at the end. */
static void answer_pings(void *arg)
{
    struct pingpong *p = arg;
    uint64_t n;

    while (gor_chan_recv(p->ping, &n) == 1 && gor_chan_send(p->pong, &n) == 0) {
    }
    gor_chan_unref(p->ping);
    gor_chan_unref(p->pong);
    free(p);
}

static int start_answering(struct gor_chan *ping, struct gor_chan *pong)
{
    struct pingpong *p = malloc(sizeof(*p));

    if (p == NULL) {
        return -ENOMEM;
    }
    p->ping = gor_chan_ref(ping);
    p->pong = gor_chan_ref(pong);
    int result = gor_go(answer_pings, p);
    if (result != 0) {
        gor_chan_unref(ping);
        gor_chan_unref(pong);
        free(p);
    }
    return result;
}

static int run_pingpong(struct gor_job *job)
{
    uint64_t rounds = number_of(job);
    struct gor_chan *ping = gor_chan_new(sizeof(uint64_t), 0);
    struct gor_chan *pong = gor_chan_new(sizeof(uint64_t), 0);
    int result = -ENOMEM;
    uint64_t n = 0;

    if (ping != NULL && pong != NULL) {
        result = start_answering(ping, pong);
    }
    int64_t begin = gor_now();
    if (result == 0) {
        while (n < rounds && !(n % 1024 == 0 && is_cancelled(job))) {
            uint64_t back;
            gor_chan_send(ping, &n);
            gor_chan_recv(pong, &back);
            n++;
        }
        gor_chan_close(ping);
        gor_job_print(job, GOR_JOB_STDOUT, "%" PRIu64 " rounds, %.1f ns each\n", n,
                      n > 0 ? (double)(gor_now() - begin) / (double)n : 0.0);
    }
    gor_chan_unref(ping);
    gor_chan_unref(pong);
    return result == 0 ? 0 : gor_job_fail(job, 1, "cannot start: %s", strerror(-result));
}

struct fanout {
    struct gor_waitgroup waitgroup;
    _Atomic uint64_t sum;
};

struct fanout_part {
    struct fanout *all;
    uint64_t value;
};

static void add_part(void *arg)
{
    struct fanout_part *part = arg;
    struct fanout *all = part->all;

    all->sum += part->value;
    gor_waitgroup_done(&all->waitgroup);
}

/* N goroutines that each add a number; the caller waits for all. */
static int run_fanout(struct gor_job *job)
{
    uint64_t count = number_of(job);
    struct fanout all = {0};
    struct fanout_part *parts = calloc(count > 0 ? count : 1, sizeof(*parts));
    uint64_t started = 0;
    int result = 0;

    if (parts == NULL) {
        return gor_job_fail(job, 1, "out of memory");
    }
    while (started < count && result == 0 && !(started % 1024 == 0 && is_cancelled(job))) {
        parts[started] = (struct fanout_part){&all, started + 1};
        gor_waitgroup_add(&all.waitgroup, 1);
        result = gor_go(add_part, &parts[started]);
        if (result != 0) {
            gor_waitgroup_done(&all.waitgroup);
            break;
        }
        started++;
    }
    gor_waitgroup_wait(&all.waitgroup);
    free(parts);
    gor_job_print(job, GOR_JOB_STDOUT, "%" PRIu64 " goroutines, sum %" PRIu64 "\n", started,
                  all.sum);
    if (result == -EAGAIN) {
        return gor_job_fail(job, 1,
                            "goroutine %" PRIu64 ": no place for it under the ceilings "
                            "(--max-goroutines, --max-stack-memory)",
                            started + 1);
    }
    return result == 0
               ? 0
               : gor_job_fail(job, 1, "goroutine %" PRIu64 ": %s", started + 1, strerror(-result));
}

static int run_fail(struct gor_job *job)
{
    return gor_job_fail(job, (int)number_of(job), "%s",
                        gor_job_arg_count(job) > 1 ? gor_job_arg(job, 1) : "asked to fail");
}

static int run_panic(struct gor_job *job)
{
    gor_panic("%s", gor_job_arg_count(job) > 0 ? gor_job_arg(job, 0) : "asked to panic");
}

#define OVERFLOW_DEPTH (1U << 20) /* more than any stack has room for */

static unsigned use_up_stack(unsigned depth)
{
    volatile char frame[FIB_FRAME_BYTES];

    frame[0] = (char)depth;
    return depth < OVERFLOW_DEPTH ? use_up_stack(depth + 1) + (unsigned)frame[0] : 0;
}

static int run_overflow(struct gor_job *job)
{
    return gor_job_fail(job, 1, "the stack had no end: %u", use_up_stack(0));
}

static const struct gor_job_function functions[] = {
    {"echo", "[TEXT...]", "writes its arguments", NULL, run_echo},
    {"sleep", "DURATION", "waits", check_duration, run_sleep},
    {"spin", "DURATION", "computes for so long", check_duration, run_spin},
    {"fib", "N", "a Fibonacci number, by a recursion that grows the stack", check_fib, run_fib},
    {"pingpong", "ROUNDS", "two goroutines and two channels", check_rounds, run_pingpong},
    {"fanout", "N", "so many goroutines that each add a number", check_fanout, run_fanout},
    {"fail", "CODE [MESSAGE]", "fails", check_fail, run_fail},
    {"panic", "[MESSAGE]", "panics", NULL, run_panic},
    {"overflow", NULL, "uses up its stack", NULL, run_overflow},
    {0},
};

const struct gor_job_module gord_builtin_module = {
    .abi = GOR_JOB_ABI, .name = "builtin", .version = GOR_VERSION, .functions = functions};
