/* SPDX-License-Identifier: MIT */
/* bytes.h - reads bytes that may be anything: a file that was cut off, or whose bits have flipped.
 *
 * Invariants  at <= end. Reading beyond the end answers zeroes, puts `at` to the end and sets `bad`,
 *             which stays: a row of reads needs one look at it.
 * Ownership   the bytes are borrowed.
 */
#ifndef GOR_DEBUG_BYTES_H
#define GOR_DEBUG_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct gor__bytes {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline size_t gor__bytes_left(const struct gor__bytes *bytes)
{
    return (size_t)(bytes->end - bytes->at);
}

static inline void gor__bytes_fail(struct gor__bytes *bytes)
{
    bytes->at = bytes->end;
    bytes->bad = true;
}

static inline void gor__bytes_skip(struct gor__bytes *bytes, uint64_t count)
{
    if (count > gor__bytes_left(bytes)) {
        gor__bytes_fail(bytes);
    } else {
        bytes->at += count;
    }
}

/* What lies from `offset` on; bad when that is outside. */
static inline struct gor__bytes gor__bytes_from(struct gor__bytes bytes, uint64_t offset)
{
    gor__bytes_skip(&bytes, offset);
    return bytes;
}

/* The next `count` bytes, which are passed over. */
static inline struct gor__bytes gor__bytes_take(struct gor__bytes *bytes, uint64_t count)
{
    struct gor__bytes taken = *bytes;
    gor__bytes_skip(bytes, count);
    taken.bad = bytes->bad;
    taken.end = bytes->bad ? taken.at : bytes->at;
    return taken;
}

/* A number of `size` bytes, at most 8, lowest first. */
static inline uint64_t gor__bytes_number(struct gor__bytes *bytes, unsigned size)
{
    uint64_t value = 0;
    if (size > sizeof value || size > gor__bytes_left(bytes)) {
        gor__bytes_fail(bytes);
        return 0;
    }
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)bytes->at[i] << (8 * i);
    }
    bytes->at += size;
    return value;
}

static inline uint8_t gor__bytes_u8(struct gor__bytes *bytes)
{
    return (uint8_t)gor__bytes_number(bytes, 1);
}

static inline uint16_t gor__bytes_u16(struct gor__bytes *bytes)
{
    return (uint16_t)gor__bytes_number(bytes, 2);
}

static inline uint32_t gor__bytes_u32(struct gor__bytes *bytes)
{
    return (uint32_t)gor__bytes_number(bytes, 4);
}

/* LEB128: seven bits a byte. What does not fit into 64 bits is lost. */
static inline uint64_t gor__bytes_leb(struct gor__bytes *bytes, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte = 0x80;
    while ((byte & 0x80) != 0 && !bytes->bad) {
        byte = gor__bytes_u8(bytes);
        if (shift < 64) {
            value |= (uint64_t)(byte & 0x7f) << shift;
        }
        shift += 7;
    }
    if (is_signed && shift < 64 && (byte & 0x40) != 0) {
        value |= ~UINT64_C(0) << shift;
    }
    return value;
}

static inline uint64_t gor__bytes_uleb(struct gor__bytes *bytes)
{
    return gor__bytes_leb(bytes, false);
}

static inline int64_t gor__bytes_sleb(struct gor__bytes *bytes)
{
    return (int64_t)gor__bytes_leb(bytes, true);
}

/* A text that ends within the bytes; NULL: it does not. */
static inline const char *gor__bytes_text(struct gor__bytes *bytes)
{
    const char *text = (const char *)bytes->at;
    size_t left = gor__bytes_left(bytes);
    const uint8_t *end = left > 0 ? memchr(bytes->at, 0, left) : NULL;
    if (end == NULL) {
        gor__bytes_fail(bytes);
        return NULL;
    }
    bytes->at = end + 1;
    return text;
}

/* The text at `offset`; NULL: there is none. */
static inline const char *gor__bytes_text_at(struct gor__bytes bytes, uint64_t offset)
{
    gor__bytes_skip(&bytes, offset);
    return bytes.bad ? NULL : gor__bytes_text(&bytes);
}

#endif
