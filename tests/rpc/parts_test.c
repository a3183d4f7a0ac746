/* SPDX-License-Identifier: MIT */
/* parts_test.c - the queue of outgoing messages and the heap of deadlines, by themselves. */
#include "base/list.h"
#include "proto/frame.h"
#include "rpc/queue.h"
#include "rpc/timers.h"
#include "tests/rpc/fixture.h"

TEST(queue_gives_back_what_went_in_and_knows_its_boundaries)
{
    struct rpc_queue queue = {0};
    struct wire_reader reader;
    uint64_t random = test_seed();
    int added = 0;
    int seen = 0;
    wire_reader_init(&reader, SIZE_MAX);
    while (seen < 2000) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        if (added < 2000 && (random >> 60) < 8) {
            uint8_t bytes[300];
            memset(bytes, added & 0xff, sizeof bytes);
            CHECK_EQ(rpc_queue_add_packed(&queue, bytes, (size_t)added % 300), 0);
            added++;
        }
        uint8_t out[97];
        size_t size = rpc_queue_read(&queue, out, (random >> 40) % sizeof out);
        for (size_t used = 0; used < size;) {
            struct wire_message message;
            size_t step;
            int result = wire_reader_feed(&reader, out + used, size - used, &step, &message);
            CHECK_INT(result, >=, 0);
            used += step;
            if (result == 1) {
                CHECK_EQ(message.size, seen % 300);
                CHECK(message.size == 0 || message.data[message.size - 1] == (seen & 0xff));
                seen++;
            }
        }
        CHECK_EQ(rpc_queue_at_boundary(&queue), wire_reader_is_idle(&reader));
    }
    CHECK_EQ(rpc_queue_size(&queue), 0);
    CHECK_EQ(rpc_queue_read(&queue, (uint8_t[1]){0}, 1), 0);
    wire_reader_fini(&reader);
    rpc_queue_fini(&queue);
}

TEST(queue_gives_much_memory_back)
{
    struct rpc_queue queue = {0};
    static uint8_t bytes[100000];
    CHECK_EQ(rpc_queue_add_packed(&queue, bytes, sizeof bytes), 0);
    CHECK_INT(queue.capacity, >=, sizeof bytes);
    rpc_queue_reset(&queue);
    CHECK_EQ(queue.capacity, 0);
    CHECK_EQ(rpc_queue_add_packed(&queue, bytes, 10), 0);
    rpc_queue_reset(&queue);
    CHECK_EQ(rpc_queue_size(&queue), 0);
    CHECK_INT(queue.capacity, >, 0);
    rpc_queue_fini(&queue);
}

TEST(list_moves_whole)
{
    struct list_link from;
    struct list_link to;
    struct list_link links[3] = {{0}, {0}, {0}};
    list_init(&from);
    list_move(&from, &to);
    CHECK(list_is_empty(&to));
    for (int i = 0; i < 3; i++) {
        list_append(&from, &links[i]);
    }
    list_move(&from, &to);
    CHECK(list_is_empty(&from));
    list_remove(&links[1]);
    list_remove(&links[1]);
    CHECK(!list_link_is_listed(&links[1]));
    CHECK(list_pop(&to) == &links[0]);
    CHECK(list_pop(&to) == &links[2]);
    CHECK(list_pop(&to) == NULL);
}

TEST(list_takes_first_or_last_and_knows_copies)
{
    struct list_link head;
    struct list_link links[3] = {{0}, {0}, {0}};
    list_init(&head);
    list_prepend(&head, &links[1]);
    list_prepend(&head, &links[0]);
    list_append(&head, &links[2]);
    struct list_link copy = links[1];
    list_relink(&copy);
    CHECK(list_pop(&head) == &links[0]);
    CHECK(list_pop(&head) == &copy);
    CHECK(list_pop(&head) == &links[2]);
    CHECK(list_is_empty(&head));
}

enum { TIMERS = 500 };

static struct rpc_timer timers[TIMERS];
static struct rpc_timers heap;
static int fired;
static int64_t last_ns;

static void on_fire(struct rpc_timer *timer)
{
    CHECK_INT(timer->at_ns, >=, last_ns);
    CHECK_INT(rpc_now(), >=, timer->at_ns);
    CHECK_EQ(timer->slot, 0);
    last_ns = timer->at_ns;
    fired++;
}

TEST(timers_fire_in_order_and_only_those_that_are_set)
{
    uv_loop_t loop;
    uint64_t random = test_seed();
    bool set[TIMERS] = {false};
    int expected = 0;
    CHECK_EQ(uv_loop_init(&loop), 0);
    CHECK_EQ(rpc_timers_init(&heap, &loop), 0);
    /* All are set, moved and cleared at random before the first may fire. */
    int64_t base = rpc_after(20 * MILLISECOND);
    for (int i = 0; i < 20 * TIMERS; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        size_t which = (random >> 33) % TIMERS;
        timers[which].fire = on_fire;
        if ((random >> 60) < 5) {
            rpc_timer_clear(&heap, &timers[which]);
            set[which] = false;
        } else {
            CHECK_EQ(rpc_timer_set(&heap, &timers[which], base + (int64_t)(random % 30000000)), 0);
            set[which] = true;
        }
    }
    for (int i = 0; i < TIMERS; i++) {
        expected += set[i];
    }
    while (fired < expected) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    CHECK_EQ(fired, expected);
    CHECK_EQ(heap.count, 0);
    uv_close((uv_handle_t *)&heap.timer, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    rpc_timers_fini(&heap);
    CHECK_EQ(uv_loop_close(&loop), 0);
}

TEST(time_after_does_not_overflow)
{
    CHECK_EQ(rpc_after(INT64_MAX), INT64_MAX);
    CHECK_INT(rpc_after(SECOND), >, rpc_now());
}
