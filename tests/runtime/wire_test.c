/* SPDX-License-Identifier: MIT */
/* wire_test.c - messages of protocol buffers, byte by byte and read back. */
#include <stdlib.h>

#include "runtime/debug/wire.h"
#include "tests/runtime/wire_reader.h"

static void check_bytes(const struct gor__wire *w, const void *expected, size_t count)
{
    CHECK(gor__wire_ok(w));
    CHECK_EQ(w->count, count);
    CHECK(memcmp(w->bytes, expected, count) == 0);
}

/* The examples of the format's own documentation. */
TEST(wire_fields_are_what_the_format_says)
{
    struct gor__wire w = {0};
    gor__wire_varint(&w, 1, 150);
    check_bytes(&w, "\x08\x96\x01", 3);
    gor__wire_clear(&w);
    gor__wire_text(&w, 2, "testing");
    check_bytes(&w, "\x12\x07testing", 9);
    gor__wire_clear(&w);
    size_t inner = gor__wire_open(&w, 3);
    gor__wire_varint(&w, 1, 150);
    gor__wire_close(&w, inner);
    check_bytes(&w, "\x1a\x03\x08\x96\x01", 5);
    gor__wire_clear(&w);
    size_t packed = gor__wire_open(&w, 6);
    gor__wire_packed(&w, 3);
    gor__wire_packed(&w, 270);
    gor__wire_packed(&w, 86942);
    gor__wire_close(&w, packed);
    check_bytes(&w, "\x32\x06\x03\x8e\x02\x9e\xa7\x05", 8);
    gor__wire_fini(&w);
}

TEST(wire_numbers_of_all_sizes_and_signs)
{
    struct gor__wire w = {0};
    gor__wire_varint(&w, 1, (uint64_t)INT64_C(-1));
    check_bytes(&w, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
    gor__wire_clear(&w);
    gor__wire_fixed64(&w, 1, UINT64_C(0x0807060504030201));
    check_bytes(&w, "\x09\x01\x02\x03\x04\x05\x06\x07\x08", 9);
    gor__wire_clear(&w);
    gor__wire_double(&w, 1, 1.0);
    check_bytes(&w, "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f", 9);
    gor__wire_clear(&w);
    gor__wire_varint(&w, (1 << 29) - 1, 0);
    check_bytes(&w, "\xf8\xff\xff\xff\x0f\x00", 6);
    CHECK_EQ(gor__wire_zigzag(0), 0);
    CHECK_EQ(gor__wire_zigzag(-1), 1);
    CHECK_EQ(gor__wire_zigzag(1), 2);
    CHECK(gor__wire_zigzag(INT64_MIN) == UINT64_MAX);
    gor__wire_fini(&w);
}

/* Messages within messages, each as long as a length's bytes begin to lack. */
static void write_nested(struct gor__wire *w, size_t bytes, int depth)
{
    char *filling = calloc(1, bytes + 1);
    memset(filling, 'x', bytes);
    size_t opened = gor__wire_open(w, 2);
    gor__wire_text(w, 1, filling);
    if (depth > 1) {
        write_nested(w, bytes, depth - 1);
    }
    gor__wire_varint(w, 3, (uint64_t)depth);
    gor__wire_close(w, opened);
    free(filling);
}

static void check_nested(struct wire_reader r, size_t bytes, int depth)
{
    CHECK(wire_next(&r) && r.field == 2);
    struct wire_reader inner = wire_inside(&r);
    CHECK(!wire_next(&r));
    CHECK(wire_next(&inner) && inner.field == 1);
    CHECK_EQ(inner.count, bytes);
    for (size_t i = 0; i < bytes; i++) {
        CHECK_EQ(inner.bytes[i], 'x');
    }
    if (depth > 1) {
        struct wire_reader rest = inner;
        CHECK(wire_next(&inner));
        rest.end = inner.at;
        check_nested(rest, bytes, depth - 1);
    }
    CHECK(wire_next(&inner) && inner.field == 3 && inner.value == (uint64_t)depth);
    CHECK(!wire_next(&inner));
}

TEST(wire_lengths_of_nested_messages_are_made_room_for)
{
    static const size_t sizes[] = {0, 1, 30, 63, 120, 123, 124, 127, 128, 4000, 16380, 70000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct gor__wire w = {0};
        write_nested(&w, sizes[i], 4);
        CHECK(gor__wire_ok(&w));
        check_nested((struct wire_reader){.at = w.bytes, .end = w.bytes + w.count}, sizes[i], 4);
        gor__wire_fini(&w);
    }
}

TEST(wire_out_of_memory_is_told_at_the_end)
{
    struct gor__wire w = {0};
    size_t opened = gor__wire_open(&w, 1);
    gor__wire_bytes(&w, 2, "", SIZE_MAX / 2 + 1);
    gor__wire_varint(&w, 3, 7);
    gor__wire_close(&w, opened);
    CHECK(!gor__wire_ok(&w));
    gor__wire_clear(&w);
    gor__wire_varint(&w, 1, 1);
    check_bytes(&w, "\x08\x01", 2);
    gor__wire_fini(&w);
    gor__wire_fini(&w);
}
