/* SPDX-License-Identifier: MIT */
/* utf8.c - see utf8.h. */
#include "proto/utf8.h"

#include <string.h>

static bool is_tail(const uint8_t *text, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return true;
}

size_t wire_utf8_char(const uint8_t *text, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t first = text[0];
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xc2 && first <= 0xdf) {
        return size >= 2 && is_tail(text, 1, 2) ? 2 : 0;
    }
    if (first >= 0xe0 && first <= 0xef) {
        if (size < 3 || !is_tail(text, 1, 3)) {
            return 0;
        }
        bool overlong = first == 0xe0 && text[1] < 0xa0;
        bool surrogate = first == 0xed && text[1] > 0x9f;
        return overlong || surrogate ? 0 : 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (size < 4 || !is_tail(text, 1, 4)) {
            return 0;
        }
        bool overlong = first == 0xf0 && text[1] < 0x90;
        bool beyond = first == 0xf4 && text[1] > 0x8f;
        return overlong || beyond ? 0 : 4;
    }
    return 0;
}

/* Does one of eight bytes have its top bit set or equal zero? Carries only ever report too much. */
static bool has_unusual_byte(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101U;
    const uint64_t tops = 0x8080808080808080U;
    return ((word | (word - ones)) & tops) != 0;
}

bool wire_utf8_is_text(const uint8_t *text, size_t size)
{
    size_t i = 0;
    while (i < size) {
        uint64_t word;
        if (size - i >= sizeof word) {
            memcpy(&word, text + i, sizeof word);
            if (!has_unusual_byte(word)) {
                i += sizeof word;
                continue;
            }
        }
        size_t length = wire_utf8_char(text + i, size - i);
        if (length == 0 || text[i] == '\0') {
            return false;
        }
        i += length;
    }
    return true;
}
