/* SPDX-License-Identifier: MIT */
/* utf8_test.c - strict UTF-8. */
#include "proto/utf8.h"
#include "tests/test.h"

static size_t first(const char *text)
{
    return wire_utf8_char((const uint8_t *)text, strlen(text));
}

TEST(utf8_char_measures_the_first_character)
{
    CHECK_EQ(first(""), 0);
    CHECK_EQ(first("a\xff"), 1);
    CHECK_EQ(first("\xc2\x80"), 2);
    CHECK_EQ(first("\xe0\xa0\x80"), 3);
    CHECK_EQ(first("\xed\x9f\xbf"), 3);
    CHECK_EQ(first("\xf0\x90\x80\x80"), 4);
    CHECK_EQ(first("\xf4\x8f\xbf\xbf"), 4);
}

TEST(utf8_char_refuses_what_is_not_one)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xe1\x80",
        "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xf0\x90\x80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQ(first(bad[i]), 0);
    }
}

TEST(utf8_text_is_checked_at_every_place)
{
    /* Around the eight bytes that are looked at together. */
    for (size_t size = 1; size < 40; size++) {
        for (size_t at = 0; at < size; at++) {
            uint8_t text[40];
            memset(text, 'a', sizeof text);
            CHECK(wire_utf8_is_text(text, size));
            text[at] = 0;
            CHECK(!wire_utf8_is_text(text, size));
            text[at] = 0xff;
            CHECK(!wire_utf8_is_text(text, size));
            text[at] = 0x01;
            CHECK(wire_utf8_is_text(text, size));
            text[at] = 0xc3;
            text[at + 1] = 0xb6;
            CHECK_EQ(wire_utf8_is_text(text, size), at + 1 < size);
        }
    }
    CHECK(wire_utf8_is_text((const uint8_t *)"", 0));
}
