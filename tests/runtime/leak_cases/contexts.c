/* SPDX-License-Identifier: MIT */
/* Contexts, timers, selects, groups. */
#include "tests/runtime/leak_cases/cases.h"

static struct gor_ctx *context(void)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    return ctx;
}

LEAK_CASE(context_never_cancelled)
{
    leaks(wait_for_context, context());
}

LEAK_CASE(context_cancelled)
{
    struct gor_ctx *ctx = context();
    ends(wait_for_context, ctx);
    gor_ctx_cancel(ctx, NULL);
}

LEAK_CASE(context_with_timeout)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), 10 * GOR_MILLISECOND, &ctx), 0);
    ends(wait_for_context, ctx);
}

/* Lost: the only reference was given away, nobody can cancel it. */
static void receive_with_context(void *arg)
{
    struct pair *of = arg;
    CHECK_EQ(gor_chan_recv_ctx(of->a, NULL, of->b), -ECANCELED);
}

LEAK_CASE(lost_cancel)
{
    leaks(receive_with_context, pair_of(channel(0), context()));
}

LEAK_CASE(lost_cancel_of_a_child)
{
    struct gor_ctx *child = NULL;
    CHECK_EQ(gor_ctx_with_cancel(context(), &child), 0);
    leaks(receive_with_context, pair_of(channel(0), child));
}

static void cancel_soon(void *ctx)
{
    CHECK_EQ(gor_sleep(GOR_MILLISECOND), 0);
    gor_ctx_cancel(ctx, NULL);
}

LEAK_CASE(cancelled_by_another)
{
    struct gor_ctx *ctx = context();
    ends(receive_with_context, pair_of(channel(0), ctx));
    ends(cancel_soon, ctx);
}

static void sleep_within(void *ctx)
{
    (void)gor_ctx_sleep_until(ctx, GOR_NEVER);
}

LEAK_CASE(sleep_for_ever_within_a_lost_context)
{
    leaks(sleep_within, context());
}

LEAK_CASE(sleep_for_ever_within_the_background)
{
    leaks(sleep_within, gor_ctx_background());
}

/* ---- timers */

static void wait_for_timer(void *timer)
{
    CHECK_EQ(gor_chan_recv(gor_timer_chan(timer), NULL), 1);
}

LEAK_CASE(timer_stopped_while_awaited)
{
    struct gor_timer *timer = gor_timer_new(GOR_SECOND * 3600);
    CHECK(timer != NULL);
    CHECK_EQ(gor_timer_stop(timer), 1);
    leaks(wait_for_timer, timer);
}

LEAK_CASE(timer_that_will_fire)
{
    struct gor_timer *timer = gor_timer_new(GOR_SECOND * 3600);
    CHECK(timer != NULL);
    lives(wait_for_timer, timer);
}

LEAK_CASE(timer_that_fires_once_only)
{
    struct gor_timer *timer = gor_timer_new(GOR_MILLISECOND);
    CHECK(timer != NULL);
    wait_for_timer(timer);
    leaks(wait_for_timer, timer);
}

LEAK_CASE(ticker_forgotten)
{
    struct gor_timer *ticker = gor_ticker_new(3600 * GOR_SECOND);
    CHECK(ticker != NULL);
    /* It will tick, so this is a leak of the ticker, not of a goroutine. */
    lives(wait_for_timer, ticker);
}

static void receive_for_an_hour(void *chan)
{
    (void)gor_chan_recv_until(chan, NULL, gor_after(3600 * GOR_SECOND));
}

LEAK_CASE(receive_with_deadline)
{
    lives(receive_for_an_hour, channel(0));
}

static void send_to(void *chan)
{
    send_one(chan);
}

LEAK_CASE(function_of_a_timer_will_send)
{
    struct gor_chan *c = channel(0);
    CHECK(gor_timer_new_func(3600 * GOR_SECOND, send_to, c) != NULL);
    lives(recv_one, c);
}

/* ---- selects */

static void select_two(void *arg)
{
    struct pair *of = arg;
    struct gor_case cases[] = {{.chan = of->a, .op = GOR_RECV}, {.chan = of->b, .op = GOR_RECV}};
    CHECK_INT(gor_select(cases, 2), >=, 0);
}

LEAK_CASE(select_with_dead_cases)
{
    leaks(select_two, pair_of(channel(0), channel(0)));
}

LEAK_CASE(select_with_nil_cases)
{
    leaks(select_two, pair_of(NULL, NULL));
}

LEAK_CASE(select_with_one_nil_case)
{
    leaks(select_two, pair_of(NULL, channel(0)));
}

static void select_nothing(void *unused)
{
    (void)unused;
    (void)gor_select(NULL, 0);
}

LEAK_CASE(empty_select)
{
    leaks(select_nothing, NULL);
}

static void select_default(void *arg)
{
    struct gor_case one = {.chan = arg, .op = GOR_RECV};
    CHECK_EQ(gor_select_try(&one, 1), -EAGAIN);
}

LEAK_CASE(select_with_default)
{
    ends(select_default, channel(0));
}

LEAK_CASE(select_with_a_sender)
{
    struct gor_chan *b = channel(0);
    ends(select_two, pair_of(channel(0), b));
    ends(send_one, b);
}

static void select_many(void *arg)
{
    struct gor_case cases[40];
    for (size_t i = 0; i < 40; i++) {
        cases[i] = (struct gor_case){.chan = channel(0), .op = GOR_RECV};
    }
    (void)arg;
    CHECK_INT(gor_select(cases, 40), >=, 0);
}

LEAK_CASE(select_with_cases_on_the_heap)
{
    leaks(select_many, NULL);
}

/* A select with itself: the send could only meet its own receive. */
static void select_itself(void *chan)
{
    int value = 1;
    struct gor_case cases[] = {{.chan = chan, .op = GOR_RECV},
                               {.chan = chan, .op = GOR_SEND, .value = &value}};
    CHECK_INT(gor_select(cases, 2), >=, 0);
}

LEAK_CASE(select_with_itself)
{
    leaks(select_itself, channel(0));
}

LEAK_CASE(two_selects_with_themselves)
{
    struct gor_chan *c = channel(0);
    ends(select_itself, c);
    ends(select_itself, c);
}

/* Cancelled or served: neither comes. */
static void select_done(void *arg)
{
    struct pair *of = arg;
    struct gor_case cases[] = {{.chan = of->a, .op = GOR_RECV},
                               {.chan = gor_ctx_done(of->b), .op = GOR_RECV}};
    CHECK_INT(gor_select(cases, 2), >=, 0);
}

LEAK_CASE(worker_whose_done_never_comes)
{
    leaks(select_done, pair_of(channel(0), context()));
}

LEAK_CASE(worker_whose_done_comes)
{
    struct gor_ctx *ctx = context();
    ends(select_done, pair_of(channel(0), ctx));
    gor_ctx_cancel(ctx, NULL);
}

/* ---- groups */

static int receive_in_group(struct gor_ctx *ctx, void *chan)
{
    (void)ctx;
    recv_one(chan);
    return 0;
}

static void group_with_a_blocked_member(void *chan)
{
    struct gor_group *group = NULL;
    CHECK_EQ(gor_group_new(NULL, &group), 0);
    CHECK_EQ(gor_group_go(group, receive_in_group, chan), 0);
    (void)gor_group_wait(group);
}

LEAK_CASE(group_with_blocked_member)
{
    unnamed_leaks(1);
    leaks(group_with_a_blocked_member, channel(0));
}

static int receive_as_long(struct gor_ctx *ctx, void *chan)
{
    return gor_chan_recv_ctx(chan, NULL, ctx);
}

static int fail_at_once(struct gor_ctx *ctx, void *unused)
{
    (void)ctx;
    (void)unused;
    return -EIO;
}

static void group_that_fails(void *chan)
{
    struct gor_group *group = NULL;
    CHECK_EQ(gor_group_new(NULL, &group), 0);
    CHECK_EQ(gor_group_go(group, receive_as_long, chan), 0);
    CHECK_EQ(gor_group_go(group, fail_at_once, NULL), 0);
    CHECK_INT(gor_group_wait(group), <, 0);
    gor_group_free(group);
}

LEAK_CASE(group_whose_members_heed_the_context)
{
    ends(group_that_fails, channel(0));
}
