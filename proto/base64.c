/* SPDX-License-Identifier: MIT */
/* base64.c - see base64.h. */
#include "proto/base64.h"

static int digit_value(char digit)
{
    if (digit >= 'A' && digit <= 'Z') {
        return digit - 'A';
    }
    if (digit >= 'a' && digit <= 'z') {
        return digit - 'a' + 26;
    }
    if (digit >= '0' && digit <= '9') {
        return digit - '0' + 52;
    }
    if (digit == '+') {
        return 62;
    }
    return digit == '/' ? 63 : -1;
}

/* The length without padding; SIZE_MAX when the padding does not fill the last group. */
static size_t strip_padding(const char *text, size_t size)
{
    size_t bare = size;
    while (bare > 0 && size - bare < 2 && text[bare - 1] == '=') {
        bare--;
    }
    return bare != size && size % 4 != 0 ? SIZE_MAX : bare;
}

bool wire_base64_decode(const char *text, size_t size, uint8_t *out, size_t *out_size)
{
    size_t bare = strip_padding(text, size);
    if (bare == SIZE_MAX || bare % 4 == 1) {
        return false;
    }
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t used = 0;
    for (size_t i = 0; i < bare; i++) {
        int value = digit_value(text[i]);
        if (value < 0) {
            return false;
        }
        bits = (bits << 6) | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            if (out != NULL) {
                out[used] = (uint8_t)(bits >> bit_count);
            }
            used++;
            bits &= (1U << bit_count) - 1;
        }
    }
    if (bits != 0) {
        return false;
    }
    if (out_size != NULL) {
        *out_size = used;
    }
    return true;
}

size_t wire_base64_encode(const void *data, size_t size, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *bytes = data;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        bit_count += 8;
        while (bit_count >= 6) {
            bit_count -= 6;
            out[used++] = digits[bits >> bit_count & 63];
        }
    }
    if (bit_count > 0) {
        out[used++] = digits[bits << (6 - bit_count) & 63];
    }
    return used;
}
