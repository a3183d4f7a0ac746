/* SPDX-License-Identifier: MIT */
/* gzip.c - see gzip.h. */
#include "proto/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    GZIP_BITS = 15 + 16, /* the largest window, and gzip's head and tail instead of zlib's */
    MEMORY_LEVEL = 8,
    FIRST_CAPACITY = 4096,
};

struct output {
    uint8_t *data;
    size_t capacity;
    size_t max_bytes;
};

/* More room behind what has been made. */
static int grow(struct output *output, z_stream *stream)
{
    size_t used = output->capacity;
    size_t capacity = used > 0 ? 2 * used : FIRST_CAPACITY;
    if (used > output->max_bytes) {
        return -EMSGSIZE;
    }
    if (capacity > output->max_bytes) {
        capacity = output->max_bytes + 1; /* one byte more shows that there are too many */
    }
    uint8_t *data = realloc(output->data, capacity);
    if (data == NULL) {
        return -ENOMEM;
    }
    output->data = data;
    output->capacity = capacity;
    stream->next_out = data + used;
    stream->avail_out = (uInt)(capacity - used);
    return 0;
}

static int inflate_all(z_stream *stream, struct output *output)
{
    int result;
    do {
        if (stream->avail_out == 0) {
            int error = grow(output, stream);
            if (error != 0) {
                return error;
            }
        }
        result = inflate(stream, Z_NO_FLUSH);
    } while (result == Z_OK);
    if (result == Z_MEM_ERROR) {
        return -ENOMEM;
    }
    if (result != Z_STREAM_END || stream->avail_in > 0) {
        return -EPROTO;
    }
    return output->capacity - stream->avail_out > output->max_bytes ? -EMSGSIZE : 0;
}

int wire_gunzip(const uint8_t *data, size_t size, size_t max_bytes, uint8_t **out_data,
                size_t *out_size)
{
    z_stream stream = {.next_in = (Bytef *)data, .avail_in = (uInt)size};
    struct output output = {.max_bytes = max_bytes};
    if (size > UINT_MAX || max_bytes >= UINT_MAX) {
        return -EMSGSIZE;
    }
    if (inflateInit2(&stream, GZIP_BITS) != Z_OK) {
        return -ENOMEM;
    }
    int error = inflate_all(&stream, &output);
    size_t made = output.capacity - stream.avail_out;
    (void)inflateEnd(&stream);
    if (error != 0) {
        free(output.data);
        return error;
    }
    *out_data = output.data;
    *out_size = made;
    return 0;
}

int wire_gzip(const uint8_t *data, size_t size, uint8_t **out_data, size_t *out_size)
{
    z_stream stream = {0};
    if (size > UINT_MAX || deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_BITS, MEMORY_LEVEL,
                                        Z_DEFAULT_STRATEGY) != Z_OK) {
        return -ENOMEM;
    }
    size_t bound = deflateBound(&stream, size);
    uint8_t *out = malloc(bound);
    if (out == NULL) {
        (void)deflateEnd(&stream);
        return -ENOMEM;
    }
    stream.next_in = (Bytef *)data;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)bound;
    (void)deflate(&stream, Z_FINISH); /* cannot fail with so much room */
    *out_data = out;
    *out_size = bound - stream.avail_out;
    (void)deflateEnd(&stream);
    return 0;
}
