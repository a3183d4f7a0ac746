/* SPDX-License-Identifier: MIT */
/* context_cause_test.c - why a context has ended: its own cause, that of its deadline, or that of
 * whatever above it ended first. */
#include "tests/runtime/help.h"

static struct gor_ctx *new_ctx(struct gor_ctx *parent)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_cancel(parent, &ctx), 0);
    return ctx;
}

static struct gor_ctx *new_timed(struct gor_ctx *parent, int64_t ns, const char *cause)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_timeout_cause(parent, ns, cause, &ctx), 0);
    return ctx;
}

static void check_ended(struct gor_ctx *ctx, int err, const char *cause)
{
    CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
    CHECK_EQ(gor_ctx_err(ctx), err);
    CHECK_STR(gor_ctx_cause(ctx), cause);
}

GO_TEST(context_cause_of_a_deadline)
{
    struct gor_ctx *timed = new_timed(gor_ctx_background(), GOR_MILLISECOND, "too slow");
    struct gor_ctx *dated = NULL;
    CHECK_EQ(gor_ctx_with_deadline_cause(gor_ctx_background(), gor_after(GOR_MILLISECOND), "late",
                                         &dated),
             0);
    check_ended(timed, -ETIMEDOUT, "too slow");
    check_ended(dated, -ETIMEDOUT, "late");
    gor_ctx_unref(timed);
    gor_ctx_unref(dated);
}

GO_TEST(context_cause_of_a_deadline_that_has_passed)
{
    struct gor_ctx *ctx = new_timed(gor_ctx_background(), -1, "born late");
    check_ended(ctx, -ETIMEDOUT, "born late");
    gor_ctx_unref(ctx);
}

GO_TEST(context_cause_of_a_deadline_may_be_left_out)
{
    struct gor_ctx *plain = NULL;
    struct gor_ctx *ctx = new_timed(gor_ctx_background(), -1, NULL);
    CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), -1, &plain), 0);
    check_ended(ctx, -ETIMEDOUT, "context deadline exceeded");
    check_ended(plain, -ETIMEDOUT, "context deadline exceeded");
    gor_ctx_unref(ctx);
    gor_ctx_unref(plain);
}

GO_TEST(context_cause_of_a_cancel_before_the_deadline)
{
    struct gor_ctx *without = new_timed(gor_ctx_background(), 3600 * GOR_SECOND, "too slow");
    struct gor_ctx *with = new_timed(gor_ctx_background(), 3600 * GOR_SECOND, "too slow");
    CHECK_STR(gor_ctx_cause(with), "");
    gor_ctx_cancel(without, NULL);
    gor_ctx_cancel(with, "enough");
    check_ended(without, -ECANCELED, "context canceled");
    check_ended(with, -ECANCELED, "enough");
    gor_ctx_cancel(with, "more");
    check_ended(with, -ECANCELED, "enough");
    gor_ctx_unref(without);
    gor_ctx_unref(with);
}

/* As in Go: a deadline no earlier than the parent's is the parent's, cause and all. */
GO_TEST(context_cause_of_a_later_deadline_is_the_parents)
{
    struct gor_ctx *parent = new_timed(gor_ctx_background(), GOR_MILLISECOND, "the parent");
    struct gor_ctx *child = new_timed(parent, 3600 * GOR_SECOND, "the child");
    check_ended(child, -ETIMEDOUT, "the parent");
    gor_ctx_unref(child);
    gor_ctx_unref(parent);
}

GO_TEST(context_cause_goes_down_the_tree)
{
    static int key;
    struct gor_ctx *top = new_ctx(gor_ctx_background());
    struct gor_ctx *middle = new_timed(top, 3600 * GOR_SECOND, "too slow");
    struct gor_ctx *ended = new_ctx(middle);
    struct gor_ctx *value = NULL;
    struct gor_ctx *free_one = NULL;
    gor_ctx_cancel(ended, "the first");
    CHECK_EQ(gor_ctx_with_value(middle, &key, &key, &value), 0);
    CHECK_EQ(gor_ctx_without_cancel(middle, &free_one), 0);
    gor_ctx_cancel(top, "the top");
    struct gor_ctx *born_ended = new_ctx(value);
    struct gor_ctx *born_late = new_timed(middle, -1, "late as well");
    check_ended(top, -ECANCELED, "the top");
    check_ended(middle, -ECANCELED, "the top");
    check_ended(ended, -ECANCELED, "the first");
    check_ended(value, -ECANCELED, "the top");
    check_ended(born_ended, -ECANCELED, "the top");
    check_ended(born_late, -ECANCELED, "the top");
    CHECK_EQ(gor_ctx_err(free_one), 0);
    CHECK_STR(gor_ctx_cause(free_one), "");
    /* The text lives in the topmost, which those below keep. */
    gor_ctx_unref(top);
    gor_ctx_unref(middle);
    CHECK_STR(gor_ctx_cause(born_ended), "the top");
    gor_ctx_unref(free_one);
    gor_ctx_unref(value);
    gor_ctx_unref(born_ended);
    gor_ctx_unref(born_late);
    gor_ctx_unref(ended);
}

GO_TEST(context_cause_is_copied_and_cut)
{
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct gor_ctx *ctx = new_timed(gor_ctx_background(), GOR_MILLISECOND, text);
    memset(text, 'y', sizeof text - 1);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
    CHECK_EQ(strlen(gor_ctx_cause(ctx)), 255);
    CHECK_EQ(gor_ctx_cause(ctx)[0], 'x');
    gor_ctx_unref(ctx);
}

static void cancel(void *arg)
{
    gor_ctx_cancel(arg, "cancelled");
    gor_ctx_unref(arg);
}

/* Deadline and cancel at the same moment: one of the two, error and cause of the same. */
GO_TEST(context_cause_matches_the_error)
{
    for (int i = 0; i < SCALED(3000, 500, 300); i++) {
        struct gor_ctx *ctx = new_timed(gor_ctx_background(), i % 50 * GOR_MICROSECOND, "late");
        spawn(cancel, gor_ctx_ref(ctx));
        CHECK_EQ(gor_chan_recv(gor_ctx_done(ctx), NULL), 0);
        CHECK_STR(gor_ctx_cause(ctx), gor_ctx_err(ctx) == -ETIMEDOUT ? "late" : "cancelled");
        gor_ctx_unref(ctx);
    }
    /* Who came too late for its deadline still has the memory. */
    YIELD_UNTIL(gor_num_goroutine() == 1)
}

static int make_outside(void *arg)
{
    return gor_ctx_with_timeout_cause(gor_ctx_background(), 1, "x", arg);
}

GO_TEST(context_with_cause_is_for_goroutines_only)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_blocking(make_outside, &ctx), -EPERM);
    CHECK(ctx == NULL);
}
