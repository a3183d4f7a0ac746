/* SPDX-License-Identifier: MIT */
#include "daemon/runner/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the valid UTF-8 character at `p`, or 0. */
static size_t character_length(const unsigned char *p, size_t left)
{
    uint32_t code;
    size_t need;

    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        need = 2;
        code = p[0] & 0x1fU;
    } else if ((p[0] & 0xf0) == 0xe0) {
        need = 3;
        code = p[0] & 0x0fU;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        need = 4;
        code = p[0] & 0x07U;
    } else {
        return 0;
    }
    if (left < need) {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = (code << 6) | (p[i] & 0x3fU);
    }
    if ((need == 3 && code < 0x800) || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    if (need == 4 && (code < 0x10000 || code > 0x10ffff)) {
        return 0;
    }
    return need;
}

char *gord_text_clean(const char *bytes, size_t length, char *out, size_t out_bytes)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t at = 0;

    for (size_t i = 0; i < length;) {
        size_t n = character_length(p + i, length - i);
        bool plain = n > 1 || (n == 1 && p[i] >= 0x20 && p[i] != 0x7f);
        size_t need = plain ? n : 4;
        if (at + need + 1 > out_bytes) {
            break;
        }
        if (plain) {
            memcpy(out + at, p + i, n);
            i += n;
        } else {
            snprintf(out + at, 5, "\\x%02x", p[i]);
            i += 1;
        }
        at += need;
    }
    out[at] = '\0';
    return out;
}

bool gord_text_is_utf8(const char *bytes, size_t length)
{
    const unsigned char *p = (const unsigned char *)bytes;

    for (size_t i = 0; i < length;) {
        size_t n = character_length(p + i, length - i);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}
