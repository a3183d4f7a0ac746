/* SPDX-License-Identifier: MIT */
/* gzip.c - see gzip.h: RFC 1952, with the stored blocks of RFC 1951. */
#include "runtime/debug/gzip.h"

#include <stdint.h>

enum { BLOCK_MAX = 65535 };

/* Four bits at a time: the table is small enough to be read over. */
static uint32_t crc32_of(const unsigned char *bytes, size_t count)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void put_little(unsigned char *out, uint32_t value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (unsigned char)(value >> 8 * i);
    }
}

int gor__gzip_store(const void *bytes, size_t count,
                    int (*write)(void *arg, const void *bytes, size_t count), void *arg)
{
    /* deflate; no flags, no time, no extras; of a Unix. */
    static const unsigned char head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
    const unsigned char *at = bytes;
    size_t left = count;
    int result = write(arg, head, sizeof head);
    do {
        unsigned char block[5];
        size_t length = left < BLOCK_MAX ? left : BLOCK_MAX;
        left -= length;
        block[0] = left == 0; /* the last one */
        put_little(block + 1, (uint32_t)length, 2);
        put_little(block + 3, ~(uint32_t)length, 2);
        if (result == 0) {
            result = write(arg, block, sizeof block);
        }
        if (result == 0 && length > 0) {
            result = write(arg, at, length);
        }
        at += length;
    } while (left > 0 && result == 0);
    unsigned char tail[8];
    put_little(tail, crc32_of(bytes, count), 4);
    put_little(tail + 4, (uint32_t)count, 4);
    return result == 0 ? write(arg, tail, sizeof tail) : result;
}
