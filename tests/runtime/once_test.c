/* SPDX-License-Identifier: MIT */
/* once_test.c - one call, everybody waits for it, and an unfinished call counts. */
#include "tests/runtime/help.h"

struct shared {
    struct gor_once once;
    struct gor_waitgroup wg;
    struct gor_chan *begun;
    struct gor_chan *go_on;
    int value; /* plain memory: the call happens before every return */
    _Atomic int calls;
};

static void set_value(void *arg)
{
    struct shared *s = arg;
    atomic_fetch_add(&s->calls, 1);
    gor_yield();
    s->value++;
}

static void do_and_look(void *arg)
{
    struct shared *s = arg;
    gor_once_do(&s->once, set_value, s);
    CHECK_EQ(s->value, 1);
    gor_waitgroup_done(&s->wg);
}

GO_TEST(once_called_by_many_runs_once_before_all_return)
{
    for (int round = 0; round < SCALED(500, 200, 50); round++) {
        struct shared s = {.value = 0};
        gor_waitgroup_add(&s.wg, 20);
        for (int i = 0; i < 20; i++) {
            spawn(do_and_look, &s);
        }
        gor_waitgroup_wait(&s.wg);
        CHECK_EQ(atomic_load(&s.calls), 1);
        gor_once_do(&s.once, set_value, &s);
        CHECK_EQ(s.value, 1);
    }
}

static void hold(void *arg)
{
    struct shared *s = arg;
    atomic_fetch_add(&s->calls, 1);
    CHECK_EQ(gor_chan_send(s->begun, NULL), 0);
    CHECK_EQ(gor_chan_recv(s->go_on, NULL), 1);
    s->value = 1;
}

static void do_hold(void *arg)
{
    struct shared *s = arg;
    gor_once_do(&s->once, hold, s);
    CHECK_EQ(s->value, 1);
    gor_waitgroup_done(&s->wg);
}

GO_TEST(once_parks_later_callers_with_its_reason)
{
    struct shared s = {.begun = new_chan(0, 0), .go_on = new_chan(0, 0)};
    gor_waitgroup_add(&s.wg, 6);
    spawn(do_hold, &s);
    CHECK_EQ(gor_chan_recv(s.begun, NULL), 1);
    for (int i = 0; i < 5; i++) {
        spawn_parked(do_hold, &s, GOR_WAIT_ONCE);
    }
    CHECK_EQ(gor_chan_send(s.go_on, NULL), 0);
    gor_waitgroup_wait(&s.wg);
    CHECK_EQ(atomic_load(&s.calls), 1);
    gor_chan_unref(s.begun);
    gor_chan_unref(s.go_on);
}

static void leave_unfinished(void *arg)
{
    struct shared *s = arg;
    atomic_fetch_add(&s->calls, 1);
    if (s->go_on != NULL) {
        CHECK_EQ(gor_chan_recv(s->go_on, NULL), 1);
    }
    gor_exit();
}

static void do_unfinished(void *arg)
{
    struct shared *s = arg;
    gor_once_do(&s->once, leave_unfinished, s);
}

GO_TEST(once_whose_call_ended_the_goroutine_counts_as_done)
{
    struct shared s = {.value = 0};
    await_end(spawn_id(do_unfinished, &s));
    CHECK_EQ(atomic_load(&s.calls), 1);
    gor_once_do(&s.once, leave_unfinished, &s);
    CHECK_EQ(atomic_load(&s.calls), 1);
}

static void do_then_tell(void *arg)
{
    struct shared *s = arg;
    gor_once_do(&s->once, leave_unfinished, s);
    gor_waitgroup_done(&s->wg);
}

GO_TEST(once_whose_call_ended_the_goroutine_frees_those_who_wait)
{
    struct shared s = {.go_on = new_chan(0, 0)};
    gor_id_t first = spawn_parked(do_unfinished, &s, GOR_WAIT_CHAN_RECV);
    gor_waitgroup_add(&s.wg, 3);
    for (int i = 0; i < 3; i++) {
        spawn_parked(do_then_tell, &s, GOR_WAIT_ONCE);
    }
    CHECK_EQ(gor_chan_send(s.go_on, NULL), 0);
    gor_waitgroup_wait(&s.wg);
    await_end(first);
    CHECK_EQ(atomic_load(&s.calls), 1);
    gor_chan_unref(s.go_on);
}
