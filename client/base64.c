/* SPDX-License-Identifier: MIT */
/* base64.c - see base64.h. */
#include "client/base64.h"

#include <stdint.h>

#include "client/alloc.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *gorctl_base64_encode(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    char *text = gorctl_alloc((length + 2) / 3 * 4 + 1);
    char *to = text;
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t group = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                         (left > 2 ? at[i + 2] : 0);
        *to++ = letters[group >> 18];
        *to++ = letters[group >> 12 & 63];
        *to++ = '=';
        *to++ = '=';
        if (left > 1) {
            to[-2] = letters[group >> 6 & 63];
        }
        if (left > 2) {
            to[-1] = letters[group & 63];
        }
    }
    return text;
}
