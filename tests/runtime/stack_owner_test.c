/* SPDX-License-Identifier: MIT */
/* stack_owner_test.c - whose a stack is, as those are told who look at stacks that others are making,
 * giving and taking back. */
#include <pthread.h>

#include "runtime/sched/goroutine.h"
#include "runtime/sched/stacks.h"
#include "tests/runtime/help.h"

TEST(a_stack_has_an_owner_only_once_it_was_given_to_one)
{
    static struct gor__g g;
    static struct gor__stack stack;
    static struct gor__stack next;
    const uintptr_t nobodys[] = {
        0,
        GOR__STACK_CLEAN, /* just made, and on no list yet */
        GOR__STACK_FREE,
        GOR__STACK_FREE | GOR__STACK_CLEAN,
        (uintptr_t)&next | GOR__STACK_FREE,
        (uintptr_t)&next | GOR__STACK_FREE | GOR__STACK_CLEAN,
    };
    for (size_t i = 0; i < sizeof nobodys / sizeof nobodys[0]; i++) {
        stack.owner = nobodys[i];
        CHECK(gor__stack_g(&stack) == NULL);
    }
    gor__stack_give(&stack, &g);
    CHECK(gor__stack_g(&stack) == &g);
    CHECK(!gor__stack_is_clean(&stack));
    gor__stack_give(&stack, NULL);
    CHECK(gor__stack_g(&stack) == NULL);
}

/* ---- all of them, again and again, while goroutines come and go */

static _Atomic bool over;
static _Atomic uint64_t owners_seen;

static void look_at(const struct gor__stacks_span *span)
{
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        const struct gor__g *g = gor__stack_g(&span->table[slot]);
        if (g != NULL) {
            CHECK_INT(gor__g_state(g), <, GOR_STATE_COUNT);
            atomic_fetch_add(&owners_seen, 1);
        }
    }
}

static void *look_at_all_stacks(void *unused)
{
    (void)unused;
    while (!atomic_load(&over)) {
        struct gor__stacks_span span;
        for (uint32_t i = 0; gor__stacks_arena(i, &span); i++) {
            look_at(&span);
        }
    }
    return NULL;
}

static void wait_for_end(void *arg)
{
    (void)gor_chan_recv(arg, NULL);
}

GO_TEST(stacks_are_made_given_and_emptied_while_somebody_looks)
{
    enum { SIZES = 4, EACH = SCALED(500, 200, 50), ROUNDS = SCALED(20, 10, 5) };
    pthread_t looker;
    CHECK_EQ(pthread_create(&looker, NULL, look_at_all_stacks, NULL), 0);
    for (int round = 0; round < ROUNDS || atomic_load(&owners_seen) == 0; round++) {
        struct gor_chan *c = new_chan(0, 0);
        for (int i = 0; i < SIZES * EACH; i++) {
            struct gor_go_opts opts = {.stack_bytes = (size_t)65536 << i % SIZES};
            CHECK_EQ(gor_go_with(&opts, wait_for_end, c), 0);
        }
        YIELD_UNTIL(gor_num_goroutine() == 1 + SIZES * EACH)
        gor_yield();
        CHECK_EQ(gor_chan_close(c), 0);
        YIELD_UNTIL(gor_num_goroutine() == 1)
        gor_chan_unref(c);
        gor_stacks_release();
    }
    atomic_store(&over, true);
    CHECK_EQ(pthread_join(looker, NULL), 0);
}
