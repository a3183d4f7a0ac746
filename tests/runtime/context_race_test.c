/* SPDX-License-Identifier: MIT */
/* context_race_test.c - contexts made, cancelled and looked at by several at once. */
#include "tests/runtime/help.h"

static struct gor_ctx *new_ctx(struct gor_ctx *parent)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_cancel(parent, &ctx), 0);
    return ctx;
}

static bool is_done(struct gor_ctx *ctx)
{
    return gor_chan_try_recv(gor_ctx_done(ctx), NULL) == 0;
}

static void cancel_with_reason(void *arg)
{
    gor_ctx_cancel(arg, "the reason");
    gor_ctx_unref(arg);
}

/* ------------------------------------------------- what is seen, and in which order */

GO_TEST(context_race_done_is_closed_once_there_is_an_error)
{
    for (int i = 0; i < SCALED(5000, 1500, 500); i++) {
        struct gor_ctx *ctx = new_ctx(gor_ctx_background());
        struct gor_chan *done = gor_ctx_done(ctx);
        spawn(cancel_with_reason, gor_ctx_ref(ctx));
        YIELD_UNTIL(gor_ctx_err(ctx) != 0)
        CHECK_EQ(gor_chan_try_recv(done, NULL), 0);
        CHECK_STR(gor_ctx_cause(ctx), "the reason");
        gor_ctx_unref(ctx);
    }
}

GO_TEST(context_race_cause_is_whole_when_it_is_seen)
{
    for (int i = 0; i < SCALED(5000, 1500, 500); i++) {
        struct gor_ctx *ctx = new_ctx(gor_ctx_background());
        spawn(cancel_with_reason, gor_ctx_ref(ctx));
        const char *cause;
        while (*(cause = gor_ctx_cause(ctx)) == '\0') {
            gor_yield();
        }
        CHECK_STR(cause, "the reason");
        CHECK_EQ(gor_ctx_err(ctx), -ECANCELED);
        gor_ctx_unref(ctx);
    }
}

/* The parent is cancelled while the child is being made: it is cancelled with it, late or early. */
GO_TEST(context_race_child_made_during_the_cancel_is_cancelled)
{
    static int key;
    for (int i = 0; i < SCALED(5000, 1500, 500); i++) {
        struct gor_ctx *parent = new_ctx(gor_ctx_background());
        struct gor_ctx *child = NULL;
        spawn(cancel_with_reason, gor_ctx_ref(parent));
        switch (i % 3) {
        case 0:
            child = new_ctx(parent);
            break;
        case 1:
            CHECK_EQ(gor_ctx_with_timeout(parent, 3600 * GOR_SECOND, &child), 0);
            break;
        default:
            CHECK_EQ(gor_ctx_with_value(parent, &key, &key, &child), 0);
        }
        CHECK_EQ(gor_chan_recv(gor_ctx_done(child), NULL), 0);
        CHECK_EQ(gor_ctx_err(child), -ECANCELED);
        CHECK_STR(gor_ctx_cause(child), "the reason");
        gor_ctx_unref(child);
        gor_ctx_unref(parent);
    }
}

/* A deadline and a cancel at the same moment: one of them is the reason, wholly and for good. */
GO_TEST(context_race_of_deadline_and_cancel_has_one_winner)
{
    int cancelled = 0;
    int rounds = SCALED(3000, 1000, 300);
    for (int i = 0; i < rounds; i++) {
        struct gor_ctx *ctx = NULL;
        CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), (i % 20) * 2000, &ctx), 0);
        struct gor_ctx *child = new_ctx(ctx);
        gor_sleep((i % 17) * 2000);
        gor_ctx_cancel(ctx, "the reason");
        int err = gor_ctx_err(ctx);
        CHECK(err == -ECANCELED || err == -ETIMEDOUT);
        CHECK_EQ(strcmp(gor_ctx_cause(ctx), "the reason") == 0, err == -ECANCELED);
        CHECK_EQ(gor_ctx_err(child), err);
        CHECK_STR(gor_ctx_cause(child), gor_ctx_cause(ctx));
        cancelled += err == -ECANCELED;
        gor_ctx_unref(child);
        gor_ctx_unref(ctx);
    }
    CHECK_INT(cancelled, <=, rounds);
    /* Who came too late for its deadline still has the memory. */
    await_alone();
}

/* ------------------------------------------------------------- interlocked cancels */

struct interlock {
    struct gor_ctx *wait_for;
    struct gor_ctx *cancel;
    struct gor_waitgroup *wg;
};

static void cancel_after(void *arg)
{
    struct interlock *lock = arg;
    CHECK_EQ(gor_chan_recv(gor_ctx_done(lock->wait_for), NULL), 0);
    gor_ctx_cancel(lock->cancel, NULL);
    gor_waitgroup_done(lock->wg);
}

/* Whoever hears of the parent's end cancels the child, and the other way round, while the first
 * cancel is still on its way through the tree. */
GO_TEST(context_race_of_interlocked_cancels_comes_to_an_end)
{
    struct gor_waitgroup wg = {0};
    for (int i = 0; i < SCALED(2000, 800, 300); i++) {
        struct gor_ctx *parent = new_ctx(gor_ctx_background());
        struct gor_ctx *child = new_ctx(parent);
        struct interlock down = {parent, child, &wg};
        struct interlock up = {child, parent, &wg};
        gor_waitgroup_add(&wg, 2);
        spawn(cancel_after, &down);
        spawn(cancel_after, &up);
        if (i % 2 == 0) {
            gor_yield();
        }
        gor_ctx_cancel(i % 3 == 0 ? child : parent, NULL);
        CHECK(is_done(child));
        gor_waitgroup_wait(&wg);
        CHECK(is_done(parent));
        gor_ctx_unref(child);
        gor_ctx_unref(parent);
    }
}

enum { NODES = 100 };

struct node {
    struct gor_ctx *ctx;
    struct gor_waitgroup *cancelled;
    struct gor_waitgroup *ended;
};

static void cancel_node(void *arg)
{
    struct node *n = arg;
    gor_ctx_cancel(n->ctx, NULL);
    gor_waitgroup_done(n->cancelled);
}

static void await_node(void *arg)
{
    struct node *n = arg;
    CHECK_EQ(gor_chan_recv(gor_ctx_done(n->ctx), NULL), 0);
    CHECK_EQ(gor_ctx_err(n->ctx), -ECANCELED);
    gor_waitgroup_done(n->ended);
}

GO_TEST(context_race_of_simultaneous_cancels_ends_every_node)
{
    uint64_t seed = test_seed();
    struct gor_waitgroup cancelled = {0};
    struct gor_waitgroup ended = {0};
    struct node nodes[NODES];
    for (int round = 0; round < SCALED(30, 10, 5); round++) {
        for (int i = 0; i < NODES; i++) {
            int parent = random_below(&seed, i + 1) - 1;
            nodes[i] = (struct node){new_ctx(parent < 0 ? gor_ctx_background() : nodes[parent].ctx),
                                     &cancelled, &ended};
        }
        gor_waitgroup_add(&cancelled, NODES);
        gor_waitgroup_add(&ended, NODES);
        for (int i = 0; i < NODES; i++) {
            spawn(await_node, &nodes[i]);
        }
        for (int i = 0; i < NODES; i++) {
            spawn(cancel_node, &nodes[i]);
        }
        gor_waitgroup_wait(&ended);
        gor_waitgroup_wait(&cancelled);
        for (int i = 0; i < NODES; i++) {
            gor_ctx_unref(nodes[i].ctx);
        }
    }
}

/* ------------------------------------------------------------------------- layers */

/* Contexts of all kinds above each other, drawn from the seed. */
enum { LAYERS = 60 };

struct layers {
    struct gor_ctx *ctx[LAYERS];
    bool can_cancel[LAYERS];
    int keys[LAYERS];
    bool has_value[LAYERS];
};

static void pile_up(struct layers *l, int64_t timeout, uint64_t *seed)
{
    struct gor_ctx *below = gor_ctx_background();
    memset(l, 0, sizeof *l);
    for (int i = 0; i < LAYERS; i++) {
        /* One of each kind at least. */
        switch (i < 3 ? i : random_below(seed, 3)) {
        case 0:
            CHECK_EQ(gor_ctx_with_value(below, &l->keys[i], &l->keys[i], &l->ctx[i]), 0);
            l->has_value[i] = true;
            break;
        case 1:
            l->ctx[i] = new_ctx(below);
            l->can_cancel[i] = true;
            break;
        default:
            CHECK_EQ(gor_ctx_with_timeout(below, timeout, &l->ctx[i]), 0);
            l->can_cancel[i] = true;
        }
        below = l->ctx[i];
    }
}

static void check_values(struct layers *l)
{
    for (int i = 0; i < LAYERS; i++) {
        void *expected = l->has_value[i] ? &l->keys[i] : NULL;
        CHECK(gor_ctx_value(l->ctx[LAYERS - 1], &l->keys[i]) == expected);
    }
}

static void take_down(struct layers *l, uint64_t *seed)
{
    for (int i = LAYERS - 1; i >= 0; i--) {
        int k = random_below(seed, i + 1);
        gor_ctx_unref(l->ctx[k]);
        l->ctx[k] = l->ctx[i];
    }
}

GO_TEST(context_race_layers_are_cancelled_from_any_of_them)
{
    uint64_t seed = test_seed();
    struct layers l;
    for (int round = 0; round < SCALED(200, 100, 50); round++) {
        pile_up(&l, 3600 * GOR_SECOND, &seed);
        struct gor_ctx *top = l.ctx[LAYERS - 1];
        CHECK_EQ(gor_ctx_err(top), 0);
        CHECK(!is_done(top));
        check_values(&l);
        int k;
        do {
            k = random_below(&seed, LAYERS);
        } while (!l.can_cancel[k]);
        gor_ctx_cancel(l.ctx[k], "the reason");
        CHECK(is_done(top));
        CHECK_EQ(gor_ctx_err(top), -ECANCELED);
        CHECK_STR(gor_ctx_cause(top), "the reason");
        check_values(&l);
        take_down(&l, &seed);
    }
}

GO_TEST(context_race_layers_time_out)
{
    uint64_t seed = test_seed();
    struct layers l;
    for (int round = 0; round < SCALED(200, 100, 50); round++) {
        pile_up(&l, random_below(&seed, 300) * GOR_MICROSECOND, &seed);
        struct gor_ctx *top = l.ctx[LAYERS - 1];
        CHECK_EQ(gor_chan_recv(gor_ctx_done(top), NULL), 0);
        CHECK_EQ(gor_ctx_err(top), -ETIMEDOUT);
        CHECK(gor_ctx_deadline(top) <= gor_now());
        check_values(&l);
        take_down(&l, &seed);
    }
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
    await_alone();
}
