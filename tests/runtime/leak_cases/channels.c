/* SPDX-License-Identifier: MIT */
/* Channels: nobody at the other end. */
#include "tests/runtime/leak_cases/cases.h"

LEAK_CASE(send_without_receiver)
{
    leaks(send_one, channel(0));
}

LEAK_CASE(send_with_receiver)
{
    struct gor_chan *c = channel(0);
    ends(send_one, c);
    CHECK_EQ(gor_chan_recv(c, NULL), 1);
}

LEAK_CASE(receive_without_sender)
{
    leaks(recv_one, channel(0));
}

static void send_twice(void *chan)
{
    send_one(chan);
    send_one(chan);
}

LEAK_CASE(send_beyond_the_buffer)
{
    leaks(send_twice, channel(1));
}

LEAK_CASE(send_into_the_buffer)
{
    ends(send_twice, channel(2));
}

LEAK_CASE(missing_close)
{
    struct gor_chan *c = channel(4);
    send_one(c);
    send_one(c);
    leaks(recv_until_closed, c);
}

LEAK_CASE(closed_at_last)
{
    struct gor_chan *c = channel(4);
    send_one(c);
    send_one(c);
    ends(recv_until_closed, c);
    CHECK_EQ(gor_chan_close(c), 0);
}

LEAK_CASE(double_receive)
{
    struct gor_chan *c = channel(0);
    leaks(recv_one, c);
    leaks(recv_one, c);
}

LEAK_CASE(one_value_for_two_receivers)
{
    /* Which of the two gets it is open, so both are of one kind here: none waits for the other. */
    struct gor_chan *c = channel(1);
    send_one(c);
    recv_one(c);
    leaks(recv_one, c);
}

static void send_nil(void *unused)
{
    (void)unused;
    (void)gor_chan_send(NULL, NULL);
}

static void recv_nil(void *unused)
{
    (void)unused;
    (void)gor_chan_recv(NULL, NULL);
}

LEAK_CASE(nil_channel_send)
{
    leaks(send_nil, NULL);
}

LEAK_CASE(nil_channel_receive)
{
    leaks(recv_nil, NULL);
}

static void recv_nil_for_a_moment(void *unused)
{
    (void)unused;
    CHECK_EQ(gor_chan_recv_until(NULL, NULL, gor_after(GOR_MILLISECOND)), -ETIMEDOUT);
}

LEAK_CASE(nil_channel_with_deadline)
{
    ends(recv_nil_for_a_moment, NULL);
}

/* The receiver gives up at an error and goes, the workers still have results. */
LEAK_CASE(early_return_before_receive)
{
    struct gor_chan *results = channel(0);
    for (int i = 0; i < 4; i++) {
        leaks(send_one, results);
    }
}

LEAK_CASE(early_return_with_room)
{
    struct gor_chan *results = channel(4);
    for (int i = 0; i < 4; i++) {
        ends(send_one, results);
    }
}

/* A result and an error, each on its channel; whoever waits takes the error and is gone. */
static void result_and_error(void *arg)
{
    struct pair *to = arg;
    int value = 1;
    CHECK_EQ(gor_chan_send(to->b, &value), 0);
    CHECK_EQ(gor_chan_send(to->a, &value), 0);
}

LEAK_CASE(error_path_leaves_result)
{
    struct pair *to = pair_of(channel(0), channel(1));
    leaks(result_and_error, to);
}

LEAK_CASE(timeout_leaves_sender)
{
    struct gor_chan *c = channel(0);
    CHECK_EQ(gor_chan_recv_until(c, NULL, 0), -ETIMEDOUT);
    leaks(send_one, c);
}

/* A chain of stages of which the last one is gone. */
static void stage(void *arg)
{
    struct pair *ends_of = arg;
    int value = 0;
    while (gor_chan_recv(ends_of->a, &value) == 1) {
        CHECK_EQ(gor_chan_send(ends_of->b, &value), 0);
    }
}

LEAK_CASE(pipeline_without_consumer)
{
    struct gor_chan *first = channel(0);
    struct gor_chan *second = channel(0);
    struct gor_chan *third = channel(0);
    leaks(stage, pair_of(first, second));
    leaks(stage, pair_of(second, third));
    ends(send_twice, first);
}

LEAK_CASE(pipeline_whole)
{
    struct gor_chan *first = channel(0);
    struct gor_chan *second = channel(0);
    ends(stage, pair_of(first, second));
    ends(send_twice, first);
    recv_one(second);
    recv_one(second);
    CHECK_EQ(gor_chan_close(first), 0);
}

/* Two that wait for each other's first word. */
static void recv_then_send(void *arg)
{
    struct pair *to = arg;
    recv_one(to->a);
    send_one(to->b);
}

LEAK_CASE(each_waits_for_the_other)
{
    struct gor_chan *a = channel(0);
    struct gor_chan *b = channel(0);
    leaks(recv_then_send, pair_of(a, b));
    leaks(recv_then_send, pair_of(b, a));
}

/* The channel is kept in a struct of the heap that only the goroutine knows. */
LEAK_CASE(channel_known_by_the_heap_only)
{
    struct pair *inner = pair_of(channel(0), NULL);
    leaks(recv_then_send, pair_of(inner->a, channel(0)));
}

/* A reply channel within a request that is never looked at. */
struct request {
    int number;
    struct gor_chan *reply;
};

static void ask(void *arg)
{
    struct gor_chan *requests = arg;
    struct request request = {1, channel(0)};
    CHECK_EQ(gor_chan_send(requests, &request), 0);
    recv_one(request.reply);
}

LEAK_CASE(request_never_served)
{
    struct gor_chan *requests = gor_chan_new(sizeof(struct request), 1);
    CHECK(requests != NULL);
    leaks(ask, requests);
}

static void serve(void *arg)
{
    struct request request;
    CHECK_EQ(gor_chan_recv(arg, &request), 1);
    send_one(request.reply);
}

LEAK_CASE(request_served)
{
    struct gor_chan *requests = gor_chan_new(sizeof(struct request), 1);
    CHECK(requests != NULL);
    ends(ask, requests);
    ends(serve, requests);
}

/* Who has leaked keeps others: of them, too, nobody else knows. */
static void keep_and_wait(void *arg)
{
    struct pair *kept = arg;
    recv_one(kept->a);
    send_one(kept->b);
}

LEAK_CASE(leaked_one_keeps_another)
{
    struct gor_chan *second = channel(0);
    leaks(keep_and_wait, pair_of(channel(0), second));
    leaks(recv_one, second);
}
