/* SPDX-License-Identifier: MIT */
/* bombs.h - messages of a few kilobytes that unfold to megabytes.
 *
 * Ownership   what is made is the caller's to free.
 */
#ifndef GOR_TESTS_RPC_BOMBS_H
#define GOR_TESTS_RPC_BOMBS_H

#include "proto/frame.h"
#include "proto/gzip.h"
#include "tests/rpc/raw.h"

static const struct raw_field gzip_stream_headers[] = {
    RAW_GOOD_HEADERS("/gor.v1.Jobs/SubmitStream"), {"grpc-encoding", "gzip"}, {NULL, NULL}};

/* Messages of few bytes that are nearly 4 MiB each: a field that nobody knows. */
static inline uint8_t *make_bombs(int count, size_t *out_size)
{
    static uint8_t zeros[(4 << 20) - 64] = {0xfa, 0x07, 0xba, 0xff, 0xff, 0x01}; /* field 127 */
    uint8_t *packed;
    size_t size;
    CHECK_EQ(wire_gzip(zeros, sizeof zeros, &packed, &size), 0);
    *out_size = (size_t)count * (WIRE_PREFIX_BYTES + size);
    uint8_t *bytes = malloc(*out_size);
    CHECK(bytes != NULL);
    for (int i = 0; i < count; i++) {
        uint8_t *at = bytes + (size_t)i * (WIRE_PREFIX_BYTES + size);
        wire_prefix_write(at, (uint32_t)size);
        at[0] = 1;
        memcpy(at + WIRE_PREFIX_BYTES, packed, size);
    }
    free(packed);
    return bytes;
}

#endif
