/* SPDX-License-Identifier: MIT */
/* restart_deadline_test.c - contexts and timers that outlive the runtime they were made in. What their
 * deadlines held is lost with it: hence the static variables, for the leak checker's sake. */
#include "tests/runtime/help.h"

struct kept {
    struct gor_ctx *ctx;
    struct gor_ctx *to_cancel;
    struct gor_timer *timer;
};

static int make_all(void *arg)
{
    struct kept *kept = arg;
    CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), 100 * GOR_SECOND, &kept->ctx), 0);
    CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), 100 * GOR_SECOND, &kept->to_cancel), 0);
    kept->timer = gor_timer_new(100 * GOR_SECOND);
    CHECK(kept->timer != NULL);
    return 0;
}

static int use_all(void *arg)
{
    struct kept *kept = arg;
    gor_ctx_unref(kept->ctx);
    gor_ctx_cancel(kept->to_cancel, "later");
    CHECK_EQ(gor_ctx_err(kept->to_cancel), -ECANCELED);
    gor_ctx_unref(kept->to_cancel);
    /* It counts as active still, and can be started in the new runtime. */
    CHECK_EQ(gor_timer_reset(kept->timer, 0), 1);
    CHECK_EQ(gor_chan_recv(gor_timer_chan(kept->timer), NULL), 1);
    CHECK_EQ(gor_timer_stop(kept->timer), 0);
    return 0;
}

TEST(restart_leaves_deadlines_without_a_heap)
{
    static struct kept kept;
    CHECK_EQ(gor_run(NULL, make_all, &kept), 0);
    CHECK_EQ(gor_run(NULL, use_all, &kept), 0);
}

TEST(restart_takes_back_a_context_from_outside)
{
    static struct kept kept;
    CHECK_EQ(gor_run(NULL, make_all, &kept), 0);
    CHECK_EQ(gor_start(NULL), 0);
    gor_ctx_unref(kept.ctx);
    gor_ctx_unref(kept.to_cancel);
    CHECK_EQ(gor_stop(), 0);
}
