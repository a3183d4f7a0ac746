/* SPDX-License-Identifier: MIT */
/* context_test.c - one context: cancelling, deadlines, causes, values, calls after. */
#include "tests/runtime/help.h"

static struct gor_ctx *new_ctx(struct gor_ctx *parent)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_cancel(parent, &ctx), 0);
    CHECK(ctx != NULL);
    return ctx;
}

static bool is_done(struct gor_ctx *ctx)
{
    int result = gor_chan_try_recv(gor_ctx_done(ctx), NULL);
    CHECK(result == 0 || result == -EAGAIN);
    return result == 0;
}

GO_TEST(context_background_is_never_cancelled)
{
    struct gor_ctx *background = gor_ctx_background();
    CHECK(background != NULL);
    CHECK(background == gor_ctx_background());
    CHECK(gor_ctx_done(background) == NULL);
    CHECK_EQ(gor_ctx_err(background), 0);
    CHECK_STR(gor_ctx_cause(background), "");
    CHECK(gor_ctx_deadline(background) == GOR_NEVER);
    CHECK(gor_ctx_value(background, background) == NULL);
    gor_ctx_unref(gor_ctx_ref(background));
}

GO_TEST(context_cancel_sets_error_cause_and_done)
{
    struct gor_ctx *ctx = new_ctx(gor_ctx_background());
    CHECK_EQ(gor_ctx_err(ctx), 0);
    CHECK_STR(gor_ctx_cause(ctx), "");
    CHECK(gor_ctx_deadline(ctx) == GOR_NEVER);
    CHECK(gor_ctx_done(ctx) != NULL);
    CHECK(!is_done(ctx));
    gor_ctx_cancel(ctx, "enough");
    CHECK(is_done(ctx));
    CHECK_EQ(gor_ctx_err(ctx), -ECANCELED);
    CHECK_STR(gor_ctx_cause(ctx), "enough");
    gor_ctx_cancel(ctx, "more");
    CHECK_STR(gor_ctx_cause(ctx), "enough");
    gor_ctx_unref(ctx);
}

GO_TEST(context_cancel_without_cause_still_says_why)
{
    struct gor_ctx *ctx = new_ctx(gor_ctx_background());
    gor_ctx_cancel(ctx, NULL);
    CHECK_INT(strlen(gor_ctx_cause(ctx)), >, 0);
    gor_ctx_unref(ctx);
}

GO_TEST(context_long_cause_is_cut)
{
    struct gor_ctx *ctx = new_ctx(gor_ctx_background());
    char cause[1000];
    memset(cause, 'x', sizeof cause - 1);
    cause[sizeof cause - 1] = '\0';
    gor_ctx_cancel(ctx, cause);
    memset(cause, 'y', sizeof cause - 1);
    CHECK_EQ(strlen(gor_ctx_cause(ctx)), 255);
    CHECK_EQ(gor_ctx_cause(ctx)[254], 'x');
    gor_ctx_unref(ctx);
}

GO_TEST(context_deadline_ends_it)
{
    struct gor_ctx *ctx = NULL;
    int64_t deadline = gor_after(2 * GOR_MILLISECOND);
    CHECK_EQ(gor_ctx_with_deadline(gor_ctx_background(), deadline, &ctx), 0);
    CHECK_EQ(gor_ctx_deadline(ctx), deadline);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_ctx_err(ctx), -ETIMEDOUT);
    CHECK_INT(strlen(gor_ctx_cause(ctx)), >, 0);
    gor_ctx_cancel(ctx, "late");
    CHECK_EQ(gor_ctx_err(ctx), -ETIMEDOUT);
    gor_ctx_unref(ctx);
}

GO_TEST(context_cancelled_before_its_deadline_stays_cancelled)
{
    struct gor_ctx *ctx = NULL;
    int64_t timeout = GOR_MILLISECOND;
    do {
        /* On a machine too slow to cancel it in time, a longer one. */
        gor_ctx_unref(ctx);
        timeout *= 2;
        CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), timeout, &ctx), 0);
        gor_ctx_cancel(ctx, NULL);
    } while (gor_ctx_err(ctx) == -ETIMEDOUT);
    CHECK_EQ(gor_ctx_err(ctx), -ECANCELED);
    gor_sleep(2 * timeout);
    CHECK_EQ(gor_ctx_err(ctx), -ECANCELED);
    gor_ctx_unref(ctx);
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
}

GO_TEST(context_with_a_deadline_in_the_past_is_born_expired)
{
    struct gor_ctx *ctx = NULL;
    static const int64_t past[] = {0, -5, INT64_MIN};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(gor_ctx_with_deadline(gor_ctx_background(), past[i], &ctx), 0);
        CHECK_EQ(gor_ctx_err(ctx), -ETIMEDOUT);
        CHECK(is_done(ctx));
        gor_ctx_unref(ctx);
    }
    CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), 0, &ctx), 0);
    CHECK_EQ(gor_ctx_err(ctx), -ETIMEDOUT);
    gor_ctx_unref(ctx);
}

GO_TEST(context_without_end_does_not_overflow)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), GOR_NEVER, &ctx), 0);
    CHECK(gor_ctx_deadline(ctx) == GOR_NEVER);
    CHECK_EQ(gor_ctx_err(ctx), 0);
    gor_ctx_cancel(ctx, NULL);
    CHECK_EQ(gor_ctx_err(ctx), -ECANCELED);
    gor_ctx_unref(ctx);
}

GO_TEST(context_earlier_deadline_of_the_parent_wins)
{
    struct gor_ctx *parent = NULL;
    struct gor_ctx *later = NULL;
    struct gor_ctx *earlier = NULL;
    int64_t deadline = gor_after(5 * GOR_MILLISECOND);
    CHECK_EQ(gor_ctx_with_deadline(gor_ctx_background(), deadline, &parent), 0);
    CHECK_EQ(gor_ctx_with_deadline(parent, deadline + GOR_SECOND * 3600, &later), 0);
    CHECK_EQ(gor_ctx_with_deadline(parent, deadline - 3 * GOR_MILLISECOND, &earlier), 0);
    CHECK_EQ(gor_ctx_deadline(later), deadline);
    CHECK_EQ(gor_ctx_deadline(earlier), deadline - 3 * GOR_MILLISECOND);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(earlier), NULL), 0);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(later), NULL), 0);
    CHECK_EQ(gor_ctx_err(later), -ETIMEDOUT);
    CHECK_EQ(gor_ctx_err(parent), -ETIMEDOUT);
    gor_ctx_unref(earlier);
    gor_ctx_unref(later);
    gor_ctx_unref(parent);
}

GO_TEST(context_child_of_a_cancelled_parent_is_born_cancelled)
{
    struct gor_ctx *parent = new_ctx(gor_ctx_background());
    gor_ctx_cancel(parent, "before");
    struct gor_ctx *child = new_ctx(parent);
    CHECK(is_done(child));
    CHECK_EQ(gor_ctx_err(child), -ECANCELED);
    CHECK_STR(gor_ctx_cause(child), "before");
    gor_ctx_unref(child);
    CHECK_EQ(gor_ctx_with_timeout(parent, GOR_SECOND, &child), 0);
    CHECK_EQ(gor_ctx_err(child), -ECANCELED);
    gor_ctx_unref(child);
    gor_ctx_unref(parent);
}

/* ------------------------------------------------------------------- values */

GO_TEST(context_value_is_the_nearest_under_its_key)
{
    static int key_a;
    static int key_b;
    int values[3];
    struct gor_ctx *outer = NULL;
    struct gor_ctx *middle = NULL;
    struct gor_ctx *inner = NULL;
    CHECK_EQ(gor_ctx_with_value(gor_ctx_background(), &key_a, &values[0], &outer), 0);
    CHECK_EQ(gor_ctx_with_value(outer, &key_b, &values[1], &middle), 0);
    CHECK_EQ(gor_ctx_with_value(middle, &key_a, &values[2], &inner), 0);
    CHECK(gor_ctx_value(outer, &key_a) == &values[0]);
    CHECK(gor_ctx_value(outer, &key_b) == NULL);
    CHECK(gor_ctx_value(middle, &key_a) == &values[0]);
    CHECK(gor_ctx_value(inner, &key_a) == &values[2]);
    CHECK(gor_ctx_value(inner, &key_b) == &values[1]);
    CHECK(gor_ctx_value(inner, values) == NULL);
    CHECK_EQ(gor_ctx_err(inner), 0);
    gor_ctx_unref(outer);
    gor_ctx_unref(middle);
    CHECK(gor_ctx_value(inner, &key_b) == &values[1]);
    gor_ctx_unref(inner);
}

GO_TEST(context_value_node_passes_cancellation_through)
{
    static int key;
    struct gor_ctx *top = new_ctx(gor_ctx_background());
    struct gor_ctx *value = NULL;
    CHECK_EQ(gor_ctx_with_value(top, &key, &key, &value), 0);
    struct gor_ctx *leaf = new_ctx(value);
    gor_ctx_cancel(top, "top");
    CHECK_EQ(gor_ctx_err(value), -ECANCELED);
    CHECK_EQ(gor_ctx_err(leaf), -ECANCELED);
    CHECK_STR(gor_ctx_cause(leaf), "top");
    CHECK(is_done(leaf));
    CHECK(is_done(value));
    gor_ctx_unref(leaf);
    gor_ctx_unref(value);
    gor_ctx_unref(top);
}

GO_TEST(context_without_cancel_keeps_values_only)
{
    static int key;
    int value;
    struct gor_ctx *top = NULL;
    struct gor_ctx *valued = NULL;
    struct gor_ctx *detached = NULL;
    CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), 3600 * GOR_SECOND, &top), 0);
    CHECK_EQ(gor_ctx_with_value(top, &key, &value, &valued), 0);
    CHECK_EQ(gor_ctx_without_cancel(valued, &detached), 0);
    struct gor_ctx *below = new_ctx(detached);
    CHECK(gor_ctx_deadline(detached) == GOR_NEVER);
    gor_ctx_cancel(top, "gone");
    CHECK_EQ(gor_ctx_err(detached), 0);
    CHECK_EQ(gor_ctx_err(below), 0);
    CHECK(gor_ctx_done(detached) == NULL);
    CHECK(gor_ctx_value(below, &key) == &value);
    gor_ctx_cancel(below, NULL);
    CHECK_EQ(gor_ctx_err(below), -ECANCELED);
    gor_ctx_unref(below);
    gor_ctx_unref(detached);
    gor_ctx_unref(valued);
    gor_ctx_unref(top);
}

/* -------------------------------------------------------------- calls after */

struct after {
    struct gor_waitgroup wg;
    _Atomic int calls;
    gor_id_t canceller;
    struct gor_ctx *ctx;
};

static void note_call(void *arg)
{
    struct after *a = arg;
    CHECK(gor_self() != 0 && gor_self() != a->canceller);
    CHECK(gor_ctx_err(a->ctx) != 0);
    atomic_fetch_add(&a->calls, 1);
    gor_waitgroup_done(&a->wg);
}

GO_TEST(context_after_func_runs_on_a_goroutine_of_its_own)
{
    struct gor_ctx_after *handle = NULL;
    struct after a = {.canceller = gor_self(), .ctx = new_ctx(gor_ctx_background())};
    gor_waitgroup_add(&a.wg, 1);
    CHECK_EQ(gor_ctx_after_func(a.ctx, note_call, &a, &handle), 0);
    CHECK_EQ(atomic_load(&a.calls), 0);
    gor_ctx_cancel(a.ctx, NULL);
    gor_waitgroup_wait(&a.wg);
    CHECK_EQ(gor_ctx_after_stop(handle), 0);
    /* On a context that is cancelled already it runs at once. */
    gor_waitgroup_add(&a.wg, 1);
    CHECK_EQ(gor_ctx_after_func(a.ctx, note_call, &a, &handle), 0);
    gor_waitgroup_wait(&a.wg);
    CHECK_EQ(gor_ctx_after_stop(handle), 0);
    CHECK_EQ(atomic_load(&a.calls), 2);
    gor_ctx_unref(a.ctx);
}

GO_TEST(context_after_func_taken_back_never_runs)
{
    struct gor_ctx_after *handle = NULL;
    struct after a = {.ctx = new_ctx(gor_ctx_background())};
    CHECK_EQ(gor_ctx_after_func(a.ctx, note_call, &a, &handle), 0);
    CHECK_EQ(gor_ctx_after_stop(handle), 1);
    gor_ctx_cancel(a.ctx, NULL);
    for (int i = 0; i < 100; i++) {
        gor_yield();
    }
    CHECK_EQ(atomic_load(&a.calls), 0);
    gor_ctx_unref(a.ctx);
}

static void cancel_it(void *arg)
{
    struct after *a = arg;
    gor_ctx_cancel(a->ctx, NULL);
    gor_waitgroup_done(&a->wg);
}

GO_TEST(context_after_func_runs_exactly_when_stop_says_so)
{
    for (int i = 0; i < SCALED(2000, 800, 300); i++) {
        struct gor_ctx_after *handle = NULL;
        struct after a = {.ctx = new_ctx(gor_ctx_background())};
        gor_waitgroup_add(&a.wg, 2);
        CHECK_EQ(gor_ctx_after_func(a.ctx, note_call, &a, &handle), 0);
        spawn(cancel_it, &a);
        if (i % 2 == 0) {
            gor_yield();
        }
        int stopped = gor_ctx_after_stop(handle);
        if (stopped == 1) {
            gor_waitgroup_done(&a.wg);
        }
        gor_waitgroup_wait(&a.wg);
        CHECK_EQ(atomic_load(&a.calls), stopped == 1 ? 0 : 1);
        gor_ctx_unref(a.ctx);
    }
}

GO_TEST(context_sleep_ends_by_deadline_or_cancellation)
{
    struct after a = {.ctx = new_ctx(gor_ctx_background())};
    int64_t deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_ctx_sleep_until(a.ctx, deadline), 0);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_ctx_sleep_until(gor_ctx_background(), gor_after(GOR_MICROSECOND)), 0);
    gor_waitgroup_add(&a.wg, 1);
    spawn(cancel_it, &a);
    CHECK_EQ(gor_ctx_sleep_until(a.ctx, GOR_NEVER), -ECANCELED);
    CHECK_EQ(gor_ctx_sleep_until(a.ctx, GOR_NEVER), -ECANCELED);
    gor_waitgroup_wait(&a.wg);
    gor_ctx_unref(a.ctx);
}
