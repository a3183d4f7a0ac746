/* SPDX-License-Identifier: MIT */
/* wire.c - see wire.h.
 *
 * The length of a nested message stands before it and is known after it. One byte is left for it,
 * which most messages need no more than; else what was written is moved by the bytes that lack.
 * Measuring first, as generated code does, was rejected: everything would be walked twice.
 */
#include "runtime/debug/wire.h"

#include <stdlib.h>
#include <string.h>

enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2 };
enum { VARINT_MAX = 10, FIRST_ROOM = 4096 };

void gor__wire_fini(struct gor__wire *w)
{
    free(w->bytes);
    memset(w, 0, sizeof *w);
}

/* Room for `count` more bytes; false when there is no memory, now or before. */
static bool reserve(struct gor__wire *w, size_t count)
{
    if (w->failed) {
        return false;
    }
    if (w->room - w->count >= count) {
        return true;
    }
    size_t room = w->room != 0 ? w->room : FIRST_ROOM;
    while (room - w->count < count && room <= SIZE_MAX / 2) {
        room *= 2;
    }
    uint8_t *bytes = room - w->count >= count ? realloc(w->bytes, room) : NULL;
    if (bytes == NULL) {
        w->failed = true;
        return false;
    }
    w->bytes = bytes;
    w->room = room;
    return true;
}

static size_t encode(uint8_t *out, uint64_t value)
{
    size_t count = 0;
    while (value >= 0x80) {
        out[count++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[count++] = (uint8_t)value;
    return count;
}

void gor__wire_packed(struct gor__wire *w, uint64_t value)
{
    if (reserve(w, VARINT_MAX)) {
        w->count += encode(w->bytes + w->count, value);
    }
}

static void put_key(struct gor__wire *w, uint32_t field, uint32_t type)
{
    gor__wire_packed(w, (uint64_t)field << 3 | type);
}

void gor__wire_varint(struct gor__wire *w, uint32_t field, uint64_t value)
{
    put_key(w, field, VARINT);
    gor__wire_packed(w, value);
}

void gor__wire_fixed64(struct gor__wire *w, uint32_t field, uint64_t value)
{
    put_key(w, field, FIXED64);
    if (reserve(w, sizeof value)) {
        /* Least byte first, whatever the processor does. */
        for (size_t i = 0; i < sizeof value; i++) {
            w->bytes[w->count++] = (uint8_t)(value >> 8 * i);
        }
    }
}

void gor__wire_double(struct gor__wire *w, uint32_t field, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    gor__wire_fixed64(w, field, bits);
}

void gor__wire_bytes(struct gor__wire *w, uint32_t field, const void *bytes, size_t count)
{
    put_key(w, field, DELIMITED);
    gor__wire_packed(w, count);
    if (count > 0 && reserve(w, count)) {
        memcpy(w->bytes + w->count, bytes, count);
        w->count += count;
    }
}

void gor__wire_text(struct gor__wire *w, uint32_t field, const char *text)
{
    gor__wire_bytes(w, field, text, strlen(text));
}

size_t gor__wire_open(struct gor__wire *w, uint32_t field)
{
    put_key(w, field, DELIMITED);
    gor__wire_packed(w, 0);
    return w->count;
}

void gor__wire_close(struct gor__wire *w, size_t opened)
{
    uint8_t length[VARINT_MAX];
    if (!gor__wire_ok(w)) {
        return;
    }
    size_t bytes = encode(length, w->count - opened);
    if (!reserve(w, bytes - 1)) {
        return;
    }
    memmove(w->bytes + opened + bytes - 1, w->bytes + opened, w->count - opened);
    memcpy(w->bytes + opened - 1, length, bytes);
    w->count += bytes - 1;
}
