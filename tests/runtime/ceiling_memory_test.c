/* SPDX-License-Identifier: MIT */
/* ceiling_memory_test.c - the ceiling on the memory of stacks holds, whatever is made in advance, grows,
 * ends and comes again. */
#include <unistd.h>

#include "tests/runtime/ceiling.h"

static int fill_memory(void *unused)
{
    struct gor_chan *gate = new_chan(0, 0);
    struct gor_stats stats = stats_now();
    (void)unused;
    uint64_t count = fill(gate);
    CHECK_INT(count, >=, 60);
    CHECK_INT(count, <=, 256);
    struct gor_stats full = stats_now();
    CHECK_EQ(full.stack_bytes_max, stats.stack_bytes_max);
    CHECK_INT(full.goroutines_max, <=, count + 64);
    CHECK_INT(full.spawns_refused, >=, 1);
    /* Whoever was promised a stack has one: all get to their channel. */
    for (uint64_t i = 0; i < count; i++) {
        open_once(gate);
    }
    YIELD_UNTIL(gor_num_goroutine() == 1)
    /* Their stacks may be used again, but for what has been made when some were seen to have grown. */
    CHECK_INT(fill(gate), >=, count - count / 16);
    empty(gate);
    return 0;
}

TEST(ceiling_of_memory_counts_each_from_its_start)
{
    struct gor_opts opts = {.max_stack_bytes = 1 << 20};
    CHECK_EQ(gor_run(&opts, fill_memory, NULL), 0);
}

TEST(ceiling_of_memory_is_there_by_default)
{
    CHECK_EQ(gor_start(NULL), 0);
    struct gor_stats stats = stats_now();
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    CHECK_INT(stats.stack_bytes_max, >, 0);
    CHECK_INT(stats.stack_bytes_max, <=, machine / 4 * 3);
    CHECK_INT(stats.goroutines_max, >, 1000);
    CHECK_INT(stats.goroutines_max, <, machine / 4096);
    gor_stop();
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
enum { DEEP_BYTES = 80 << 10, DEEP_CEILING = 64 << 20 };

static void grow_and_park(void *arg)
{
    volatile char deep[DEEP_BYTES];
    for (size_t i = 0; i < sizeof deep; i += 1024) {
        deep[i] = 1;
    }
    (void)gor_chan_recv(arg, NULL);
    (void)deep[0];
}

static int fill_with_deep_ones(void *unused)
{
    struct gor_chan *gate = new_chan(0, 0);
    uint64_t count = 0;
    (void)unused;
    while (gor_go(grow_and_park, gate) == 0) {
        count++;
        gor_yield();
    }
    /* By their first pages alone there would be room for 14,000 of them. How much they grow before
     * that is seen depends on the machine; twice the ceiling is seen in any case. */
    CHECK_INT(count, >, 16);
    CHECK_INT(count, <, 8000);
    CHECK_INT(stats_now().stack_bytes, >, DEEP_CEILING / 2);
    empty(gate);
    return 0;
}

TEST(ceiling_of_memory_sees_how_far_stacks_have_grown)
{
    struct gor_opts opts = {.max_stack_bytes = DEEP_CEILING};
    CHECK_EQ(gor_run(&opts, fill_with_deep_ones, NULL), 0);
}
#endif

/* ------------------------------------------------------- memory, held for good */

enum { SMALL_CEILING = 1 << 20, SPAWN_NS = 300000000 };

/* What is seen of it while goroutines come. */
static void check_memory(uint64_t most_bytes)
{
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, true), 0);
    CHECK_INT(stats.goroutines, <=, most_bytes / 4096);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    CHECK_INT(stats.stacks_committed_bytes, <=, most_bytes + most_bytes / 8);
#endif
}

static void start_yielding(struct gor_chan *gate)
{
    int64_t end = gor_after(SPAWN_NS);
    for (int i = 0; gor_now() < end; i++) {
        (void)gor_go(park_on, gate);
        gor_yield();
        if (i % 4096 == 0) {
            gor_sleep(GOR_MILLISECOND);
            check_memory(SMALL_CEILING);
        }
    }
    check_memory(SMALL_CEILING);
}

static int yield_between(void *unused)
{
    struct gor_chan *gate = new_chan(0, 0);
    (void)unused;
    start_yielding(gate);
    empty(gate);
    return 0;
}

/* Stacks that a P makes in advance make no room. */
TEST(ceiling_of_memory_holds_for_whoever_yields_between)
{
    struct gor_opts opts = {.max_stack_bytes = SMALL_CEILING};
    CHECK_EQ(gor_run(&opts, yield_between, NULL), 0);
}

static int yield_without_room(void *unused)
{
    int64_t end = gor_after(SPAWN_NS / 3);
    (void)unused;
    while (gor_now() < end) {
        CHECK_EQ(gor_go(do_nothing, NULL), -EAGAIN);
        gor_yield();
    }
    return 0;
}

TEST(ceiling_of_memory_too_low_for_any_lets_nobody_in)
{
    CHECK_EQ(gor_run(&(struct gor_opts){.max_stack_bytes = 1}, yield_without_room, NULL), 0);
}

enum { BURSTS = 4 };

static int come_in_bursts(void *unused)
{
    uint64_t first = 0;
    (void)unused;
    for (int i = 0; i < BURSTS; i++) {
        struct gor_chan *gate = new_chan(0, 0);
        uint64_t count = fill(gate);
        first = i == 0 ? count : first;
        CHECK_INT(count, <=, first + first / 16);
        CHECK_INT(count, >=, first - first / 16);
        /* Each has its stack. */
        for (uint64_t waiting = 0; waiting < count; gor_yield()) {
            struct gor_stats stats;
            CHECK_EQ(gor_stats_get(&stats, true), 0);
            waiting = stats.by_state[GOR_WAITING];
        }
        check_memory(SMALL_CEILING);
        empty(gate);
        CHECK_EQ(gor_stacks_release(), 0);
    }
    return 0;
}

/* Nor do stacks whose memory has gone back. */
TEST(ceiling_of_memory_is_not_raised_by_bursts)
{
    struct gor_opts opts = {.max_stack_bytes = SMALL_CEILING, .stack_idle_ns = GOR_NEVER};
    CHECK_EQ(gor_run(&opts, come_in_bursts, NULL), 0);
}

static void start_large(struct gor_chan *gate, size_t stack_bytes)
{
    struct gor_go_opts opts = {.stack_bytes = stack_bytes};
    while (gor_go_with(&opts, park_on, gate) == 0) {
        gor_yield();
    }
    gor_sleep(GOR_MILLISECOND);
    check_memory(SMALL_CEILING);
}

/* Free stacks of one size do not lie beside those of another. */
static int change_sizes(void *unused)
{
    (void)unused;
    for (size_t kib = 64; kib <= 1024; kib *= 2) {
        struct gor_chan *gate = new_chan(0, 0);
        start_large(gate, kib << 10);
        empty(gate);
    }
    return 0;
}

TEST(ceiling_of_memory_is_one_for_stacks_of_all_sizes)
{
    struct gor_opts opts = {.max_stack_bytes = SMALL_CEILING, .stack_idle_ns = GOR_NEVER};
    CHECK_EQ(gor_run(&opts, change_sizes, NULL), 0);
}
