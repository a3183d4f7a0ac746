/* SPDX-License-Identifier: MIT */
/* Waiting, and rightly so: somebody knows how to wake them. */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "tests/runtime/leak_cases/cases.h"

/* Volatile, for the compiler leaves out what nobody reads. */
static struct gor_chan *volatile global_chan;
static struct gor_mutex global_mutex;
static struct gor_ctx *volatile global_ctx;
static void *volatile global_list;

LEAK_CASE(global_channel)
{
    global_chan = channel(0);
    lives(recv_one, global_chan);
}

LEAK_CASE(global_mutex)
{
    gor_mutex_lock(&global_mutex);
    lives(lock_and_unlock, &global_mutex);
}

LEAK_CASE(global_context)
{
    struct gor_ctx *ctx = NULL;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    global_ctx = ctx;
    lives(wait_for_context, ctx);
}

LEAK_CASE(child_of_a_global_context)
{
    struct gor_ctx *ctx = NULL;
    struct gor_ctx *child = NULL;
    CHECK_EQ(gor_ctx_with_cancel(gor_ctx_background(), &ctx), 0);
    CHECK_EQ(gor_ctx_with_cancel(ctx, &child), 0);
    global_ctx = ctx;
    lives(wait_for_context, child);
}

/* Reached over some steps of the heap. */
struct node {
    struct node *next;
    char padding[40];
    struct gor_chan *chan;
};

LEAK_CASE(channel_at_the_end_of_a_list)
{
    struct node *last = lasting(sizeof *last);
    last->chan = channel(0);
    struct gor_chan *chan = last->chan;
    for (int i = 0; i < 100; i++) {
        struct node *node = lasting(sizeof *node);
        node->next = last;
        last = node;
    }
    global_list = last;
    lives(recv_one, chan);
}

/* Only a pointer into the middle of its block is kept. */
LEAK_CASE(mutex_within_a_struct)
{
    struct node *node = lasting(sizeof *node + sizeof(struct gor_mutex));
    struct gor_mutex *mutex = (struct gor_mutex *)(void *)(node + 1);
    global_list = &node->chan;
    gor_mutex_lock(mutex);
    lives(lock_and_unlock, mutex);
}

/* A large block has a mapping of its own. */
LEAK_CASE(channel_in_a_large_block)
{
    struct gor_chan **large = lasting(4 << 20);
    struct gor_chan *chan = channel(0);
    large[300000] = chan;
    global_list = large + 5;
    lives(recv_one, chan);
}

/* Known by one that sleeps until tomorrow. */
static void sleep_and_send(void *chan)
{
    CHECK_EQ(gor_sleep(24 * 3600 * GOR_SECOND), 0);
    send_one(chan);
}

LEAK_CASE(known_by_a_sleeper)
{
    struct gor_chan *c = channel(0);
    lives(sleep_and_send, c);
    lives(recv_one, c);
}

/* A chain: the sleeper knows one who knows another. */
static void recv_and_send(void *arg)
{
    struct pair *of = arg;
    recv_one(of->a);
    send_one(of->b);
}

LEAK_CASE(known_by_way_of_others)
{
    struct gor_chan *a = channel(0);
    struct gor_chan *b = channel(0);
    lives(recv_one, b);
    lives(recv_and_send, pair_of(a, b));
    lives(sleep_and_send, a);
}

/* By the argument of a handler alone: the stack has it in disguise. */
static void send_after_panic(void *chan, const char *message)
{
    (void)message;
    send_one(chan);
}

static __attribute__((noinline)) void handle_panics(const uintptr_t *disguised)
{
    gor_on_panic(send_after_panic, (void *)~*disguised);
}

static void sleep_and_panic(void *unused)
{
    (void)unused;
    CHECK_EQ(gor_sleep(24 * 3600 * GOR_SECOND), 0);
    gor_panic("a day is over");
}

static void handle_and_panic(void *disguised)
{
    handle_panics(disguised);
    sleep_and_panic(NULL);
}

/* The one that panics has it from whoever started it. */
static void leave_it_to_an_heir(void *disguised)
{
    handle_panics(disguised);
    lives(sleep_and_panic, NULL);
}

static void *in_disguise(struct gor_chan *chan)
{
    uintptr_t *disguised = lasting(sizeof *disguised);
    *disguised = ~(uintptr_t)chan;
    return disguised;
}

LEAK_CASE(known_by_a_panic_handler)
{
    struct gor_chan *c = channel(0);
    lives(handle_and_panic, in_disguise(c));
    lives(recv_one, c);
}

LEAK_CASE(known_by_an_inherited_panic_handler)
{
    struct gor_chan *c = channel(0);
    ends(leave_it_to_an_heir, in_disguise(c));
    lives(recv_one, c);
}

/* The value that a blocked sender offers names another channel. */
static void offer(void *arg)
{
    struct pair *of = arg;
    CHECK_EQ(gor_chan_send(of->a, &of->b), 0);
}

LEAK_CASE(channel_offered_to_a_live_receiver)
{
    struct gor_chan *carrier = gor_chan_new(sizeof(struct gor_chan *), 0);
    struct gor_chan *carried = channel(0);
    global_chan = carrier;
    lives(offer, pair_of(carrier, carried));
    lives(recv_one, carried);
}

LEAK_CASE(channel_in_the_buffer_of_a_live_one)
{
    struct gor_chan *carrier = gor_chan_new(sizeof(struct gor_chan *), 1);
    struct gor_chan *carried = channel(0);
    CHECK_EQ(gor_chan_send(carrier, &carried), 0);
    global_chan = carrier;
    lives(recv_one, carried);
}

/* One that runs: its registers, or its stack. */
static void compute(void *arg)
{
    struct gor_chan *volatile kept = arg;
    while (gor_chan_cap(kept) == 0) {
        gor_yield();
    }
}

LEAK_CASE(known_by_one_that_runs)
{
    struct gor_chan *c = channel(0);
    lives(compute, c);
    lives(recv_one, c);
}

/* In foreign code, where the kernel has the registers. */
static void block_in_the_kernel(void *arg)
{
    char byte = 0;
    int ends_of_pipe[2];
    struct gor_chan *chan = arg;
    CHECK_EQ(pipe(ends_of_pipe), 0);
    while (read(ends_of_pipe[0], &byte, 1) < 0) {
    }
    send_one(chan);
}

LEAK_CASE(known_by_one_in_a_system_call)
{
    struct gor_chan *c = channel(0);
    lives(block_in_the_kernel, c);
    lives(recv_one, c);
}

/* Waiting for a descriptor. */
static void read_and_send(void *arg)
{
    char byte = 0;
    int ends_of_pipe[2];
    CHECK_EQ(gor_pipe(ends_of_pipe), 0);
    CHECK_EQ(gor_read(ends_of_pipe[0], &byte, 1, GOR_NEVER), 1);
    send_one(arg);
}

LEAK_CASE(known_by_one_that_reads)
{
    struct gor_chan *c = channel(0);
    lives(read_and_send, c);
    lives(recv_one, c);
}

static int block_on_a_thread(void *arg)
{
    struct gor_chan *volatile kept = arg;
    (void)kept;
    pause();
    return 0;
}

static void call_blocking(void *arg)
{
    CHECK_EQ(gor_blocking(block_on_a_thread, arg), 0);
}

LEAK_CASE(known_by_a_blocking_call)
{
    struct gor_chan *c = channel(0);
    lives(call_blocking, c);
    lives(recv_one, c);
}

/* A thread of the host's, whose stack or registers are all that knows. */
static void *host_thread(void *arg)
{
    (void)pause();
    return arg;
}

LEAK_CASE(known_by_a_thread_of_the_host)
{
    pthread_t thread;
    struct gor_chan *c = channel(0);
    CHECK_EQ(pthread_create(&thread, NULL, host_thread, c), 0);
    lives(recv_one, c);
}

/* The scene's own stack, as long as it is there. */
struct companion {
    struct gor_waitgroup wg;
    _Atomic bool waits;
    _Atomic bool over; /* it has looked at the group for the last time */
};

static void wait_for_friend(void *arg)
{
    struct companion *f = arg;
    atomic_store(&f->waits, true);
    gor_waitgroup_wait(&f->wg);
    atomic_store(&f->over, true);
}

LEAK_CASE(waits_with_a_friend_on_the_stack)
{
    struct companion f = {.waits = false};
    gor_waitgroup_add(&f.wg, 1);
    ends(wait_for_friend, &f);
    while (!atomic_load(&f.waits)) {
        gor_yield();
    }
    gor_waitgroup_done(&f.wg);
    while (!atomic_load(&f.over)) {
        gor_yield();
    }
}

static void own_group(void *unused)
{
    struct gor_waitgroup wg = {{0}};
    (void)unused;
    gor_waitgroup_add(&wg, 1);
    lives(sleep_and_send, &wg);
    gor_waitgroup_wait(&wg);
}

LEAK_CASE(group_on_a_stack_that_a_sleeper_knows)
{
    lives(own_group, NULL);
}

static void own_group_alone(void *unused)
{
    struct gor_waitgroup wg = {{0}};
    (void)unused;
    gor_waitgroup_add(&wg, 1);
    gor_waitgroup_wait(&wg);
}

LEAK_CASE(group_on_a_stack_that_nobody_knows)
{
    leaks(own_group_alone, NULL);
}

LEAK_CASE(nothing_at_all)
{
}
