/* SPDX-License-Identifier: MIT */
/* chan_close_test.c - what a close does to the buffer, to those who wait and to those who come. */
#include "tests/runtime/help.h"

GO_TEST(close_drains_the_buffer_then_gives_zeroes_for_ever)
{
    struct gor_chan *c = new_chan(sizeof(int), 4);
    for (int i = 1; i <= 3; i++) {
        send_int(c, i);
    }
    CHECK_EQ(gor_chan_close(c), 0);
    CHECK_EQ(gor_chan_len(c), 3);
    for (int i = 1; i <= 3; i++) {
        CHECK_EQ(recv_int(c), i);
    }
    for (int i = 0; i < 5; i++) {
        int value = 77;
        CHECK_EQ(gor_chan_recv(c, &value), 0);
        CHECK_EQ(value, 0);
        value = 77;
        CHECK_EQ(gor_chan_try_recv(c, &value), 0);
        CHECK_EQ(value, 0);
        value = 77;
        CHECK_EQ(gor_chan_recv_until(c, &value, 0), 0);
        CHECK_EQ(value, 0);
        CHECK_EQ(gor_chan_recv(c, NULL), 0);
    }
    gor_chan_unref(c);
}

static void check_closed_for_senders(size_t capacity)
{
    struct gor_chan *c = new_chan(sizeof(int), capacity);
    int value = 1;
    CHECK_EQ(gor_chan_close(c), 0);
    CHECK_EQ(gor_chan_send(c, &value), -EPIPE);
    CHECK_EQ(gor_chan_try_send(c, &value), -EPIPE);
    CHECK_EQ(gor_chan_send_until(c, &value, GOR_NEVER), -EPIPE);
    CHECK_EQ(gor_chan_send_until(c, &value, 0), -EPIPE);
    CHECK_EQ(gor_chan_len(c), 0);
    CHECK_EQ(gor_chan_close(c), -EPIPE);
    gor_chan_unref(c);
}

GO_TEST(close_refuses_later_senders_and_a_second_close)
{
    check_closed_for_senders(0);
    check_closed_for_senders(1);
    check_closed_for_senders(10);
}

GO_TEST(close_of_null_is_refused)
{
    CHECK_EQ(gor_chan_close(NULL), -EINVAL);
}

struct waiter {
    struct gor_chan *c;
    struct gor_waitgroup *wg;
    int64_t deadline;
    int value;
    int result;
};

static void wait_for_value(void *arg)
{
    struct waiter *w = arg;
    w->result = gor_chan_recv_until(w->c, &w->value, w->deadline);
    gor_waitgroup_done(w->wg);
}

static void wait_to_send(void *arg)
{
    struct waiter *w = arg;
    w->result = gor_chan_send_until(w->c, &w->value, w->deadline);
    gor_waitgroup_done(w->wg);
}

enum { WAITERS = 20 };

GO_TEST(close_wakes_every_receiver_with_zero)
{
    struct gor_chan *c = new_chan(sizeof(int), 2);
    struct gor_waitgroup wg = {0};
    struct waiter waiters[WAITERS];
    gor_waitgroup_add(&wg, WAITERS);
    for (int i = 0; i < WAITERS; i++) {
        int64_t deadline = i % 2 != 0 ? GOR_NEVER : gor_after(3600 * GOR_SECOND);
        waiters[i] = (struct waiter){c, &wg, deadline, 99, 99};
        spawn_parked(wait_for_value, &waiters[i], GOR_WAIT_CHAN_RECV);
    }
    CHECK_EQ(gor_chan_close(c), 0);
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < WAITERS; i++) {
        CHECK_EQ(waiters[i].result, 0);
        CHECK_EQ(waiters[i].value, 0);
    }
    gor_chan_unref(c);
}

GO_TEST(close_refuses_every_waiting_sender_and_keeps_the_buffer)
{
    struct gor_chan *c = new_chan(sizeof(int), 2);
    struct gor_waitgroup wg = {0};
    struct waiter waiters[WAITERS];
    send_int(c, 1);
    send_int(c, 2);
    gor_waitgroup_add(&wg, WAITERS);
    for (int i = 0; i < WAITERS; i++) {
        int64_t deadline = i % 2 != 0 ? GOR_NEVER : gor_after(3600 * GOR_SECOND);
        waiters[i] = (struct waiter){c, &wg, deadline, 100 + i, 99};
        spawn_parked(wait_to_send, &waiters[i], GOR_WAIT_CHAN_SEND);
    }
    CHECK_EQ(gor_chan_close(c), 0);
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < WAITERS; i++) {
        CHECK_EQ(waiters[i].result, -EPIPE);
    }
    CHECK_EQ(recv_int(c), 1);
    CHECK_EQ(recv_int(c), 2);
    CHECK_EQ(gor_chan_recv(c, NULL), 0);
    gor_chan_unref(c);
}

GO_TEST(close_wakes_large_elements_with_zeroes)
{
    struct gor_chan *c = new_chan(512, 0);
    unsigned char bytes[513];
    memset(bytes, 0xaa, sizeof bytes);
    CHECK_EQ(gor_chan_close(c), 0);
    CHECK_EQ(gor_chan_recv(c, bytes), 0);
    for (int i = 0; i < 512; i++) {
        CHECK_EQ(bytes[i], 0);
    }
    CHECK_EQ(bytes[512], 0xaa);
    gor_chan_unref(c);
}

struct wake_select {
    struct gor_case cases[2];
    struct gor_waitgroup *wg;
    int index;
};

static void select_two(void *arg)
{
    struct wake_select *s = arg;
    s->index = gor_select(s->cases, 2);
    gor_waitgroup_done(s->wg);
}

GO_TEST(close_wakes_a_select_of_receivers_and_of_senders)
{
    struct gor_chan *idle = new_chan(sizeof(int), 0);
    struct gor_chan *closing = new_chan(sizeof(int), 0);
    struct gor_waitgroup wg = {0};
    int got = 5;
    int value = 6;
    struct wake_select receiver = {
        {{idle, NULL, GOR_RECV, 99}, {closing, &got, GOR_RECV, 99}}, &wg, -1};
    gor_waitgroup_add(&wg, 1);
    spawn_parked(select_two, &receiver, GOR_WAIT_SELECT);
    CHECK_EQ(gor_chan_close(closing), 0);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(receiver.index, 1);
    CHECK_EQ(receiver.cases[1].result, 0);
    CHECK_EQ(got, 0);
    gor_chan_unref(closing);

    closing = new_chan(sizeof(int), 0);
    struct wake_select sender = {
        {{closing, &value, GOR_SEND, 99}, {idle, NULL, GOR_RECV, 99}}, &wg, -1};
    gor_waitgroup_add(&wg, 1);
    spawn_parked(select_two, &sender, GOR_WAIT_SELECT);
    CHECK_EQ(gor_chan_close(closing), 0);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(sender.index, 0);
    CHECK_EQ(sender.cases[0].result, -EPIPE);
    gor_chan_unref(closing);
    /* The losing case must have left the other channel. */
    CHECK_EQ(gor_chan_try_send(idle, &value), -EAGAIN);
    gor_chan_unref(idle);
}

/* Close races with senders: what was accepted arrives, what was refused does not. */
struct closing {
    struct gor_chan *c;
    struct gor_waitgroup wg;
    _Atomic long accepted;
};

static void send_until_refused(void *arg)
{
    struct closing *closing = arg;
    int one = 1;
    int result;
    while ((result = gor_chan_send(closing->c, &one)) == 0) {
        atomic_fetch_add(&closing->accepted, 1);
    }
    CHECK_EQ(result, -EPIPE);
    gor_waitgroup_done(&closing->wg);
}

static void race_close(size_t capacity, int reads)
{
    struct closing closing = {.c = new_chan(sizeof(int), capacity)};
    gor_waitgroup_add(&closing.wg, 4);
    for (int i = 0; i < 4; i++) {
        spawn(send_until_refused, &closing);
    }
    long received = 0;
    for (int i = 0; i < reads; i++) {
        received += recv_int(closing.c);
    }
    CHECK_EQ(gor_chan_close(closing.c), 0);
    while (gor_chan_recv(closing.c, NULL) == 1) {
        received++;
    }
    gor_waitgroup_wait(&closing.wg);
    CHECK_EQ(received, atomic_load(&closing.accepted));
    gor_chan_unref(closing.c);
}

GO_TEST(close_racing_with_senders_loses_nothing_accepted)
{
    for (int round = 0; round < SCALED(300, 100, 60); round++) {
        race_close(0, round % 40);
        race_close(1, round % 40);
        race_close(16, round % 40);
    }
}
