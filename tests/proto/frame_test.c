/* SPDX-License-Identifier: MIT */
/* frame_test.c - messages out of a stream of bytes, in portions of every size. */
#include <errno.h>
#include <stdlib.h>

#include "proto/frame.h"
#include "tests/test.h"

/* Messages of the sizes 0, 1, 2, ... each filled with its size. */
static uint8_t *make_stream(size_t count, size_t *out_size)
{
    uint8_t *stream = malloc(count * (WIRE_PREFIX_BYTES + count));
    size_t size = 0;
    CHECK(stream != NULL);
    for (size_t i = 0; i < count; i++) {
        wire_prefix_write(stream + size, (uint32_t)i);
        memset(stream + size + WIRE_PREFIX_BYTES, (int)i, i);
        size += WIRE_PREFIX_BYTES + i;
    }
    *out_size = size;
    return stream;
}

static void check_message(const struct wire_message *message, size_t expected)
{
    CHECK_EQ(message->size, expected);
    for (size_t i = 0; i < message->size; i++) {
        CHECK_EQ(message->data[i], expected & 0xff);
    }
}

static void check_portions(size_t portion)
{
    enum { COUNT = 100 };
    size_t size;
    uint8_t *stream = make_stream(COUNT, &size);
    struct wire_reader reader;
    size_t seen = 0;
    wire_reader_init(&reader, COUNT);
    for (size_t at = 0; at < size; at += portion) {
        size_t left = size - at < portion ? size - at : portion;
        uint8_t *copy = malloc(left); /* exact, so that ASan sees a read beyond it */
        CHECK(copy != NULL);
        memcpy(copy, stream + at, left);
        size_t used = 0;
        while (used < left) {
            struct wire_message message;
            size_t step;
            int result = wire_reader_feed(&reader, copy + used, left - used, &step, &message);
            CHECK_INT(result, >=, 0);
            used += step;
            if (result == 1) {
                check_message(&message, seen++);
            }
        }
        free(copy);
    }
    CHECK_EQ(seen, COUNT);
    CHECK(wire_reader_is_idle(&reader));
    wire_reader_fini(&reader);
    free(stream);
}

TEST(frames_are_read_whatever_the_portions)
{
    for (size_t portion = 1; portion < 300; portion += portion < 20 ? 1 : 37) {
        check_portions(portion);
    }
    check_portions(1 << 20);
}

static int feed(struct wire_reader *reader, const uint8_t *data, size_t size)
{
    struct wire_message message;
    size_t used;
    return wire_reader_feed(reader, data, size, &used, &message);
}

static int feed_prefix(size_t max_bytes, uint8_t flag, uint32_t size)
{
    uint8_t prefix[WIRE_PREFIX_BYTES];
    struct wire_reader reader;
    wire_prefix_write(prefix, size);
    prefix[0] = flag;
    wire_reader_init(&reader, max_bytes);
    int result = feed(&reader, prefix, sizeof prefix);
    CHECK(reader.data == NULL); /* nothing is allocated for a promise */
    wire_reader_fini(&reader);
    return result;
}

TEST(frame_prefix_is_judged_before_anything_is_allocated)
{
    CHECK_EQ(feed_prefix(100, 0, 0), 1);
    CHECK_EQ(feed_prefix(100, 0, 100), 0);
    CHECK_EQ(feed_prefix(100, 0, 101), -EMSGSIZE);
    CHECK_EQ(feed_prefix(100, 0, UINT32_MAX), -EMSGSIZE);
    CHECK_EQ(feed_prefix(100, 1, 5), -ENOTSUP);
    CHECK_EQ(feed_prefix(100, 2, 5), -EPROTO);
    CHECK_EQ(feed_prefix(100, 255, 5), -EPROTO);
}

TEST(frame_memory_grows_with_what_arrives)
{
    uint8_t prefix[WIRE_PREFIX_BYTES];
    static const uint8_t bytes[1000];
    struct wire_reader reader;
    wire_prefix_write(prefix, 1 << 30);
    wire_reader_init(&reader, SIZE_MAX);
    CHECK_EQ(feed(&reader, prefix, sizeof prefix), 0);
    CHECK_EQ(feed(&reader, bytes, sizeof bytes), 0);
    CHECK_INT(reader.capacity, <, 4096);
    CHECK(!wire_reader_is_idle(&reader));
    wire_reader_fini(&reader);
}
