/* SPDX-License-Identifier: MIT */
/* context_tree_test.c - trees of contexts: everything below is cancelled, nothing is left behind.
 */
#include "tests/runtime/help.h"

static struct gor_ctx *new_ctx(struct gor_ctx *parent)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_cancel(parent, &ctx), 0);
    return ctx;
}

GO_TEST(context_tree_cancel_reaches_below_but_not_beside_or_above)
{
    struct gor_ctx *top = new_ctx(gor_ctx_background());
    struct gor_ctx *left = new_ctx(top);
    struct gor_ctx *right = new_ctx(top);
    struct gor_ctx *leaf = new_ctx(left);
    gor_ctx_cancel(left, "left");
    CHECK_EQ(gor_ctx_err(leaf), -ECANCELED);
    CHECK_STR(gor_ctx_cause(leaf), "left");
    CHECK_EQ(gor_ctx_err(top), 0);
    CHECK_EQ(gor_ctx_err(right), 0);
    gor_ctx_cancel(top, "top");
    CHECK_EQ(gor_ctx_err(right), -ECANCELED);
    CHECK_STR(gor_ctx_cause(right), "top");
    CHECK_STR(gor_ctx_cause(leaf), "left");
    gor_ctx_unref(top);
    gor_ctx_unref(left);
    gor_ctx_unref(right);
    gor_ctx_unref(leaf);
}

GO_TEST(context_tree_dropped_without_cancel_leaves_its_parent)
{
    struct gor_ctx *top = new_ctx(gor_ctx_background());
    for (int i = 0; i < SCALED(100000, 20000, 5000); i++) {
        gor_ctx_unref(new_ctx(top));
    }
    CHECK_EQ(gor_ctx_err(top), 0);
    gor_ctx_cancel(top, NULL);
    gor_ctx_unref(top);
}

GO_TEST(context_tree_child_outlives_the_callers_reference_to_its_parent)
{
    struct gor_ctx *top = new_ctx(gor_ctx_background());
    struct gor_ctx *middle = new_ctx(top);
    struct gor_ctx *leaf = new_ctx(middle);
    gor_ctx_unref(middle);
    CHECK_EQ(gor_ctx_err(leaf), 0);
    gor_ctx_cancel(top, "still connected");
    CHECK_EQ(gor_ctx_err(leaf), -ECANCELED);
    CHECK_STR(gor_ctx_cause(leaf), "still connected");
    gor_ctx_unref(top);
    gor_ctx_unref(leaf);
}

/* A chain so long that a recursion per level would overflow the stack of 64 KiB. */
struct chain {
    struct gor_ctx *top;
    struct gor_ctx *bottom;
};

static void cancel_on_a_small_stack(void *arg)
{
    struct chain *c = arg;
    gor_ctx_cancel(c->top, "deep");
}

static void drop_on_a_small_stack(void *arg)
{
    struct chain *c = arg;
    gor_ctx_unref(c->bottom);
}

GO_TEST(context_tree_of_great_depth_needs_no_deep_stack)
{
    struct gor_go_opts opts = {.stack_bytes = 65536};
    for (int cancel = 0; cancel < 2; cancel++) {
        struct chain c = {.top = new_ctx(gor_ctx_background())};
        c.bottom = gor_ctx_ref(c.top);
        for (int i = 0; i < SCALED(20000, 5000, 3000); i++) {
            struct gor_ctx *next = new_ctx(c.bottom);
            gor_ctx_unref(c.bottom);
            c.bottom = next;
        }
        if (cancel != 0) {
            CHECK_EQ(gor_go_with(&opts, cancel_on_a_small_stack, &c), 0);
            CHECK_EQ(gor_chan_recv(gor_ctx_done(c.bottom), NULL), 0);
            CHECK_EQ(gor_ctx_err(c.bottom), -ECANCELED);
            CHECK_STR(gor_ctx_cause(c.bottom), "deep");
            YIELD_UNTIL(gor_num_goroutine() == 1)
        }
        CHECK_EQ(gor_go_with(&opts, drop_on_a_small_stack, &c), 0);
        YIELD_UNTIL(gor_num_goroutine() == 1)
        gor_ctx_unref(c.top);
    }
}

GO_TEST(context_tree_of_great_width_is_cancelled_whole)
{
    int count = SCALED(20000, 5000, 3000);
    struct gor_ctx *top = new_ctx(gor_ctx_background());
    struct gor_ctx **children = calloc((size_t)count, sizeof(struct gor_ctx *));
    for (int i = 0; i < count; i++) {
        children[i] = new_ctx(top);
    }
    gor_ctx_cancel(top, "wide");
    for (int i = 0; i < count; i++) {
        CHECK_EQ(gor_ctx_err(children[i]), -ECANCELED);
        CHECK_STR(gor_ctx_cause(children[i]), "wide");
        gor_ctx_unref(children[i]);
    }
    gor_ctx_unref(top);
    free(children);
}

/* -------------------------------------------------------------- random trees */

enum { NODES = 200, FROM_CANCEL = 0, FROM_TIMEOUT = 1, FROM_VALUE = 2 };

struct node {
    struct gor_ctx *ctx;
    int parent; /* -1: the background */
    bool cancelled;
};

static void grow_tree(struct node *nodes, uint64_t *seed)
{
    static int key;
    for (int i = 0; i < NODES; i++) {
        int parent = i == 0 ? -1 : random_below(seed, i + 1) - 1;
        struct gor_ctx *above = parent < 0 ? gor_ctx_background() : nodes[parent].ctx;
        nodes[i] = (struct node){NULL, parent, false};
        switch (random_below(seed, 3)) {
        case FROM_TIMEOUT:
            CHECK_EQ(gor_ctx_with_timeout(above, 3600 * GOR_SECOND, &nodes[i].ctx), 0);
            break;
        case FROM_VALUE:
            if (parent >= 0) {
                CHECK_EQ(gor_ctx_with_value(above, &key, nodes, &nodes[i].ctx), 0);
                /* Cancelling a value node is cancelling the context it wraps or itself; keep it
                 * out of the draw by growing a plain child in its place. */
                struct gor_ctx *plain = new_ctx(nodes[i].ctx);
                gor_ctx_unref(nodes[i].ctx);
                nodes[i].ctx = plain;
                break;
            }
            /* fall through */
        default:
            nodes[i].ctx = new_ctx(above);
        }
    }
}

static bool is_below(const struct node *nodes, int i, int top)
{
    while (i >= 0 && i != top) {
        i = nodes[i].parent;
    }
    return i == top;
}

GO_TEST(context_tree_random_cancels_end_exactly_what_is_below)
{
    uint64_t seed = test_seed();
    struct node *nodes = calloc(NODES, sizeof *nodes);
    for (int round = 0; round < SCALED(30, 10, 5); round++) {
        grow_tree(nodes, &seed);
        for (int k = 0; k < 10; k++) {
            int top = random_below(&seed, NODES);
            gor_ctx_cancel(nodes[top].ctx, NULL);
            for (int i = 0; i < NODES; i++) {
                nodes[i].cancelled |= is_below(nodes, i, top);
                CHECK_EQ(gor_ctx_err(nodes[i].ctx), nodes[i].cancelled ? -ECANCELED : 0);
            }
        }
        /* Drop them in a random order. */
        for (int i = NODES - 1; i >= 0; i--) {
            int k = random_below(&seed, i + 1);
            struct gor_ctx *ctx = nodes[k].ctx;
            nodes[k].ctx = nodes[i].ctx;
            gor_ctx_unref(ctx);
        }
    }
    free(nodes);
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
}

/* ---------------------------------------------------------------- concurrency */

struct crowd {
    struct gor_ctx *top;
    struct gor_waitgroup wg;
    _Atomic int ended;
};

static void work_until_cancelled(void *arg)
{
    struct crowd *crowd = arg;
    struct gor_ctx *mine = new_ctx(crowd->top);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(mine), NULL), 0);
    CHECK(gor_ctx_err(mine) != 0);
    atomic_fetch_add(&crowd->ended, 1);
    gor_ctx_unref(mine);
    gor_waitgroup_done(&crowd->wg);
}

GO_TEST(context_tree_cancel_wakes_all_who_wait_below)
{
    struct crowd crowd = {.top = new_ctx(gor_ctx_background())};
    int count = SCALED(5000, 2000, 1000);
    gor_waitgroup_add(&crowd.wg, count);
    for (int i = 0; i < count; i++) {
        spawn(work_until_cancelled, &crowd);
        if (i % 100 == 0) {
            gor_yield();
        }
    }
    gor_ctx_cancel(crowd.top, NULL);
    gor_waitgroup_wait(&crowd.wg);
    CHECK_EQ(atomic_load(&crowd.ended), count);
    gor_ctx_unref(crowd.top);
}

static void cancel_top(void *arg)
{
    struct crowd *crowd = arg;
    gor_ctx_cancel(crowd->top, "one of many");
    CHECK_EQ(gor_ctx_err(crowd->top), -ECANCELED);
    CHECK_STR(gor_ctx_cause(crowd->top), "one of many");
    gor_waitgroup_done(&crowd->wg);
}

GO_TEST(context_tree_cancelled_by_many_at_once_is_cancelled_once)
{
    for (int round = 0; round < SCALED(300, 100, 50); round++) {
        struct crowd crowd = {.top = NULL};
        CHECK_EQ(gor_ctx_with_timeout(gor_ctx_background(), 3600 * GOR_SECOND, &crowd.top), 0);
        struct gor_ctx *child = new_ctx(crowd.top);
        gor_waitgroup_add(&crowd.wg, 20);
        for (int i = 0; i < 20; i++) {
            spawn(cancel_top, &crowd);
        }
        gor_waitgroup_wait(&crowd.wg);
        CHECK_EQ(gor_ctx_err(child), -ECANCELED);
        gor_ctx_unref(child);
        gor_ctx_unref(crowd.top);
    }
}

/* Parents and children are cancelled and dropped from both ends at once: no deadlock, no use after
 * free. */
struct interlock {
    struct gor_ctx *parent;
    struct gor_ctx *child;
    struct gor_waitgroup *wg;
};

static void cancel_parent(void *arg)
{
    struct interlock *lock = arg;
    struct gor_waitgroup *wg = lock->wg;
    gor_ctx_cancel(lock->parent, "from above");
    gor_ctx_unref(lock->parent);
    gor_waitgroup_done(wg);
}

static void cancel_child(void *arg)
{
    struct interlock *lock = arg;
    struct gor_waitgroup *wg = lock->wg;
    gor_ctx_cancel(lock->child, "from below");
    gor_ctx_unref(lock->child);
    gor_waitgroup_done(wg);
}

static void drop_child(void *arg)
{
    struct interlock *lock = arg;
    struct gor_waitgroup *wg = lock->wg;
    gor_ctx_unref(lock->child);
    gor_waitgroup_done(wg);
}

GO_TEST(context_tree_cancelled_and_dropped_from_both_ends)
{
    struct gor_waitgroup wg = {0};
    for (int round = 0; round < SCALED(3000, 1000, 400); round++) {
        struct interlock lock = {.parent = new_ctx(gor_ctx_background()), .wg = &wg};
        lock.child = new_ctx(lock.parent);
        gor_waitgroup_add(&wg, 2);
        spawn(cancel_parent, &lock);
        spawn(round % 2 == 0 ? cancel_child : drop_child, &lock);
        gor_waitgroup_wait(&wg);
    }
}

/* Deadlines fire while their contexts are dropped. */
static void make_short_lived(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < SCALED(2000, 500, 200); i++) {
        struct gor_ctx *ctx = NULL;
        CHECK_EQ(gor_ctx_with_timeout(crowd->top, (i % 40) * GOR_MICROSECOND, &ctx), 0);
        struct gor_ctx *child = new_ctx(ctx);
        if (i % 3 == 0) {
            CHECK_EQ(gor_chan_recv(gor_ctx_done(child), NULL), 0);
            CHECK_EQ(gor_ctx_err(child), -ETIMEDOUT);
        } else if (i % 3 == 1) {
            gor_yield();
        }
        gor_ctx_unref(ctx);
        gor_ctx_unref(child);
    }
    gor_waitgroup_done(&crowd->wg);
}

GO_TEST(context_tree_deadlines_racing_with_the_last_unref)
{
    struct crowd crowd = {.top = new_ctx(gor_ctx_background())};
    gor_waitgroup_add(&crowd.wg, 8);
    for (int i = 0; i < 8; i++) {
        spawn(make_short_lived, &crowd);
    }
    gor_waitgroup_wait(&crowd.wg);
    CHECK_EQ(gor_ctx_err(crowd.top), 0);
    gor_ctx_unref(crowd.top);
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
}
