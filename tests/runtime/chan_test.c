/* SPDX-License-Identifier: MIT */
/* chan_test.c - sending and receiving: rendezvous, buffers, sizes, deadlines, counting. */
#include <pthread.h>

#include "tests/runtime/help.h"

struct pair {
    struct gor_chan *data;
    struct gor_chan *back;
    _Atomic int steps;
};

static void send_one_then_step(void *arg)
{
    struct pair *p = arg;
    send_int(p->data, 7);
    atomic_fetch_add(&p->steps, 1);
    send_int(p->back, 1);
}

GO_TEST(chan_unbuffered_send_waits_for_its_receiver)
{
    struct pair p = {.data = new_chan(sizeof(int), 0), .back = new_chan(sizeof(int), 0)};
    spawn_parked(send_one_then_step, &p, GOR_WAIT_CHAN_SEND);
    CHECK_EQ(atomic_load(&p.steps), 0);
    CHECK_EQ(recv_int(p.data), 7);
    CHECK_EQ(recv_int(p.back), 1);
    CHECK_EQ(atomic_load(&p.steps), 1);
    gor_chan_unref(p.data);
    gor_chan_unref(p.back);
}

static void recv_then_pass_on(void *arg)
{
    struct pair *p = arg;
    send_int(p->back, recv_int(p->data) + 1);
}

GO_TEST(chan_unbuffered_receive_waits_for_its_sender)
{
    struct pair p = {.data = new_chan(sizeof(int), 0), .back = new_chan(sizeof(int), 0)};
    gor_id_t id = spawn_parked(recv_then_pass_on, &p, GOR_WAIT_CHAN_RECV);
    send_int(p.data, 41);
    CHECK_EQ(recv_int(p.back), 42);
    await_end(id);
    gor_chan_unref(p.data);
    gor_chan_unref(p.back);
}

GO_TEST(chan_buffered_takes_as_many_as_it_holds)
{
    struct gor_chan *c = new_chan(sizeof(int), 3);
    CHECK_EQ(gor_chan_cap(c), 3);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 3; i++) {
            CHECK_EQ(gor_chan_len(c), i);
            int value = round * 3 + i;
            CHECK_EQ(gor_chan_try_send(c, &value), 0);
        }
        CHECK_EQ(gor_chan_try_send(c, &round), -EAGAIN);
        CHECK_EQ(gor_chan_len(c), 3);
        for (int i = 0; i < 3; i++) {
            CHECK_EQ(recv_int(c), round * 3 + i);
        }
        CHECK_EQ(gor_chan_try_recv(c, NULL), -EAGAIN);
    }
    gor_chan_unref(c);
}

static const size_t sizes[] = {0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 100, 1024, 4096, 65536};
enum { SIZE_COUNT = sizeof(sizes) / sizeof(sizes[0]), LARGEST = 65536 };

struct sized {
    struct gor_chan *c;
    size_t bytes;
    struct gor_chan *done;
};

static void fill(unsigned char *bytes, size_t count, unsigned salt)
{
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (unsigned char)(i * 7 + salt);
    }
}

static void check_filled(const unsigned char *bytes, size_t count, unsigned salt)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(bytes[i], (unsigned char)(i * 7 + salt));
    }
}

static void send_sized(void *arg)
{
    struct sized *s = arg;
    unsigned char *bytes = malloc(LARGEST);
    for (unsigned salt = 0; salt < 20; salt++) {
        fill(bytes, s->bytes, salt);
        CHECK_EQ(gor_chan_send(s->c, bytes), 0);
        /* The value was copied: what the sender does now must not show. */
        memset(bytes, 0xee, s->bytes);
    }
    free(bytes);
    CHECK_EQ(gor_chan_send(s->done, NULL), 0);
}

static void exchange_sized(size_t bytes, size_t capacity)
{
    struct sized s = {new_chan(bytes, capacity), bytes, new_chan(0, 0)};
    unsigned char *got = malloc(LARGEST + 1);
    spawn(send_sized, &s);
    for (unsigned salt = 0; salt < 20; salt++) {
        memset(got, 0xdd, LARGEST + 1);
        CHECK_EQ(gor_chan_recv(s.c, got), 1);
        check_filled(got, bytes, salt);
        CHECK_EQ(got[bytes], 0xdd);
    }
    CHECK_EQ(gor_chan_recv(s.done, NULL), 1);
    free(got);
    gor_chan_unref(s.c);
    gor_chan_unref(s.done);
}

GO_TEST(chan_elements_of_every_size_arrive_whole)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        exchange_sized(sizes[i], 0);
        exchange_sized(sizes[i], 1);
        exchange_sized(sizes[i], 5);
    }
}

/* What a try answers for every size: nothing there, somebody waiting, room, full. */
static void recv_sized(void *arg)
{
    struct sized *s = arg;
    unsigned char *got = malloc(LARGEST);
    CHECK_EQ(gor_chan_recv(s->c, got), 1);
    check_filled(got, s->bytes, 3);
    free(got);
    CHECK_EQ(gor_chan_send(s->done, NULL), 0);
}

static void send_sized_once(void *arg)
{
    struct sized *s = arg;
    unsigned char *bytes = malloc(LARGEST);
    fill(bytes, s->bytes, 4);
    CHECK_EQ(gor_chan_send(s->c, bytes), 0);
    free(bytes);
    CHECK_EQ(gor_chan_send(s->done, NULL), 0);
}

static void try_sized(size_t bytes)
{
    struct sized s = {new_chan(bytes, 0), bytes, new_chan(0, 0)};
    unsigned char *buf = malloc(LARGEST);
    fill(buf, bytes, 3);
    CHECK_EQ(gor_chan_try_recv(s.c, buf), -EAGAIN);
    CHECK_EQ(gor_chan_try_send(s.c, buf), -EAGAIN);
    spawn_parked(recv_sized, &s, GOR_WAIT_CHAN_RECV);
    CHECK_EQ(gor_chan_try_recv(s.c, buf), -EAGAIN);
    CHECK_EQ(gor_chan_try_send(s.c, buf), 0);
    CHECK_EQ(gor_chan_recv(s.done, NULL), 1);
    spawn_parked(send_sized_once, &s, GOR_WAIT_CHAN_SEND);
    CHECK_EQ(gor_chan_try_send(s.c, buf), -EAGAIN);
    CHECK_EQ(gor_chan_try_recv(s.c, buf), 1);
    check_filled(buf, bytes, 4);
    CHECK_EQ(gor_chan_recv(s.done, NULL), 1);
    free(buf);
    gor_chan_unref(s.c);
    gor_chan_unref(s.done);
}

GO_TEST(chan_try_answers_by_what_is_ready)
{
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        try_sized(sizes[i]);
    }
}

TEST(chan_new_with_impossible_sizes_gives_null)
{
    CHECK(gor_chan_new(65537, 0) == NULL);
    CHECK(gor_chan_new(SIZE_MAX, 1) == NULL);
    CHECK(gor_chan_new(8, SIZE_MAX) == NULL);
    CHECK(gor_chan_new(8, SIZE_MAX / 8) == NULL);
    CHECK(gor_chan_new(65536, SIZE_MAX / 65536 - 1) == NULL);
}

TEST(chan_needs_no_runtime_for_new_ref_len_and_unref)
{
    struct gor_chan *c = new_chan(8, 4);
    CHECK(gor_chan_ref(c) == c);
    gor_chan_unref(c);
    CHECK_EQ(gor_chan_cap(c), 4);
    CHECK_EQ(gor_chan_len(c), 0);
    gor_chan_unref(c);
    gor_chan_unref(NULL);
}

TEST(chan_calls_outside_a_goroutine_are_refused)
{
    struct gor_chan *c = new_chan(sizeof(int), 1);
    int value = 1;
    CHECK_EQ(gor_chan_send(c, &value), -EPERM);
    CHECK_EQ(gor_chan_try_send(c, &value), -EPERM);
    CHECK_EQ(gor_chan_recv(c, &value), -EPERM);
    CHECK_EQ(gor_chan_try_recv(c, &value), -EPERM);
    CHECK_EQ(gor_chan_recv_until(c, &value, 0), -EPERM);
    CHECK_EQ(gor_chan_close(c), -EPERM);
    CHECK_EQ(gor_chan_len(c), 0);
    gor_chan_unref(c);
}

GO_TEST(chan_deadline_in_the_past_polls_once)
{
    struct gor_chan *c = new_chan(sizeof(int), 1);
    int value = 5;
    CHECK_EQ(gor_chan_recv_until(c, &value, 0), -ETIMEDOUT);
    CHECK_EQ(value, 5);
    CHECK_EQ(gor_chan_send_until(c, &value, gor_after(-1)), 0);
    CHECK_EQ(gor_chan_send_until(c, &value, gor_after(-1)), -ETIMEDOUT);
    value = 0;
    CHECK_EQ(gor_chan_recv_until(c, &value, INT64_MIN), 1);
    CHECK_EQ(value, 5);
    gor_chan_unref(c);
}

GO_TEST(chan_send_that_timed_out_is_withdrawn)
{
    struct gor_chan *c = new_chan(sizeof(int), 0);
    int value = 9;
    int64_t deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_chan_send_until(c, &value, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_chan_try_recv(c, &value), -EAGAIN);
    gor_chan_unref(c);
}

GO_TEST(chan_receive_that_timed_out_takes_nothing_later)
{
    struct gor_chan *c = new_chan(sizeof(int), 0);
    int value = 9;
    int64_t deadline = gor_after(GOR_MILLISECOND);
    CHECK_EQ(gor_chan_recv_until(c, &value, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_chan_try_send(c, &value), -EAGAIN);
    gor_chan_unref(c);
}

/* A value races with a deadline: whoever wins, sender and receiver agree. */
struct race {
    struct gor_chan *c;
    struct gor_chan *sent;
    int rounds;
};

static void send_with_short_deadlines(void *arg)
{
    struct race r = *(struct race *)arg; /* it may be gone after the last report */
    for (int i = 1; i <= r.rounds; i++) {
        int result = gor_chan_send_until(r.c, &i, gor_after((i % 50) * GOR_MICROSECOND));
        CHECK(result == 0 || result == -ETIMEDOUT);
        send_int(r.sent, result == 0 ? i : 0);
    }
}

GO_TEST(chan_deadlines_and_values_never_disagree)
{
    struct race r = {new_chan(sizeof(int), 0), new_chan(sizeof(int), 0), SCALED(4000, 1000, 1000)};
    spawn(send_with_short_deadlines, &r);
    for (int i = 1; i <= r.rounds; i++) {
        int got = 0;
        int result = gor_chan_recv_until(r.c, &got, gor_after((i % 37) * GOR_MICROSECOND));
        CHECK(result == 1 || result == -ETIMEDOUT);
        /* The sender may still be inside its send; then only the next receive can free it. */
        int sent = -1;
        while (gor_chan_try_recv(r.sent, &sent) != 1) {
            int late = 0;
            if (gor_chan_try_recv(r.c, &late) == 1) {
                CHECK_EQ(result, -ETIMEDOUT);
                result = 1;
                got = late;
            }
            gor_yield();
        }
        CHECK_EQ(sent, result == 1 ? got : 0);
        CHECK(result != 1 || got == i);
    }
    gor_chan_unref(r.c);
    gor_chan_unref(r.sent);
}

/* Many producers, many consumers: every number arrives exactly once. */
enum { PRODUCERS = 8, CONSUMERS = 8 };

struct crowd {
    struct gor_chan *c;
    struct gor_waitgroup producers;
    struct gor_waitgroup consumers;
    int each;
    _Atomic int next_producer;
    unsigned char *seen; /* owned; one byte per number, written by whoever received it */
    _Atomic long received;
};

static void produce(void *arg)
{
    struct crowd *crowd = arg;
    int first = atomic_fetch_add(&crowd->next_producer, 1) * crowd->each;
    for (int i = 0; i < crowd->each; i++) {
        send_int(crowd->c, first + i);
    }
    gor_waitgroup_done(&crowd->producers);
}

static void consume(void *arg)
{
    struct crowd *crowd = arg;
    int value;
    while (gor_chan_recv(crowd->c, &value) == 1) {
        CHECK_EQ(crowd->seen[value], 0);
        crowd->seen[value] = 1;
        atomic_fetch_add(&crowd->received, 1);
    }
    gor_waitgroup_done(&crowd->consumers);
}

static void run_crowd(size_t capacity)
{
    struct crowd crowd = {.c = new_chan(sizeof(int), capacity), .each = SCALED(5000, 1000, 500)};
    crowd.seen = calloc((size_t)crowd.each * PRODUCERS, 1);
    gor_waitgroup_add(&crowd.producers, PRODUCERS);
    gor_waitgroup_add(&crowd.consumers, CONSUMERS);
    for (int i = 0; i < PRODUCERS; i++) {
        spawn(produce, &crowd);
        spawn(consume, &crowd);
    }
    gor_waitgroup_wait(&crowd.producers);
    CHECK_EQ(gor_chan_close(crowd.c), 0);
    gor_waitgroup_wait(&crowd.consumers);
    CHECK_EQ(atomic_load(&crowd.received), (long)crowd.each * PRODUCERS);
    free(crowd.seen);
    gor_chan_unref(crowd.c);
}

GO_TEST(chan_crowd_loses_and_doubles_nothing)
{
    run_crowd(0);
    run_crowd(1);
    run_crowd(10);
    run_crowd(100);
}

static void *make_and_drop(void *arg)
{
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        struct gor_chan *c = new_chan(16, (size_t)(i % 8));
        gor_chan_unref(gor_chan_ref(c));
        gor_chan_unref(c);
    }
    return NULL;
}

TEST(chan_is_made_and_dropped_on_any_thread)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, make_and_drop, NULL), 0);
    }
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
}

GO_TEST(chan_dropped_with_values_inside_is_freed)
{
    struct gor_chan *c = new_chan(4096, 8);
    unsigned char bytes[4096] = {0};
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(gor_chan_send(c, bytes), 0);
    }
    gor_chan_unref(c);
}
