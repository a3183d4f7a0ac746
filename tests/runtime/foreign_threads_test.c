/* SPDX-License-Identifier: MIT */
/* foreign_threads_test.c - threads of the host program beside a runtime started by gor_start. */
#include <pthread.h>
#include <unistd.h>

#include "tests/runtime/help.h"

struct host {
    _Atomic int done;
    int each;
    struct gor_chan *c;
};

static void count_done(void *arg)
{
    struct host *h = arg;
    gor_yield();
    atomic_fetch_add(&h->done, 1);
}

static void *start_many(void *arg)
{
    struct host *h = arg;
    CHECK_EQ(gor_self(), 0);
    for (int i = 0; i < h->each; i++) {
        gor_id_t id = 0;
        CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &id}, count_done, h), 0);
        CHECK(id != 0);
    }
    return NULL;
}

/* A foreign thread has no goroutine to park; it polls, giving its CPU away. */
static void await_count(_Atomic int *count, int expected)
{
    while (atomic_load(count) < expected) {
        usleep(100);
    }
}

enum { THREADS = 4 };

TEST(foreign_threads_start_goroutines_side_by_side)
{
    struct host h = {.each = SCALED(5000, 1000, 400)};
    pthread_t threads[THREADS];
    CHECK_EQ(gor_start(NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, start_many, &h), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    await_count(&h.done, THREADS * h.each);
    CHECK_EQ(gor_stop(), 0);
    CHECK_EQ(atomic_load(&h.done), THREADS * h.each);
}

TEST(foreign_start_twice_is_refused_and_stop_without_start_is_fine)
{
    CHECK_EQ(gor_stop(), 0);
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_start(NULL), -EBUSY);
    CHECK_EQ(gor_stop(), 0);
    CHECK_EQ(gor_stop(), 0);
}

TEST(foreign_start_leaves_an_idle_runtime_that_answers)
{
    struct gor_stats stats;
    CHECK_EQ(gor_start(&(struct gor_opts){.gomaxprocs = 3}), 0);
    CHECK_EQ(gor_num_goroutine(), 0);
    CHECK_EQ(gor_gomaxprocs(0), 3);
    CHECK_EQ(gor_gomaxprocs(2), 3);
    CHECK_EQ(gor_stats_get(&stats, true), 0);
    CHECK_EQ(stats.goroutines, 0);
    CHECK_EQ(stats.gomaxprocs, 2);
    CHECK_EQ(gor_stop(), 0);
}

/* A goroutine started from outside is woken at once, however deeply the runtime sleeps. */
static void post(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

TEST(foreign_start_wakes_an_idle_runtime_each_time)
{
    _Atomic int posted = 0;
    CHECK_EQ(gor_start(NULL), 0);
    for (int i = 1; i <= SCALED(2000, 500, 300); i++) {
        CHECK_EQ(gor_go(post, (void *)&posted), 0);
        if (i % 20 == 0) {
            await_count(&posted, i);
        }
    }
    await_count(&posted, SCALED(2000, 500, 300));
    CHECK_EQ(gor_stop(), 0);
}

/* -------------------------------------------------- cancelling from outside */

struct cancelled {
    struct gor_ctx *ctx;
    _Atomic int waiting;
    _Atomic int ended;
};

static void wait_for_cancel(void *arg)
{
    struct cancelled *c = arg;
    atomic_fetch_add(&c->waiting, 1);
    CHECK_EQ(gor_ctx_sleep_until(c->ctx, GOR_NEVER), -ECANCELED);
    CHECK_STR(gor_ctx_cause(c->ctx), "from outside");
    atomic_fetch_add(&c->ended, 1);
}

static void make_ctx(void *arg)
{
    struct cancelled *c = arg;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &c->ctx), 0);
    for (int i = 0; i < 10; i++) {
        spawn(wait_for_cancel, c);
    }
}

TEST(foreign_thread_cancels_a_context)
{
    struct cancelled c = {.ctx = NULL};
    CHECK_EQ(gor_start(NULL), 0);
    CHECK_EQ(gor_go(make_ctx, &c), 0);
    await_count(&c.waiting, 10);
    CHECK_EQ(gor_ctx_err(c.ctx), 0);
    CHECK_EQ(gor_ctx_cancel_async(c.ctx, "from outside"), 0);
    await_count(&c.ended, 10);
    CHECK_EQ(gor_ctx_err(c.ctx), -ECANCELED);
    CHECK_STR(gor_ctx_cause(c.ctx), "from outside");
    gor_ctx_unref(c.ctx);
    CHECK_EQ(gor_stop(), 0);
}

/* ---------------------------------------------------- looking in from outside */

static void chatter(void *arg)
{
    struct host *h = arg;
    for (int i = 0; i < h->each; i++) {
        int value = i;
        if (i % 2 == 0) {
            CHECK_EQ(gor_chan_send(h->c, &value), 0);
        } else {
            CHECK_EQ(gor_chan_recv(h->c, &value), 1);
        }
    }
    atomic_fetch_add(&h->done, 1);
}

static int look_at(void *arg, const struct gor_info *info)
{
    CHECK(info->id != 0);
    ++*(int *)arg;
    return 0;
}

TEST(foreign_thread_looks_in_while_goroutines_run)
{
    struct host h = {.each = SCALED(20000, 5000, 2000), .c = new_chan(sizeof(int), 2)};
    CHECK_EQ(gor_start(NULL), 0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(gor_go(chatter, &h), 0);
    }
    FILE *null = fopen("/dev/null", "w");
    while (atomic_load(&h.done) < 10) {
        struct gor_stats stats;
        int seen = 0;
        CHECK_EQ(gor_each(look_at, &seen), 0);
        CHECK_INT(seen, <=, 10);
        CHECK_EQ(gor_stats_get(&stats, true), 0);
        CHECK_EQ(gor_dump(null), 0);
        (void)gor_gomaxprocs(1 + seen % 3);
        usleep(1000);
    }
    fclose(null);
    CHECK_EQ(gor_stop(), 0);
    gor_chan_unref(h.c);
}
