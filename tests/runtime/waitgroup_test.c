/* SPDX-License-Identifier: MIT */
/* waitgroup_test.c - waiting for many, several waiters, reuse, deadlines, freeing right after. */
#include "tests/runtime/help.h"

struct job {
    struct gor_waitgroup *wg;
    int *slot; /* plain memory on purpose: done -> wait must order it */
};

static void fill_slot(void *arg)
{
    struct job *j = arg;
    *j->slot += 1;
    gor_waitgroup_done(j->wg);
}

GO_TEST(waitgroup_reused_over_rounds_waits_each_time)
{
    enum { COUNT = 50 };
    struct gor_waitgroup wg = {0};
    struct job jobs[COUNT];
    int slots[COUNT] = {0};
    for (int round = 1; round <= SCALED(200, 100, 40); round++) {
        gor_waitgroup_add(&wg, COUNT);
        for (int i = 0; i < COUNT; i++) {
            jobs[i] = (struct job){&wg, &slots[i]};
            spawn(fill_slot, &jobs[i]);
        }
        gor_waitgroup_wait(&wg);
        for (int i = 0; i < COUNT; i++) {
            CHECK_EQ(slots[i], round);
        }
    }
}

GO_TEST(waitgroup_at_zero_waits_for_nothing)
{
    struct gor_waitgroup wg = {0};
    gor_waitgroup_wait(&wg);
    CHECK_EQ(gor_waitgroup_wait_until(&wg, 0), 0);
    CHECK_EQ(gor_waitgroup_wait_until(&wg, GOR_NEVER), 0);
    gor_waitgroup_add(&wg, 5);
    gor_waitgroup_add(&wg, -5);
    gor_waitgroup_wait(&wg);
}

struct waiter {
    struct gor_waitgroup *wg;
    struct gor_waitgroup *out;
};

static void wait_then_tell(void *arg)
{
    struct waiter *w = arg;
    gor_waitgroup_wait(w->wg);
    gor_waitgroup_done(w->out);
}

GO_TEST(waitgroup_wakes_all_who_wait)
{
    struct gor_waitgroup wg = {0};
    struct gor_waitgroup out = {0};
    struct waiter w = {&wg, &out};
    for (int round = 0; round < 20; round++) {
        gor_waitgroup_add(&wg, 2);
        gor_waitgroup_add(&out, 30);
        for (int i = 0; i < 30; i++) {
            spawn_parked(wait_then_tell, &w, GOR_WAIT_WAITGROUP);
        }
        gor_waitgroup_done(&wg);
        CHECK_EQ(gor_waitgroup_wait_until(&out, 0), -ETIMEDOUT);
        gor_waitgroup_done(&wg);
        gor_waitgroup_wait(&out);
    }
}

GO_TEST(waitgroup_deadline_passes_and_leaves_it_usable)
{
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, 1);
    CHECK_EQ(gor_waitgroup_wait_until(&wg, 0), -ETIMEDOUT);
    int64_t deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_waitgroup_wait_until(&wg, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    gor_waitgroup_done(&wg);
    CHECK_EQ(gor_waitgroup_wait_until(&wg, 0), 0);
    gor_waitgroup_wait(&wg);
}

/* One who gave up stands between others who have not. */
struct patience {
    struct gor_waitgroup *wg;
    struct gor_waitgroup *out;
    int64_t deadline;
};

static void wait_with_patience(void *arg)
{
    struct patience *p = arg;
    int expected = p->deadline == GOR_NEVER ? 0 : -ETIMEDOUT;
    CHECK_EQ(gor_waitgroup_wait_until(p->wg, p->deadline), expected);
    gor_waitgroup_done(p->out);
}

GO_TEST(waitgroup_waiter_that_gave_up_leaves_the_others_waiting)
{
    struct gor_waitgroup wg = {0};
    struct gor_waitgroup hasty_out = {0};
    struct gor_waitgroup patient_out = {0};
    struct patience hasty = {&wg, &hasty_out, gor_after(2 * GOR_MILLISECOND)};
    struct patience patient = {&wg, &patient_out, GOR_NEVER};
    gor_waitgroup_add(&wg, 1);
    gor_waitgroup_add(&hasty_out, 5);
    gor_waitgroup_add(&patient_out, 5);
    for (int i = 0; i < 5; i++) {
        spawn(wait_with_patience, &patient);
        spawn(wait_with_patience, &hasty);
    }
    gor_waitgroup_wait(&hasty_out);
    CHECK_EQ(gor_waitgroup_wait_until(&patient_out, 0), -ETIMEDOUT);
    gor_waitgroup_done(&wg);
    gor_waitgroup_wait(&patient_out);
}

static void done_on_heap(void *arg)
{
    gor_waitgroup_done(arg);
}

GO_TEST(waitgroup_may_be_freed_once_its_wait_returned)
{
    for (int round = 0; round < SCALED(10000, 3000, 1000); round++) {
        struct gor_waitgroup *wg = calloc(1, sizeof *wg);
        gor_waitgroup_add(wg, 2);
        spawn(done_on_heap, wg);
        spawn(done_on_heap, wg);
        gor_waitgroup_wait(wg);
        memset(wg, 0xff, sizeof *wg);
        free(wg);
    }
}

/* A tree of goroutines in which every node waits for its children. */
struct node {
    struct gor_waitgroup *parent;
    int depth;
    _Atomic long *leaves;
};

static void grow(void *arg)
{
    struct node *n = arg;
    if (n->depth == 0) {
        atomic_fetch_add(n->leaves, 1);
    } else {
        struct gor_waitgroup wg = {0};
        struct node child = {&wg, n->depth - 1, n->leaves};
        gor_waitgroup_add(&wg, 3);
        for (int i = 0; i < 3; i++) {
            spawn(grow, &child);
        }
        gor_waitgroup_wait(&wg);
    }
    gor_waitgroup_done(n->parent);
}

GO_TEST(waitgroup_tree_is_joined_from_its_leaves_up)
{
    enum { DEPTH = SCALED(8, 6, 5) };
    long expected = 1;
    _Atomic long leaves = 0;
    struct gor_waitgroup wg = {0};
    struct node root = {&wg, DEPTH, &leaves};
    for (int i = 0; i < DEPTH; i++) {
        expected *= 3;
    }
    gor_waitgroup_add(&wg, 1);
    spawn(grow, &root);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(atomic_load(&leaves), expected);
}
