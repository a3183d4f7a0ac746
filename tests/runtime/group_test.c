/* SPDX-License-Identifier: MIT */
/* group_test.c - goroutines with one task in common: the first error, the limit, odd ends. */
#include <signal.h>

#include "tests/runtime/child.h"
#include "tests/runtime/help.h"

static struct gor_group *new_group(void)
{
    struct gor_group *group = NULL;
    CHECK_EQ(gor_group_new(NULL, &group), 0);
    CHECK(group != NULL);
    return group;
}

static int succeed(struct gor_ctx *ctx, void *arg)
{
    (void)ctx;
    atomic_fetch_add((_Atomic int *)arg, 1);
    return 0;
}

static int fail_with(struct gor_ctx *ctx, void *arg)
{
    (void)ctx;
    return *(int *)arg;
}

static int fail_once_cancelled(struct gor_ctx *ctx, void *arg)
{
    (void)arg;
    CHECK_EQ(gor_ctx_sleep_until(ctx, GOR_NEVER), -ECANCELED);
    return -EDOM;
}

GO_TEST(group_wait_of_an_empty_one_returns)
{
    struct gor_group *group = new_group();
    CHECK_EQ(gor_ctx_err(gor_group_ctx(group)), 0);
    CHECK_EQ(gor_group_wait(group), 0);
    CHECK_EQ(gor_ctx_err(gor_group_ctx(group)), -ECANCELED);
    gor_group_free(group);
    gor_group_free(NULL);
}

GO_TEST(group_waits_for_all)
{
    _Atomic int count = 0;
    struct gor_group *group = new_group();
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(gor_group_go(group, succeed, &count), 0);
    }
    CHECK_EQ(gor_group_wait(group), 0);
    CHECK_EQ(atomic_load(&count), 100);
    gor_group_free(group);
}

GO_TEST(group_answers_the_first_error_and_cancels_the_rest)
{
    int err = -ENOENT;
    struct gor_group *group = new_group();
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(gor_group_go(group, fail_once_cancelled, NULL), 0);
    }
    CHECK_EQ(gor_group_go(group, fail_with, &err), 0);
    CHECK_EQ(gor_group_wait(group), -ENOENT);
    CHECK_EQ(gor_ctx_err(gor_group_ctx(group)), -ECANCELED);
    CHECK(strstr(gor_ctx_cause(gor_group_ctx(group)), strerror(ENOENT)) != NULL);
    gor_group_free(group);
}

GO_TEST(group_takes_any_result_but_zero_for_an_error)
{
    int err = 4711;
    struct gor_group *group = new_group();
    CHECK_EQ(gor_group_go(group, fail_with, &err), 0);
    CHECK_EQ(gor_group_wait(group), 4711);
    CHECK(strstr(gor_ctx_cause(gor_group_ctx(group)), "4711") != NULL);
    gor_group_free(group);
}

GO_TEST(group_ends_with_its_parent)
{
    struct gor_ctx *parent = NULL;
    struct gor_group *group = NULL;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &parent), 0);
    CHECK_EQ(gor_group_new(parent, &group), 0);
    CHECK_EQ(gor_group_go(group, fail_once_cancelled, NULL), 0);
    gor_ctx_cancel(parent, "enough");
    CHECK_EQ(gor_group_wait(group), -EDOM);
    CHECK_STR(gor_ctx_cause(gor_group_ctx(group)), "enough");
    gor_group_free(group);
    gor_ctx_unref(parent);
}

/* ---- the limit */

struct gate {
    struct gor_chan *open;
    _Atomic int inside;
    _Atomic int most;
    _Atomic int passed;
};

static int pass(struct gor_ctx *ctx, void *arg)
{
    struct gate *gate = arg;
    (void)ctx;
    int inside = atomic_fetch_add(&gate->inside, 1) + 1;
    int most = atomic_load(&gate->most);
    while (inside > most && !atomic_compare_exchange_weak(&gate->most, &most, inside)) {
    }
    (void)gor_chan_recv(gate->open, NULL);
    atomic_fetch_sub(&gate->inside, 1);
    atomic_fetch_add(&gate->passed, 1);
    return 0;
}

GO_TEST(group_limit_is_kept)
{
    struct gate gate = {.open = new_chan(0, 0)};
    struct gor_group *group = new_group();
    gor_group_set_limit(group, 3);
    gor_chan_close(gate.open);
    for (int i = 0; i < 200; i++) {
        CHECK_EQ(gor_group_go(group, pass, &gate), 0);
    }
    CHECK_EQ(gor_group_wait(group), 0);
    CHECK_EQ(atomic_load(&gate.passed), 200);
    CHECK_INT(atomic_load(&gate.most), <=, 3);
    gor_group_free(group);
    gor_chan_unref(gate.open);
}

struct latecomer {
    struct gor_group *group;
    struct gate *gate;
    int result;
};

static void come_late(void *arg)
{
    struct latecomer *late = arg;
    late->result = gor_group_go(late->group, pass, late->gate);
}

GO_TEST(group_at_the_limit_go_parks_and_try_go_does_not)
{
    struct gate gate = {.open = new_chan(0, 0)};
    struct gor_group *group = new_group();
    struct latecomer late = {group, &gate, 77};
    gor_group_set_limit(group, 2);
    CHECK_EQ(gor_group_try_go(group, pass, &gate), 0);
    CHECK_EQ(gor_group_go(group, pass, &gate), 0);
    CHECK_EQ(gor_group_try_go(group, pass, &gate), -EAGAIN);
    gor_id_t id = spawn_parked(come_late, &late, GOR_WAIT_SEMAPHORE);
    CHECK_EQ(gor_chan_send(gate.open, NULL), 0);
    await_end(id);
    CHECK_EQ(late.result, 0);
    gor_chan_close(gate.open);
    CHECK_EQ(gor_group_wait(group), 0);
    CHECK_EQ(atomic_load(&gate.passed), 3);
    gor_group_free(group);
    gor_chan_unref(gate.open);
}

GO_TEST(group_limit_may_change_between_members)
{
    _Atomic int count = 0;
    struct gor_group *group = new_group();
    gor_group_set_limit(group, 0);
    CHECK_EQ(gor_group_try_go(group, succeed, &count), -EAGAIN);
    gor_group_set_limit(group, 1);
    CHECK_EQ(gor_group_go(group, succeed, &count), 0);
    CHECK_EQ(gor_group_wait(group), 0);
    gor_group_set_limit(group, 2);
    CHECK_EQ(gor_group_go(group, succeed, &count), 0);
    CHECK_EQ(gor_group_go(group, succeed, &count), 0);
    CHECK_EQ(gor_group_wait(group), 0);
    gor_group_set_limit(group, -1);
    for (int i = 0; i < 7; i++) {
        CHECK_EQ(gor_group_try_go(group, succeed, &count), 0);
    }
    CHECK_EQ(gor_group_wait(group), 0);
    CHECK_EQ(atomic_load(&count), 10);
    gor_group_free(group);
}

/* ---- odd ends */

static int leave_early(struct gor_ctx *ctx, void *arg)
{
    (void)ctx;
    (void)arg;
    gor_exit();
}

static void note(void *arg, const char *message)
{
    CHECK_STR(message, "on purpose");
    atomic_fetch_add((_Atomic int *)arg, 1);
}

static int panic(struct gor_ctx *ctx, void *arg)
{
    (void)ctx;
    gor_on_panic(note, arg);
    gor_panic("on purpose");
}

GO_TEST(group_counts_exit_and_panic_as_done)
{
    _Atomic int panics = 0;
    struct gor_group *group = new_group();
    gor_group_set_limit(group, 1);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(gor_group_go(group, leave_early, NULL), 0);
        CHECK_EQ(gor_group_go(group, panic, &panics), 0);
    }
    CHECK_EQ(gor_group_wait(group), 0);
    YIELD_UNTIL(atomic_load(&panics) == 5)
    gor_group_free(group);
}

GO_TEST(group_freed_early_lasts_for_its_members)
{
    for (int i = 0; i < 200; i++) {
        struct gor_group *group = new_group();
        CHECK_EQ(gor_group_go(group, fail_once_cancelled, NULL), 0);
        gor_group_free(group);
    }
    YIELD_UNTIL(gor_num_goroutine() == 1)
}

static int add_more(struct gor_ctx *ctx, void *arg)
{
    static _Atomic int depth;
    (void)ctx;
    if (atomic_fetch_add(&depth, 1) < 50) {
        CHECK_EQ(gor_group_go(arg, add_more, arg), 0);
    }
    return 0;
}

GO_TEST(group_members_may_add_members)
{
    struct gor_group *group = new_group();
    CHECK_EQ(gor_group_go(group, add_more, group), 0);
    CHECK_EQ(gor_group_wait(group), 0);
    gor_group_free(group);
}

static int use_outside(void *arg)
{
    struct gor_group *group = NULL;
    CHECK_EQ(gor_group_new(NULL, &group), -EPERM);
    CHECK(group == NULL);
    CHECK_EQ(gor_group_go(arg, succeed, NULL), -EPERM);
    CHECK_EQ(gor_group_try_go(arg, succeed, NULL), -EPERM);
    CHECK_EQ(gor_group_wait(arg), -EPERM);
    return 0;
}

GO_TEST(group_is_for_goroutines_only)
{
    struct gor_group *group = new_group();
    CHECK_EQ(gor_blocking(use_outside, group), 0);
    gor_group_free(group);
}

static void change_limit(void *arg)
{
    struct gor_group *group = new_group();
    (void)arg;
    CHECK_EQ(gor_group_go(group, fail_once_cancelled, NULL), 0);
    gor_group_set_limit(group, 2);
}

static void change_limit_in_child(void)
{
    (void)gor_go(change_limit, NULL);
    (void)pause();
}

TEST(group_limit_change_with_members_aborts)
{
    int status = status_of_child(change_limit_in_child);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGABRT);
}
