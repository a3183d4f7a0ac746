/* SPDX-License-Identifier: MIT */
#include "daemon/runner/logframe.h"

#include <string.h>

#include "base/hash.h"

static void put(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)p[i] << (8 * i);
    }
    return value;
}

/* Over a number, all of it in one step, and bytes. */
static uint64_t hash_of(const uint8_t *bytes, unsigned count, uint64_t number)
{
    return hash_fnv1a64((HASH_FNV1A64_BASIS ^ number) * HASH_FNV1A64_PRIME, bytes, count);
}

/* Over the offset and everything behind the check. */
static uint32_t check_of(const uint8_t *header, uint64_t offset)
{
    uint64_t hash = hash_of(header + 4, GORD_FRAME_HEADER_BYTES - 4, offset);

    return (uint32_t)(hash ^ (hash >> 32));
}

void gord_frame_encode(const struct gord_frame *frame, uint64_t offset,
                       uint8_t out[GORD_FRAME_HEADER_BYTES])
{
    memset(out, 0, GORD_FRAME_HEADER_BYTES);
    out[4] = (uint8_t)frame->stream;
    put(out + 8, frame->length, 4);
    put(out + 16, (uint64_t)frame->at_ns, 8);
    put(out, check_of(out, offset), 4);
}

bool gord_frame_decode(const uint8_t header[GORD_FRAME_HEADER_BYTES], uint64_t offset,
                       struct gord_frame *out_frame)
{
    uint32_t length = (uint32_t)get(header + 8, 4);

    if (get(header, 4) != check_of(header, offset)) {
        return false;
    }
    if (header[4] < GORD_STDOUT || header[4] > GORD_REMARK || length == 0 ||
        length > GORD_FRAME_MAX) {
        return false;
    }
    out_frame->stream = (enum gord_stream)header[4];
    out_frame->length = length;
    out_frame->at_ns = (int64_t)get(header + 16, 8);
    return true;
}

enum { TAIL_CHECK_AT = GORD_TAIL_HEADER_BYTES - 8 };

void gord_tail_encode(const struct gord_tail *tail, uint8_t out[GORD_TAIL_HEADER_BYTES])
{
    memcpy(out, GORD_TAIL_MAGIC, 8);
    put(out + 8, tail->first, 8);
    put(out + 16, tail->head_end, 8);
    put(out + 24, tail->before, 8);
    put(out + 32, (uint64_t)tail->at_ns, 8);
    put(out + TAIL_CHECK_AT, hash_of(out, TAIL_CHECK_AT, 0), 8);
}

bool gord_tail_decode(const uint8_t header[GORD_TAIL_HEADER_BYTES], struct gord_tail *out_tail)
{
    if (memcmp(header, GORD_TAIL_MAGIC, 8) != 0 ||
        get(header + TAIL_CHECK_AT, 8) != hash_of(header, TAIL_CHECK_AT, 0)) {
        return false;
    }
    out_tail->first = get(header + 8, 8);
    out_tail->head_end = get(header + 16, 8);
    out_tail->before = get(header + 24, 8);
    out_tail->at_ns = (int64_t)get(header + 32, 8);
    return out_tail->first >= out_tail->head_end && out_tail->head_end >= GORD_LOGFILE_MAGIC_BYTES;
}
