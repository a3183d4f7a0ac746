/* SPDX-License-Identifier: MIT */
/* worker_pool.c - a fixed number of workers take tasks from a channel, until the tasks are done or
 * a context says that time is up.
 *
 *   worker_pool [WORKERS] [TASKS] [MILLISECONDS]      default: 4 workers, 100 tasks, 1000 ms
 */
#include <gor.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct pool {
    struct gor_ctx *ctx;
    struct gor_chan *tasks; /* of int; closed when there are no more */
    struct gor_waitgroup workers;
    atomic_int done;
    int worker_count;
    int task_count;
    int64_t time_ns;
};

/* Take tasks until there are no more, or the context ends. */
static void work(void *arg)
{
    struct pool *pool = arg;
    for (;;) {
        int task;
        struct gor_case cases[] = {
            {.chan = pool->tasks, .value = &task, .op = GOR_RECV},
            {.chan = gor_ctx_done(pool->ctx), .op = GOR_RECV},
        };
        if (gor_select(cases, 2) == 1 || cases[0].result == 0) {
            break;
        }
        /* The task itself: a sleep that the context can cut short. */
        if (gor_ctx_sleep_until(pool->ctx, gor_after(GOR_MILLISECOND)) != 0) {
            break;
        }
        atomic_fetch_add_explicit(&pool->done, 1, memory_order_relaxed);
    }
    gor_waitgroup_done(&pool->workers);
}

/* Hand out the tasks; stop early when the context ends. */
static void hand_out(struct pool *pool)
{
    for (int task = 0; task < pool->task_count; task++) {
        struct gor_case cases[] = {
            {.chan = pool->tasks, .value = &task, .op = GOR_SEND},
            {.chan = gor_ctx_done(pool->ctx), .op = GOR_RECV},
        };
        if (gor_select(cases, 2) == 1) {
            break;
        }
    }
    gor_chan_close(pool->tasks);
}

static int run_pool(void *arg)
{
    struct pool *pool = arg;
    int rc = gor_ctx_with_timeout(gor_ctx_background(), pool->time_ns, &pool->ctx);
    if (rc != 0) {
        return rc;
    }
    rc = -1;
    pool->tasks = gor_chan_new(sizeof(int), 0);
    if (pool->tasks == NULL) {
        goto unref_ctx;
    }
    int started = 0;
    for (; started < pool->worker_count; started++) {
        gor_waitgroup_add(&pool->workers, 1);
        if (gor_go(work, pool) != 0) {
            gor_waitgroup_done(&pool->workers);
            break;
        }
    }
    if (started > 0) {
        hand_out(pool);
        rc = 0;
    }
    gor_waitgroup_wait(&pool->workers);
    printf("%d workers did %d of %d tasks%s%s\n", started, atomic_load(&pool->done),
           pool->task_count, gor_ctx_err(pool->ctx) != 0 ? ": " : "", gor_ctx_cause(pool->ctx));
    gor_chan_unref(pool->tasks);
unref_ctx:
    gor_ctx_unref(pool->ctx);
    return rc;
}

int main(int argc, char **argv)
{
    struct pool pool = {
        .worker_count = argc > 1 ? atoi(argv[1]) : 4,
        .task_count = argc > 2 ? atoi(argv[2]) : 100,
        .time_ns = (argc > 3 ? atoi(argv[3]) : 1000) * GOR_MILLISECOND,
    };
    return gor_run(NULL, run_pool, &pool) == 0 ? 0 : 1;
}
