/* SPDX-License-Identifier: MIT */
/* trace_feed_test.c - a wake-up that the record of a switch stands for, too, is read as if it had been
 * written; and the ring of a P says both in one record, or in two if something comes between. */
#include "runtime/debug/trace_feed.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/trace_felt.h"
#include "tests/runtime/help.h"

enum { SIZE = 128, TURN = 3 };

static struct gor__trace_record memory[SIZE];
static struct gor__p proc;
static struct gor__feed feed;

/* One P, which has nothing but a ring, and a feed that begins with its next record. */
static void set_up(void)
{
    memset(memory, 0, sizeof memory);
    proc.trace = (struct gor__trace_ring){0};
    gor__trace_ring_init(&proc.trace, memory, SIZE);
    gor__sched.procs[0] = &proc;
    gor__sched.procs_made = 1;
    gor__feed_open(&feed, false);
}

static void tear_down(void)
{
    gor__feed_close(&feed);
    gor__sched.procs_made = 0;
    gor__sched.procs[0] = NULL;
}

static void put_switched(uint64_t ticks, uint64_t id, bool is_woken)
{
    uint64_t a = GOR_WAITING | (uint64_t)TURN << GOR__TRACE_TURN_AT;
    a |= is_woken ? GOR__TRACE_WOKEN : 0;
    struct gor__trace_record record = {ticks, id, gor__trace_what(GOR__TRACE_SWITCHED, a), 0};
    gor__trace_ring_put(&proc.trace, &record);
}

static bool is_due(void *unused, const struct gor__feed_item *item)
{
    (void)unused;
    (void)item;
    return true;
}

static struct gor__feed_item next_item(void)
{
    struct gor__feed_item item;
    CHECK(gor__feed_next(&feed, UINT64_MAX, is_due, NULL, &item));
    return item;
}

static void check_ready(uint64_t ticks, uint64_t id)
{
    struct gor__feed_item item = next_item();
    CHECK_EQ(item.event, GOR__TRACE_READY);
    CHECK_EQ(item.ticks, ticks);
    CHECK_EQ(item.id, id);
    CHECK_EQ(item.a,
             GOR__TRACE_BY_GOROUTINE | GOR__TRACE_UNTIMED | (uint64_t)TURN << GOR__TRACE_TURN_AT);
}

static void check_switched(uint64_t ticks, uint64_t id)
{
    struct gor__feed_item item = next_item();
    CHECK_EQ(item.event, GOR__TRACE_SWITCHED);
    CHECK_EQ(item.ticks, ticks);
    CHECK_EQ(item.id, id);
}

static void check_end(void)
{
    struct gor__feed_item item;
    CHECK(!gor__feed_next(&feed, UINT64_MAX, is_due, NULL, &item));
}

TEST(trace_feed_gives_the_wake_ups_that_were_left_out)
{
    set_up();
    put_switched(100, 6, false);
    put_switched(200, 7, true);
    put_switched(300, 6, true);
    put_switched(400, 8, false);
    (void)gor__feed_fill(&feed);
    check_switched(100, 6);
    check_ready(100, 7);
    check_switched(200, 7);
    check_ready(200, 6);
    check_switched(300, 6);
    check_switched(400, 8);
    check_end();
    tear_down();
}

TEST(trace_feed_gives_a_wake_up_whose_waker_was_read_before)
{
    set_up();
    put_switched(100, 6, false);
    (void)gor__feed_fill(&feed);
    check_switched(100, 6);
    put_switched(200, 7, true);
    (void)gor__feed_fill(&feed);
    check_ready(100, 7);
    check_switched(200, 7);
    check_end();
    tear_down();
}

TEST(trace_feed_gives_a_wake_up_whose_waker_was_lost)
{
    set_up();
    for (uint64_t i = 1; i <= (uint64_t)2 * SIZE; i++) {
        put_switched(i * 100, 7, true);
    }
    (void)gor__feed_fill(&feed);
    CHECK_EQ(next_item().event, GOR__TRACE_GAP);
    CHECK_EQ(next_item().event, GOR__TRACE_GAP_ENDS);
    uint64_t first = (SIZE + GOR__TRACE_UNIT_MAX + 1) * (uint64_t)100;
    check_ready(first, 7);
    check_switched(first, 7);
    check_ready(first, 7);
    check_switched(first + 100, 7);
    tear_down();
}

/* Under ThreadSanitizer the runtime is never solo, and each is a record of its own. */
#if !defined(gor__solo)

/* The event of the record of that number. */
static uint64_t event_at(uint64_t number)
{
    CHECK_INT(number, <, gor__trace_ring_head(&proc.trace));
    return memory[number].what & ((1 << GOR__TRACE_EVENT_BITS) - 1);
}

static bool says_woken(uint64_t number)
{
    return (memory[number].what & gor__trace_what(0, GOR__TRACE_WOKEN)) != 0;
}

/* As while the runtime has one P for good and switches come fast. */
static void hurry(void)
{
    gor__solo = true;
    proc.trace.woken = GOR__TRACE_WAKE_LATER;
}

TEST(trace_ring_says_in_one_who_is_woken_and_runs)
{
    static struct gor__g left = {.id = 6, .state = GOR_WAITING};
    static struct gor__g next = {.id = 7};
    set_up();
    hurry();
    CHECK(gor__trace_leaves_out(&proc, &next));
    CHECK_EQ(gor__trace_ring_head(&proc.trace), 0);
    gor__trace_switch(&proc, gor__trace_why(&left), &next);
    CHECK_EQ(gor__trace_ring_head(&proc.trace), 1);
    CHECK_EQ(event_at(0), GOR__TRACE_SWITCHED);
    CHECK(says_woken(0));
    gor__solo = false;
    tear_down();
}

TEST(trace_ring_says_in_two_who_is_woken_and_who_runs)
{
    static struct gor__g left = {.id = 6, .state = GOR_WAITING};
    static struct gor__g next = {.id = 7};
    static struct gor__g other = {.id = 8};
    set_up();
    hurry();
    CHECK(gor__trace_leaves_out(&proc, &other));
    gor__trace_switch(&proc, gor__trace_why(&left), &next);
    CHECK_EQ(gor__trace_ring_head(&proc.trace), 2);
    CHECK_EQ(event_at(0), GOR__TRACE_READY);
    CHECK_EQ(memory[0].id, 8);
    CHECK_EQ(event_at(1), GOR__TRACE_SWITCHED);
    CHECK(!says_woken(1));
    gor__solo = false;
    tear_down();
}

TEST(trace_ring_says_who_is_woken_before_anything_else)
{
    static struct gor__g next = {.id = 7};
    set_up();
    hurry();
    CHECK(gor__trace_leaves_out(&proc, &next));
    gor__trace_proc(&proc, GOR__TRACE_FIRED, 1, 0, 0);
    CHECK_EQ(gor__trace_ring_head(&proc.trace), 2);
    CHECK_EQ(event_at(0), GOR__TRACE_READY);
    CHECK_EQ(memory[0].id, 7);
    CHECK_EQ(event_at(1), GOR__TRACE_FIRED);
    gor__solo = false;
    tear_down();
}

#endif
