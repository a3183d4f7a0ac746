/* SPDX-License-Identifier: MIT */
/* frame.c - see frame.h. */
#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 512 };

void wire_reader_init(struct wire_reader *reader, size_t max_bytes)
{
    memset(reader, 0, sizeof *reader);
    reader->max_bytes = max_bytes;
}

void wire_reader_fini(struct wire_reader *reader)
{
    free(reader->data);
    reader->data = NULL;
}

void wire_prefix_write(uint8_t out_prefix[WIRE_PREFIX_BYTES], uint32_t size)
{
    out_prefix[0] = 0;
    out_prefix[1] = (uint8_t)(size >> 24);
    out_prefix[2] = (uint8_t)(size >> 16);
    out_prefix[3] = (uint8_t)(size >> 8);
    out_prefix[4] = (uint8_t)size;
}

uint32_t wire_prefix_size(const uint8_t prefix[WIRE_PREFIX_BYTES])
{
    return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 |
           (uint32_t)prefix[4];
}

bool wire_reader_is_idle(const struct wire_reader *reader)
{
    return reader->prefix_size == 0;
}

static int check_prefix(struct wire_reader *reader)
{
    if (reader->prefix[0] > 1) {
        return -EPROTO;
    }
    if (reader->prefix[0] == 1 && !reader->takes_gzip) {
        return -ENOTSUP;
    }
    reader->wanted = wire_prefix_size(reader->prefix);
    return reader->wanted > reader->max_bytes ? -EMSGSIZE : 0;
}

/* Room for `more` bytes that are here already. */
static int grow(struct wire_reader *reader, size_t more)
{
    size_t needed = reader->size + more;
    if (needed <= reader->capacity) {
        return 0;
    }
    size_t capacity = reader->capacity > 0 ? reader->capacity : FIRST_CAPACITY;
    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity > reader->wanted) {
        capacity = reader->wanted > needed ? reader->wanted : needed;
    }
    uint8_t *data = realloc(reader->data, capacity);
    if (data == NULL) {
        return -ENOMEM;
    }
    reader->data = data;
    reader->capacity = capacity;
    return 0;
}

static void finish_message(struct wire_reader *reader, const uint8_t *data,
                           struct wire_message *out_message)
{
    *out_message = (struct wire_message){data, reader->wanted, reader->prefix[0] == 1};
    reader->prefix_size = 0;
    reader->size = 0;
}

/* The prefix is complete: take message bytes. Returns 1, 0 or -ENOMEM as wire_reader_feed(). */
static int feed_body(struct wire_reader *reader, const uint8_t *portion, size_t size,
                     size_t *out_taken, struct wire_message *out_message)
{
    size_t missing = reader->wanted - reader->size;
    if (reader->size == 0 && size >= missing) {
        *out_taken = missing;
        finish_message(reader, portion, out_message);
        return 1;
    }
    size_t taken = size < missing ? size : missing;
    if (taken > 0) {
        int error = grow(reader, taken);
        if (error != 0) {
            return error;
        }
        memcpy(reader->data + reader->size, portion, taken);
        reader->size += taken;
    }
    *out_taken = taken;
    if (reader->size < reader->wanted) {
        return 0;
    }
    finish_message(reader, reader->data, out_message);
    return 1;
}

int wire_reader_feed(struct wire_reader *reader, const uint8_t *portion, size_t size,
                     size_t *out_used, struct wire_message *out_message)
{
    size_t used = 0;
    while (reader->prefix_size < WIRE_PREFIX_BYTES && used < size) {
        reader->prefix[reader->prefix_size++] = portion[used++];
        if (reader->prefix_size == WIRE_PREFIX_BYTES) {
            int error = check_prefix(reader);
            if (error != 0) {
                *out_used = size;
                return error;
            }
        }
    }
    if (reader->prefix_size < WIRE_PREFIX_BYTES) {
        *out_used = used;
        return 0;
    }
    size_t taken = 0;
    int result = feed_body(reader, portion + used, size - used, &taken, out_message);
    *out_used = result < 0 ? size : used + taken;
    return result;
}
