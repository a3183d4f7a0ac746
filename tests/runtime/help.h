/* SPDX-License-Identifier: MIT */
/* help.h - what the tests of the runtime share: starting goroutines and waiting for what they do.
 *
 * Nothing here sleeps: a test waits for an event, and a test that waits for ever is ended by the
 * time limit of its process.
 */
#ifndef GOR_TESTS_RUNTIME_HELP_H
#define GOR_TESTS_RUNTIME_HELP_H

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/go_test.h"

/* One count for each kind of build; sanitizers are slow, and TSan keeps at most ~8,000 fibres. */
#if defined(__SANITIZE_THREAD__)
#define SCALED(full, asan, tsan) (tsan)
#elif defined(__SANITIZE_ADDRESS__)
#define SCALED(full, asan, tsan) (asan)
#else
#define SCALED(full, asan, tsan) (full)
#endif

#define UNUSED __attribute__((unused))

/* Let others run until the condition holds. */
#define YIELD_UNTIL(condition) \
    while (!(condition)) {     \
        gor_yield();           \
    }

UNUSED static void spawn(void (*fn)(void *arg), void *arg)
{
    CHECK_EQ(gor_go(fn, arg), 0);
}

/* What await_end waits for tells that a goroutine has ended, not that its writes are seen: this
 * counter adds the edge. */
static _Atomic long spawned_ended;

struct spawned {
    void (*fn)(void *arg);
    void *arg;
};

static void note_spawned_end(void *unused)
{
    (void)unused;
    atomic_fetch_add(&spawned_ended, 1);
}

UNUSED static void run_spawned(void *arg)
{
    struct spawned spawned = *(struct spawned *)arg;
    struct gor_defer at_end;
    free(arg);
    gor_defer(&at_end, note_spawned_end, NULL);
    spawned.fn(spawned.arg);
    gor_exit();
}

UNUSED static gor_id_t spawn_id(void (*fn)(void *arg), void *arg)
{
    gor_id_t id = 0;
    struct spawned *spawned = malloc(sizeof *spawned);
    *spawned = (struct spawned){fn, arg};
    CHECK_EQ(gor_go_with(&(struct gor_go_opts){.out_id = &id}, run_spawned, spawned), 0);
    CHECK(id != 0);
    return id;
}

/* The caller is about to wait for ever, and the leak finder is to say nothing of it. */
UNUSED static void leak_on_purpose(void)
{
    static const char name[] = "leaks on purpose";
    CHECK_EQ(gor_leak_ignore(NULL, name), 0);
    gor_set_name(name);
}

/* Let others run until goroutine `id` is parked for `reason`. */
UNUSED static void await_waiting(gor_id_t id, enum gor_wait_reason reason)
{
    struct gor_info info;
    for (;;) {
        CHECK_EQ(gor_lookup(id, &info), 0);
        if (info.state == GOR_WAITING && info.reason == reason) {
            return;
        }
        gor_yield();
    }
}

/* Start fn(arg) and return once it is parked for `reason`. */
UNUSED static gor_id_t spawn_parked(void (*fn)(void *arg), void *arg, enum gor_wait_reason reason)
{
    gor_id_t id = spawn_id(fn, arg);
    await_waiting(id, reason);
    return id;
}

/* Let others run until goroutine `id` has ended. */
UNUSED static void await_end(gor_id_t id)
{
    struct gor_info info;
    YIELD_UNTIL(gor_lookup(id, &info) == -ESRCH)
    (void)atomic_load(&spawned_ended);
}

/* Let others run until nobody is left but the caller. A timer that fires at this moment has a goroutine
 * yet to start; once the world was stopped none does. */
UNUSED static void await_alone(void)
{
    int procs = gor_gomaxprocs(0);
    (void)gor_gomaxprocs(procs + 1);
    (void)gor_gomaxprocs(procs);
    YIELD_UNTIL(gor_num_goroutine() == 1)
}

/* Let others run until the one who calls is the only one with a stack. Those that are being emptied at the moment
 * count as in use. */
UNUSED static void await_one_stack(void)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    while (stats.stacks_in_use != 1) {
        gor_yield();
        CHECK_EQ(gor_stats_get(&stats, false), 0);
    }
}

UNUSED static struct gor_chan *new_chan(size_t elem_bytes, size_t capacity)
{
    struct gor_chan *c = gor_chan_new(elem_bytes, capacity);
    CHECK(c != NULL);
    return c;
}

UNUSED static void send_int(struct gor_chan *c, int value)
{
    CHECK_EQ(gor_chan_send(c, &value), 0);
}

UNUSED static int recv_int(struct gor_chan *c)
{
    int value = -1;
    CHECK_EQ(gor_chan_recv(c, &value), 1);
    return value;
}

/* A small generator of random numbers (splitmix64): the caller keeps the state. */
UNUSED static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

UNUSED static int random_below(uint64_t *state, int limit)
{
    return (int)(next_random(state) % (uint64_t)limit);
}

#endif
