/* SPDX-License-Identifier: MIT */
/* trace_ring_test.c - the ring of a trace: whoever reads gets whole records, in order, and knows how
 * many it has missed, whatever the writer does meanwhile. */
#include <pthread.h>

#include "runtime/sched/trace_ring.h"
#include "tests/runtime/help.h"

enum { SIZE = 128, KEPT = SIZE - GOR__TRACE_UNIT_MAX };

static struct gor__trace_record memory[SIZE];

static struct gor__trace_ring fresh_ring(void)
{
    memset(memory, 0, sizeof memory);
    struct gor__trace_ring ring = {0};
    gor__trace_ring_init(&ring, memory, SIZE);
    return ring;
}

static struct gor__trace_record record_of(uint64_t number)
{
    return (struct gor__trace_record){number, number * 3, number * 5, number * 7};
}

static void check_record(const struct gor__trace_record *record, uint64_t number)
{
    CHECK_EQ(record->ticks, number);
    CHECK_EQ(record->id, number * 3);
    CHECK_EQ(record->what, number * 5);
    CHECK_EQ(record->b, number * 7);
}

static void put_many(struct gor__trace_ring *ring, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        struct gor__trace_record record = record_of(i);
        gor__trace_ring_put(ring, &record);
    }
}

TEST(trace_ring_gives_what_was_put_once)
{
    struct gor__trace_ring ring = fresh_ring();
    struct gor__trace_record out[SIZE];
    uint64_t from = 0;
    uint64_t lost = 0;
    CHECK_EQ(gor__trace_ring_read(&ring, &from, out, SIZE, &lost), 0);
    put_many(&ring, 0, 10);
    CHECK_EQ(gor__trace_ring_read(&ring, &from, out, 4, &lost), 4);
    check_record(&out[3], 3);
    CHECK_EQ(gor__trace_ring_read(&ring, &from, out, SIZE, &lost), 6);
    check_record(&out[0], 4);
    check_record(&out[5], 9);
    CHECK_EQ(gor__trace_ring_read(&ring, &from, out, SIZE, &lost), 0);
    CHECK_EQ(lost, 0);
}

TEST(trace_ring_counts_what_was_overwritten)
{
    struct gor__trace_ring ring = fresh_ring();
    struct gor__trace_record out[SIZE];
    uint64_t from = 0;
    uint64_t lost = 0;
    put_many(&ring, 0, 1000);
    CHECK_EQ(gor__trace_ring_read(&ring, &from, out, SIZE, &lost), KEPT);
    CHECK_EQ(lost, 1000 - KEPT);
    check_record(&out[0], 1000 - KEPT);
    check_record(&out[KEPT - 1], 999);
    CHECK_EQ(from, 1000);
}

TEST(trace_ring_pushes_a_unit_at_once)
{
    struct gor__trace_ring ring = fresh_ring();
    struct gor__trace_record out[SIZE];
    struct gor__trace_record unit[GOR__TRACE_UNIT_MAX];
    uint64_t from = 0;
    uint64_t lost = 0;
    for (uint64_t turn = 0; turn < 50; turn++) {
        for (uint64_t i = 0; i < GOR__TRACE_UNIT_MAX; i++) {
            unit[i] = record_of(turn * GOR__TRACE_UNIT_MAX + i);
        }
        gor__trace_ring_push(&ring, unit, GOR__TRACE_UNIT_MAX);
        CHECK_EQ(gor__trace_ring_read(&ring, &from, out, SIZE, &lost), GOR__TRACE_UNIT_MAX);
        check_record(&out[0], turn * GOR__TRACE_UNIT_MAX);
    }
    CHECK_EQ(lost, 0);
}

struct race {
    struct gor__trace_ring ring;
    uint64_t total;
};

static void *write_all(void *arg)
{
    struct race *race = arg;
    put_many(&race->ring, 0, race->total);
    return NULL;
}

TEST(trace_ring_is_read_whole_while_it_is_written)
{
    struct race race = {fresh_ring(), SCALED(3000000, 1000000, 200000)};
    struct gor__trace_record out[SIZE];
    pthread_t writer;
    uint64_t from = 0;
    uint64_t lost = 0;
    uint64_t seen = 0;
    CHECK_EQ(pthread_create(&writer, NULL, write_all, &race), 0);
    while (from < race.total) {
        size_t got = gor__trace_ring_read(&race.ring, &from, out, SIZE, &lost);
        for (size_t i = 0; i < got; i++) {
            check_record(&out[i], from - got + i);
        }
        seen += got;
    }
    CHECK_EQ(pthread_join(writer, NULL), 0);
    CHECK_EQ(seen + lost, race.total);
    CHECK_INT(seen, >=, 1);
}
