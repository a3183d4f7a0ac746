/* SPDX-License-Identifier: MIT */
/* percent_test.c - the coding of grpc-message. */
#include "proto/percent.h"
#include "tests/test.h"

static void check_encode(const char *text, size_t room, const char *expected)
{
    char out[256];
    size_t size = wire_percent_encode(text, strlen(text), out, room);
    out[size] = '\0';
    CHECK_STR(out, expected);
}

TEST(percent_encode_escapes_all_but_printable_ascii)
{
    check_encode("", 200, "");
    check_encode("plain text ~!", 200, "plain text ~!");
    check_encode("100%", 200, "100%25");
    check_encode("a\tb\r\nc\x7f", 200, "a%09b%0D%0Ac%7F");
    check_encode("\xc3\xb6", 200, "%C3%B6");
    check_encode("\xf0\x9f\x98\x80", 200, "%F0%9F%98%80");
}

TEST(percent_encode_cuts_between_characters)
{
    check_encode("abc", 2, "ab");
    check_encode("a\xc3\xb6z", 6, "a");
    check_encode("a\xc3\xb6z", 7, "a%C3%B6");
    check_encode("a%", 3, "a");
}

TEST(percent_encode_replaces_what_is_not_utf8)
{
    check_encode("a\xffz", 200, "a%EF%BF%BDz");
    check_encode("\xc3", 200, "%EF%BF%BD");
    check_encode("\xed\xa0\x80", 200, "%EF%BF%BD%EF%BF%BD%EF%BF%BD");
}

static void check_decode(const char *text, size_t room, const char *expected)
{
    char out[256];
    CHECK_EQ(wire_percent_decode(text, strlen(text), out, room), strlen(expected));
    CHECK_STR(out, expected);
}

TEST(percent_decode_never_fails)
{
    check_decode("", 200, "");
    check_decode("100%25", 200, "100%");
    check_decode("%c3%B6", 200, "\xc3\xb6");
    check_decode("%", 200, "%");
    check_decode("%4", 200, "%4");
    check_decode("%zz%41", 200, "%zzA");
    check_decode("%00", 200, "%00");
    check_decode("abcdef", 4, "abc");
    check_decode("abc", 1, "");
}

TEST(percent_coding_gives_back_every_character)
{
    char text[128];
    char coded[400];
    char back[200];
    for (int i = 1; i < 128; i++) {
        text[i - 1] = (char)i;
    }
    text[127] = '\0';
    size_t size = wire_percent_encode(text, 127, coded, sizeof coded);
    CHECK_EQ(wire_percent_decode(coded, size, back, sizeof back), 127);
    CHECK_STR(back, text);
}
