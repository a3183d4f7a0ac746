/* SPDX-License-Identifier: MIT */
/* frame.h - messages in a stream of bytes: one flag byte, four bytes of length, the message.
 *
 * The bytes may come in any portions. A message that lies whole in one portion is not copied. What
 * is kept grows with what has arrived, never with what a prefix promises.
 *
 * Threads     any, one at a time.
 * Ownership   caller's memory from wire_reader_init() to wire_reader_fini(). A message read points
 *             into the reader or the portion: valid until the next call.
 */
#ifndef GOR_PROTO_FRAME_H
#define GOR_PROTO_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_PREFIX_BYTES = 5 };

struct wire_reader {
    size_t max_bytes; /* of one message */
    bool takes_gzip;  /* compressed messages may come */
    uint8_t prefix[WIRE_PREFIX_BYTES];
    size_t prefix_size; /* how much of the prefix has arrived */
    size_t wanted;      /* size of the message, once the prefix is complete */
    uint8_t *data;      /* owned */
    size_t size;        /* of data, so far */
    size_t capacity;
};

struct wire_message {
    const uint8_t *data;
    size_t size;
    bool compressed;
};

void wire_reader_init(struct wire_reader *reader, size_t max_bytes);
void wire_reader_fini(struct wire_reader *reader);

/* Read on in a portion. *out_used bytes of it are done with after every return; on an error it is
 * the whole portion.
 *   1          a message: *out_message; call again with the rest of the portion
 *   0          the portion is used up
 *   -EMSGSIZE  the prefix announces more than max_bytes
 *   -ENOTSUP   the message is compressed, without takes_gzip
 *   -EPROTO    the flag byte is neither 0 nor 1
 *   -ENOMEM */
int wire_reader_feed(struct wire_reader *reader, const uint8_t *portion, size_t size,
                     size_t *out_used, struct wire_message *out_message);

/* Is it between two messages? False at the end of a stream means that it was cut. */
bool wire_reader_is_idle(const struct wire_reader *reader);

/* The prefix of an uncompressed message. */
void wire_prefix_write(uint8_t out_prefix[WIRE_PREFIX_BYTES], uint32_t size);

/* What it announces. */
uint32_t wire_prefix_size(const uint8_t prefix[WIRE_PREFIX_BYTES]);

#endif
