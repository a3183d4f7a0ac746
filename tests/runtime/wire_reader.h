/* SPDX-License-Identifier: MIT */
/* wire_reader.h - reads messages of protocol buffers, field by field: what the tests of profiles and
 * traces know of the format, written independently of what writes it.
 *
 *     struct wire_reader r = {bytes, bytes + count};
 *     while (wire_next(&r)) {
 *         switch (r.field) { ... r.value, r.bytes, r.count, wire_inside(&r) ... }
 *     }
 *
 * What is not well formed fails the test.
 */
#ifndef GOR_TESTS_RUNTIME_WIRE_READER_H
#define GOR_TESTS_RUNTIME_WIRE_READER_H

#include "tests/test.h"

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t field;
    uint32_t type;        /* 0 number, 1 fixed64, 2 bytes, 5 fixed32 */
    uint64_t value;       /* of numbers */
    const uint8_t *bytes; /* of bytes */
    size_t count;
};

__attribute__((unused)) static uint64_t wire_number(struct wire_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        CHECK(r->at < r->end);
        CHECK_INT(shift, <, 64);
        uint8_t byte = *r->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
}

static inline uint64_t wire_fixed(struct wire_reader *r, size_t count)
{
    uint64_t value = 0;
    CHECK_INT(r->end - r->at, >=, count);
    for (size_t i = 0; i < count; i++) {
        value |= (uint64_t)*r->at++ << (8 * i);
    }
    return value;
}

/* The next field; false at the end. */
__attribute__((unused)) static bool wire_next(struct wire_reader *r)
{
    if (r->at == r->end) {
        return false;
    }
    uint64_t key = wire_number(r);
    r->field = (uint32_t)(key >> 3);
    r->type = (uint32_t)(key & 7);
    CHECK(r->field != 0);
    switch (r->type) {
    case 0:
        r->value = wire_number(r);
        break;
    case 1:
        r->value = wire_fixed(r, 8);
        break;
    case 2:
        r->count = wire_number(r);
        CHECK_INT(r->count, <=, r->end - r->at);
        r->bytes = r->at;
        r->at += r->count;
        break;
    case 5:
        r->value = wire_fixed(r, 4);
        break;
    default:
        test_fail(__FILE__, __LINE__, "field %u has type %u, which is none", r->field, r->type);
    }
    return true;
}

/* The message within the field that was just read, or the numbers packed in it. */
__attribute__((unused)) static struct wire_reader wire_inside(const struct wire_reader *r)
{
    CHECK_EQ(r->type, 2);
    return (struct wire_reader){.at = r->bytes, .end = r->bytes + r->count};
}

#endif
