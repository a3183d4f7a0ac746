/* SPDX-License-Identifier: MIT */
/* times.c - the storm's timers and contexts: each start ends in one way, no end is missed. */
#include "tests/runtime/storm/storm.h"

void storm_sleep(struct storm_worker *w)
{
    int64_t deadline = storm_soon(w);
    CHECK_EQ(gor_sleep_until(deadline), 0);
    CHECK(gor_now() >= deadline);
}

void storm_timer(struct storm_worker *w)
{
    struct gor_timer *t = gor_timer_new(storm_below(w, 100) * GOR_MICROSECOND);
    CHECK(t != NULL);
    if (storm_below(w, 2) == 0) {
        CHECK_EQ(gor_chan_recv(gor_timer_chan(t), NULL), 1);
        CHECK_EQ(gor_timer_stop(t), 0);
    } else {
        gor_yield();
        CHECK_EQ(gor_timer_stop(t), 1);
        CHECK_EQ(gor_chan_len(gor_timer_chan(t)), 0);
    }
    gor_timer_free(t);
}

static void count_call(void *arg)
{
    atomic_fetch_add((_Atomic long *)arg, 1);
}

void storm_timer_func(struct storm_worker *w)
{
    struct storm *s = w->s;
    struct gor_timer *t = gor_timer_new_func(storm_below(w, 100) * GOR_MICROSECOND, count_call,
                                             (void *)&s->timers_fired);
    CHECK(t != NULL);
    atomic_fetch_add(&s->timers, 1);
    if (storm_below(w, 3) == 0) {
        atomic_fetch_add(&s->timers, 1);
        atomic_fetch_add(&s->timers_prevented,
                         gor_timer_reset(t, storm_below(w, 100) * GOR_MICROSECOND));
    }
    if (storm_below(w, 2) == 0) {
        gor_sleep(storm_below(w, 60) * GOR_MICROSECOND);
    }
    atomic_fetch_add(&s->timers_prevented, gor_timer_stop(t));
    gor_timer_free(t);
}

void storm_tick(struct storm_worker *w)
{
    int64_t fired = 0;
    int result = gor_chan_recv_until(gor_timer_chan(w->s->ticker), &fired, storm_soon(w));
    CHECK(result == -ETIMEDOUT || (result == 1 && fired > 0 && fired <= gor_now()));
    if (storm_below(w, 20) == 0) {
        CHECK_EQ(gor_timer_reset(w->s->ticker, (50 + storm_below(w, 100)) * GOR_MICROSECOND), 1);
    }
}

void storm_context(struct storm_worker *w)
{
    struct gor_ctx *ctx = NULL;
    struct gor_ctx *child = NULL;
    int64_t deadline = storm_soon(w);
    CHECK_EQ(gor_ctx_with_deadline(w->s->root_ctx, deadline, &ctx), 0);
    CHECK_EQ(gor_ctx_with_cancel(ctx, &child), 0);
    switch (storm_below(w, 3)) {
    case 0:
        CHECK_EQ(gor_chan_recv(gor_ctx_done(child), NULL), 0);
        CHECK_EQ(gor_ctx_err(child), -ETIMEDOUT);
        CHECK(gor_now() >= deadline);
        break;
    case 1:
        gor_ctx_cancel(ctx, "drawn");
        CHECK(gor_ctx_err(child) != 0);
        break;
    default:
        (void)gor_ctx_sleep_until(child, storm_soon(w));
    }
    gor_ctx_unref(ctx);
    gor_ctx_unref(child);
}

/* ---- a small tree with goroutines waiting at its leaves */

enum { LEAVES = 4 };

struct leaf {
    struct gor_ctx *ctx;
    struct gor_waitgroup *wg;
};

static void wait_at_leaf(void *arg)
{
    struct leaf *leaf = arg;
    CHECK_EQ(gor_chan_recv(gor_ctx_done(leaf->ctx), NULL), 0);
    CHECK(gor_ctx_err(leaf->ctx) != 0);
    gor_ctx_unref(leaf->ctx);
    gor_waitgroup_done(leaf->wg);
}

void storm_context_tree(struct storm_worker *w)
{
    static int key;
    struct gor_waitgroup wg = {0};
    struct leaf leaves[LEAVES];
    struct gor_ctx *top = NULL;
    struct gor_ctx *valued = NULL;
    CHECK_EQ(gor_ctx_with_cancel(w->s->root_ctx, &top), 0);
    CHECK_EQ(gor_ctx_with_value(top, &key, w, &valued), 0);
    gor_waitgroup_add(&wg, LEAVES);
    for (int i = 0; i < LEAVES; i++) {
        leaves[i].wg = &wg;
        if (storm_below(w, 2) == 0) {
            CHECK_EQ(gor_ctx_with_deadline(valued, storm_soon(w), &leaves[i].ctx), 0);
        } else {
            CHECK_EQ(gor_ctx_with_cancel(valued, &leaves[i].ctx), 0);
        }
        CHECK(gor_ctx_value(leaves[i].ctx, &key) == w);
        spawn(wait_at_leaf, &leaves[i]);
    }
    gor_ctx_unref(valued);
    if (storm_below(w, 2) == 0) {
        gor_sleep(storm_below(w, 50) * GOR_MICROSECOND);
    }
    if (storm_below(w, 4) == 0) {
        CHECK_EQ(gor_ctx_cancel_async(top, "from aside"), 0);
    } else {
        gor_ctx_cancel(top, NULL);
    }
    gor_waitgroup_wait(&wg);
    gor_ctx_unref(top);
}

void storm_after_func(struct storm_worker *w)
{
    struct storm *s = w->s;
    struct gor_ctx *ctx = NULL;
    struct gor_ctx_after *handle = NULL;
    CHECK_EQ(gor_ctx_with_deadline(s->root_ctx, storm_soon(w), &ctx), 0);
    CHECK_EQ(gor_ctx_after_func(ctx, count_call, (void *)&s->afters_run, &handle), 0);
    atomic_fetch_add(&s->afters, 1);
    switch (storm_below(w, 3)) {
    case 0:
        gor_ctx_cancel(ctx, NULL);
        break;
    case 1:
        CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
        break;
    default:
        gor_yield();
    }
    atomic_fetch_add(&s->afters_stopped, gor_ctx_after_stop(handle));
    gor_ctx_unref(ctx);
}
