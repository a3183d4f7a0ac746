/* SPDX-License-Identifier: MIT */
/* worker_pool.c - a fixed number of workers take tasks from a channel, until the tasks are done or
 * a context says that time is up.
 *
 * Shows  a context with a timeout, which ends whatever waits: a receive, a send, a sleep; names for
 *        the goroutines, which gor_dump() and the report of a crash print.
 * Try    worker_pool --workers 4 --tasks 100
 *        worker_pool --workers 1 --tasks 100 --time-ms 20
 */
#include <errno.h>
#include <getopt.h>
#include <gor.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: worker_pool [--workers N] [--tasks N] [--time-ms N]\n"
    "Let N workers (4) do N tasks (100) of a millisecond each, within N milliseconds (1000).\n"
    "Ends with 0 when all tasks were done, with 1 when time was up before.\n";

struct pool {
    struct gor_ctx *ctx;
    struct gor_chan *tasks; /* of int; closed when there are no more */
    struct gor_waitgroup workers;
    atomic_int named;
    atomic_int done;
    int worker_count;
    int task_count;
    int time_ms;
};

/* Take tasks until there are no more (0), or time is up (an error). */
static void work(void *arg)
{
    struct pool *pool = arg;
    int task;
    char name[GOR_NAME_BYTES];
    snprintf(name, sizeof(name), "worker %d", atomic_fetch_add(&pool->named, 1));
    gor_set_name(name);
    while (gor_chan_recv_ctx(pool->tasks, &task, pool->ctx) == 1) {
        /* The task itself: a sleep that the context can cut short. */
        if (gor_ctx_sleep_until(pool->ctx, gor_after(GOR_MILLISECOND)) != 0) {
            break;
        }
        atomic_fetch_add(&pool->done, 1);
    }
}

/* Start the workers; answers how many there are. */
static int start_workers(struct pool *pool)
{
    int started = 0;
    while (started < pool->worker_count && gor_waitgroup_go(&pool->workers, work, pool) == 0) {
        started++;
    }
    return started;
}

/* Hand out the tasks; stop early when the context ends. */
static void hand_out(struct pool *pool)
{
    for (int task = 0; task < pool->task_count; task++) {
        if (gor_chan_send_ctx(pool->tasks, &task, pool->ctx) != 0) {
            break;
        }
    }
    gor_chan_close(pool->tasks);
}

static int run_pool(void *arg)
{
    struct pool *pool = arg;
    int rc =
        gor_ctx_with_timeout(gor_ctx_background(), pool->time_ms * GOR_MILLISECOND, &pool->ctx);
    if (rc != 0) {
        return rc;
    }
    rc = -ENOMEM;
    pool->tasks = gor_chan_new(sizeof(int), 0);
    if (pool->tasks == NULL) {
        goto unref_ctx;
    }
    int started = start_workers(pool);
    if (started > 0) { /* fewer than wished for will do */
        hand_out(pool);
        gor_waitgroup_wait(&pool->workers);
        int done = atomic_load(&pool->done);
        printf("%d workers did %d of %d tasks\n", started, done, pool->task_count);
        rc = done == pool->task_count ? 0 : gor_ctx_err(pool->ctx);
    }
    gor_chan_unref(pool->tasks);
unref_ctx:
    gor_ctx_unref(pool->ctx);
    return rc;
}

/* A number from 1 to a million; false if the text is none. */
static bool read_number(const char *text, int *out_number)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 1 || number > 1000000) {
        fprintf(stderr, "worker_pool: '%s' is not a number from 1 to 1000000\n", text);
        return false;
    }
    *out_number = (int)number;
    return true;
}

/* 0 to go on, else the exit code and one. */
static int read_arguments(struct pool *pool, int argc, char **argv)
{
    static const struct option options[] = {{"workers", required_argument, NULL, 'w'},
                                            {"tasks", required_argument, NULL, 't'},
                                            {"time-ms", required_argument, NULL, 'm'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool good = true;
    int option;
    while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'w':
            good = read_number(optarg, &pool->worker_count);
            break;
        case 't':
            good = read_number(optarg, &pool->task_count);
            break;
        case 'm':
            good = read_number(optarg, &pool->time_ms);
            break;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            good = false;
        }
    }
    if (!good || optind < argc) {
        fputs(usage, stderr);
        return 3;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct pool pool = {.worker_count = 4, .task_count = 100, .time_ms = 1000};
    int stop = read_arguments(&pool, argc, argv);
    if (stop != 0) {
        return stop - 1;
    }
    int rc = gor_run(NULL, run_pool, &pool);
    if (rc != 0) {
        fprintf(stderr, "worker_pool: %s\n",
                rc == -ETIMEDOUT ? "time was up before all tasks were done" : strerror(-rc));
    }
    return rc == 0 ? 0 : 1;
}
