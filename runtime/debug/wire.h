/* SPDX-License-Identifier: MIT */
/* wire.h - writes messages of protocol buffers into memory that grows: what profiles and traces are
 * made of.
 *
 * Out of memory is remembered, and what is written after it is dropped: a caller writes all of its
 * message and looks once, at gor__wire_ok.
 *
 * Threads     one at a time, outside the door: it calls malloc.
 * Ownership   the struct is the caller's and ready when zeroed; `bytes` belongs to it until
 *             gor__wire_fini, or until the caller takes it and zeroes the struct.
 */
#ifndef GOR_DEBUG_WIRE_H
#define GOR_DEBUG_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gor__wire {
    uint8_t *bytes; /* owned; from malloc */
    size_t count;
    size_t room;
    bool failed; /* out of memory, once */
};

void gor__wire_fini(struct gor__wire *w);

static inline bool gor__wire_ok(const struct gor__wire *w)
{
    return !w->failed;
}

/* Begin anew with the memory there is; a failure is forgotten. */
static inline void gor__wire_clear(struct gor__wire *w)
{
    w->count = 0;
    w->failed = false;
}

/* A field of type uint32, uint64, bool or enum; of int32 or int64, cast to uint64_t; sint32 and
 * sint64 by gor__wire_zigzag. A zero is written, too: in proto3 it may be left out, by the caller. */
void gor__wire_varint(struct gor__wire *w, uint32_t field, uint64_t value);

static inline uint64_t gor__wire_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

/* fixed64, sfixed64; and double. */
void gor__wire_fixed64(struct gor__wire *w, uint32_t field, uint64_t value);
void gor__wire_double(struct gor__wire *w, uint32_t field, double value);

/* bytes, a string, or a message that was written elsewhere. */
void gor__wire_bytes(struct gor__wire *w, uint32_t field, const void *bytes, size_t count);
void gor__wire_text(struct gor__wire *w, uint32_t field, const char *text);

/* A message within the message, or a packed field: what is written until gor__wire_close, which is
 * given what open has answered. They nest. */
size_t gor__wire_open(struct gor__wire *w, uint32_t field);
void gor__wire_close(struct gor__wire *w, size_t opened);

/* One more number of an open packed field. */
void gor__wire_packed(struct gor__wire *w, uint64_t value);

#endif
