/* SPDX-License-Identifier: MIT */
/* percent.c - see percent.h. */
#include "proto/percent.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "proto/utf8.h"

static bool is_plain(uint8_t byte)
{
    return byte >= 0x20 && byte <= 0x7e && byte != '%';
}

static size_t encode_char(const uint8_t *text, size_t length, char out[12])
{
    static const char digits[] = "0123456789ABCDEF";
    if (length == 1 && is_plain(text[0])) {
        out[0] = (char)text[0];
        return 1;
    }
    for (size_t i = 0; i < length; i++) {
        out[3 * i] = '%';
        out[3 * i + 1] = digits[text[i] >> 4];
        out[3 * i + 2] = digits[text[i] & 15];
    }
    return 3 * length;
}

size_t wire_percent_encode(const char *text, size_t size, char *out, size_t out_size)
{
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
    const uint8_t *bytes = (const uint8_t *)text;
    size_t used = 0;
    size_t i = 0;
    while (i < size) {
        char encoded[12];
        size_t length = wire_utf8_char(bytes + i, size - i);
        size_t encoded_size = length > 0 ? encode_char(bytes + i, length, encoded)
                                         : encode_char(replacement, sizeof replacement, encoded);
        if (encoded_size > out_size - used) {
            break;
        }
        memcpy(out + used, encoded, encoded_size);
        used += encoded_size;
        i += length > 0 ? length : 1;
    }
    return used;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return -1;
}

/* The byte that text stands for, or -1 when it is no escape. */
static int escaped_byte(const char *text, size_t size)
{
    if (size < 3 || text[0] != '%') {
        return -1;
    }
    int high = hex_value(text[1]);
    int low = hex_value(text[2]);
    int byte = high < 0 || low < 0 ? -1 : high * 16 + low;
    return byte == 0 ? -1 : byte;
}

size_t wire_percent_decode(const char *text, size_t size, char *out, size_t out_size)
{
    size_t used = 0;
    for (size_t i = 0; i < size && used + 1 < out_size; i++) {
        int byte = escaped_byte(text + i, size - i);
        if (byte >= 0) {
            out[used++] = (char)byte;
            i += 2;
        } else {
            out[used++] = text[i];
        }
    }
    out[used] = '\0';
    return used;
}
