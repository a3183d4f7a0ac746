/* SPDX-License-Identifier: MIT */
/* Larger scenes, as they are met in servers. */
#include "tests/runtime/leak_cases/cases.h"

enum { WORKERS = 8 };

/* A pool whose producer has died without closing the queue. */
static void work(void *arg)
{
    struct pair *of = arg;
    int job = 0;
    while (gor_chan_recv(of->a, &job) == 1) {
        job *= 2;
        CHECK_EQ(gor_chan_send(of->b, &job), 0);
    }
}

static void produce_and_die(void *jobs)
{
    send_one(jobs);
    gor_exit();
}

LEAK_CASE(pool_whose_producer_died)
{
    struct gor_chan *jobs = channel(0);
    struct gor_chan *results = channel(16);
    for (int i = 0; i < WORKERS; i++) {
        leaks(work, pair_of(jobs, results));
    }
    ends(produce_and_die, jobs);
}

static void produce_and_close(void *jobs)
{
    for (int i = 0; i < 10; i++) {
        send_one(jobs);
    }
    CHECK_EQ(gor_chan_close(jobs), 0);
}

LEAK_CASE(pool_that_is_closed)
{
    struct gor_chan *jobs = channel(0);
    struct gor_chan *results = channel(16);
    for (int i = 0; i < WORKERS; i++) {
        ends(work, pair_of(jobs, results));
    }
    ends(produce_and_close, jobs);
}

/* The first answer wins, the others are stuck with theirs. */
LEAK_CASE(first_answer_wins)
{
    struct gor_chan *answers = channel(0);
    for (int i = 0; i < 3; i++) {
        leaks(send_one, answers);
    }
}

LEAK_CASE(first_answer_wins_with_room)
{
    struct gor_chan *answers = channel(3);
    for (int i = 0; i < 3; i++) {
        ends(send_one, answers);
    }
    recv_one(answers);
}

/* Subscribers that nobody took off the list, whose publisher is gone. */
struct hub {
    struct gor_mutex mutex;
    struct gor_chan *subscribers[4];
};

static void subscribe(void *arg)
{
    struct hub *hub = arg;
    struct gor_chan *own = channel(0);
    gor_mutex_lock(&hub->mutex);
    for (size_t i = 0; i < 4; i++) {
        if (hub->subscribers[i] == NULL) {
            hub->subscribers[i] = own;
            break;
        }
    }
    gor_mutex_unlock(&hub->mutex);
    recv_until_closed(own);
}

LEAK_CASE(subscribers_of_a_hub_that_is_gone)
{
    struct hub *hub = lasting(sizeof *hub);
    for (int i = 0; i < 4; i++) {
        leaks(subscribe, hub);
    }
}

/* A producer in a ring with its consumer, each waiting for the other to make room. */
static void fill_both(void *arg)
{
    struct pair *of = arg;
    for (;;) {
        send_one(of->a);
        send_one(of->a);
        recv_one(of->b);
    }
}

LEAK_CASE(both_queues_full)
{
    struct gor_chan *a = channel(1);
    struct gor_chan *b = channel(1);
    leaks(fill_both, pair_of(a, b));
    leaks(fill_both, pair_of(b, a));
}

/* A goroutine for each request, each waiting for a slot that a dead one took with it. */
static void take_slot(void *slots)
{
    int value = 1;
    CHECK_EQ(gor_chan_send(slots, &value), 0);
    recv_one(slots);
}

static void take_slot_and_die(void *slots)
{
    int value = 1;
    CHECK_EQ(gor_chan_send(slots, &value), 0);
    gor_exit();
}

LEAK_CASE(slot_of_a_dead_one)
{
    struct gor_chan *slots = channel(1);
    take_slot(slots);
    CHECK_EQ(gor_chan_len(slots), 0);
    int value = 1;
    CHECK_EQ(gor_chan_send(slots, &value), 0);
    leaks(take_slot, slots);
    leaks(take_slot_and_die, slots);
}

/* Once for all, and a second time: what is waited for was consumed before. */
LEAK_CASE(event_taken_by_the_first)
{
    struct gor_chan *event = channel(1);
    send_one(event);
    recv_one(event);
    leaks(recv_one, event);
}

/* The daisy chain of which the first link is lost. */
static void pass_on(void *arg)
{
    struct pair *of = arg;
    recv_one(of->a);
    send_one(of->b);
}

LEAK_CASE(daisy_chain_without_head)
{
    struct gor_chan *left = channel(0);
    for (int i = 0; i < 50; i++) {
        struct gor_chan *right = channel(0);
        leaks(pass_on, pair_of(left, right));
        left = right;
    }
    leaks(recv_one, left);
}

LEAK_CASE(daisy_chain_with_head)
{
    struct gor_chan *head = channel(0);
    struct gor_chan *left = head;
    for (int i = 0; i < 50; i++) {
        struct gor_chan *right = channel(0);
        ends(pass_on, pair_of(left, right));
        left = right;
    }
    ends(recv_one, left);
    send_one(head);
}
