/* SPDX-License-Identifier: MIT */
/* context_memory_test.c - contexts, timers and their channels leave nothing behind, and cost little.
 *
 * Measured by what malloc has given out. Sanitizers keep books of their own, and what is freed
 * there stays in quarantine: they look for leaks by themselves.
 */
#include <malloc.h>

#include "tests/runtime/help.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { COUNTS_BYTES = 0, ROUNDS = 500 };
#else
enum { COUNTS_BYTES = 1, ROUNDS = 20000 };
#endif

/* What caches of the C library keep by thread, and stacks of lists that grow once. */
enum { SLACK = 256 * 1024 };

static size_t bytes_given_out(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static struct gor_ctx *top;

static void cancel_child(void)
{
    struct gor_ctx *child = NULL;
    CHECK_EQ(gor_ctx_with_cancel(top, &child), 0);
    (void)gor_ctx_done(child);
    gor_ctx_cancel(child, "a cause that has to be copied somewhere");
    gor_ctx_unref(child);
}

static void drop_child(void)
{
    struct gor_ctx *child = NULL;
    CHECK_EQ(gor_ctx_with_cancel(top, &child), 0);
    (void)gor_ctx_done(child);
    gor_ctx_unref(child);
}

static void cancel_before_the_deadline(void)
{
    struct gor_ctx *child = NULL;
    CHECK_EQ(gor_ctx_with_timeout(top, 3600 * GOR_SECOND, &child), 0);
    gor_ctx_cancel(child, NULL);
    gor_ctx_unref(child);
}

static void let_it_time_out(void)
{
    struct gor_ctx *child = NULL;
    CHECK_EQ(gor_ctx_with_timeout(top, 1, &child), 0);
    CHECK_EQ(gor_chan_recv(gor_ctx_done(child), NULL), 0);
    gor_ctx_unref(child);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static void take_back_an_after_func(void)
{
    struct gor_ctx_after *handle = NULL;
    CHECK_EQ(gor_ctx_after_func(top, do_nothing, NULL, &handle), 0);
    CHECK_EQ(gor_ctx_after_stop(handle), 1);
}

static void free_a_timer(void)
{
    struct gor_timer *t = gor_timer_new(3600 * GOR_SECOND);
    CHECK(t != NULL);
    gor_timer_free(t);
}

static void stack_values(void)
{
    static int key;
    struct gor_ctx *a = NULL;
    struct gor_ctx *b = NULL;
    CHECK_EQ(gor_ctx_with_value(top, &key, &key, &a), 0);
    CHECK_EQ(gor_ctx_without_cancel(a, &b), 0);
    gor_ctx_unref(a);
    gor_ctx_unref(b);
}

/* The parent lives on; what was made below it must be gone, also from its list of children. */
GO_TEST(context_memory_is_given_back_while_the_parent_lives)
{
    void (*const cycles[])(void) = {
        cancel_child, drop_child,   cancel_before_the_deadline, let_it_time_out,
        free_a_timer, stack_values, take_back_an_after_func,
    };
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &top), 0);
    for (size_t i = 0; i < sizeof cycles / sizeof cycles[0]; i++) {
        size_t before = 0;
        for (int round = 0; round < ROUNDS; round++) {
            cycles[i]();
            if (round == ROUNDS / 10) {
                before = bytes_given_out();
            }
        }
        /* What a goroutine frees after its deadline passed may be on its way. */
        YIELD_UNTIL(gor_num_goroutine() == 1)
        if (COUNTS_BYTES) {
            CHECK_INT(bytes_given_out(), <=, before + SLACK);
        }
    }
    gor_ctx_unref(top);
}

/* A ceiling for what one of each kind costs, its channel included. */
GO_TEST(context_memory_of_one_is_small)
{
    enum { COUNT = 1000 };
    static const struct {
        const char *kind;
        size_t most;
    } kinds[] = {{"value", 64}, {"without cancel", 64}, {"cancel", 384}, {"timeout", 384}};
    static struct gor_ctx *all[COUNT];
    static int key;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &top), 0);
    for (int kind = 0; kind < 4; kind++) {
        size_t before = bytes_given_out();
        for (int i = 0; i < COUNT; i++) {
            int result = kind == 0   ? gor_ctx_with_value(top, &key, &key, &all[i])
                         : kind == 1 ? gor_ctx_without_cancel(top, &all[i])
                         : kind == 2 ? gor_ctx_with_cancel(top, &all[i])
                                     : gor_ctx_with_timeout(top, 3600 * GOR_SECOND, &all[i]);
            CHECK_EQ(result, 0);
            (void)gor_ctx_done(all[i]);
        }
        if (COUNTS_BYTES) {
            size_t each = (bytes_given_out() - before) / COUNT;
            if (each > kinds[kind].most) {
                test_fail(__FILE__, __LINE__, "a context (%s) takes %zu bytes", kinds[kind].kind,
                          each);
            }
        }
        for (int i = 0; i < COUNT; i++) {
            gor_ctx_unref(all[i]);
        }
    }
    gor_ctx_unref(top);
}
