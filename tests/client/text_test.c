/* SPDX-License-Identifier: MIT */
/* Text for terminals: UTF-8, escapes, columns, words. */
#include <stdlib.h>

#include "client/text.h"
#include "tests/test.h"

static void check_escape(const char *bytes, size_t length, const char *expected)
{
    char *text = gorctl_text_escape(bytes, length);
    CHECK_STR(text, expected);
    free(text);
}

#define CHECK_ESCAPE(literal, expected) check_escape(literal, sizeof(literal) - 1, expected)

TEST(utf8_decode_takes_each_length)
{
    uint32_t character;
    CHECK_EQ(gorctl_utf8_decode("a", 1, &character), 1);
    CHECK_EQ(character, 'a');
    CHECK_EQ(gorctl_utf8_decode("\xc3\xa9", 2, &character), 2);
    CHECK_EQ(character, 0xe9);
    CHECK_EQ(gorctl_utf8_decode("\xe2\x82\xac", 3, &character), 3);
    CHECK_EQ(character, 0x20ac);
    CHECK_EQ(gorctl_utf8_decode("\xf0\x9f\x98\x80", 4, &character), 4);
    CHECK_EQ(character, 0x1f600);
}

TEST(utf8_decode_of_a_beginning_asks_for_more)
{
    uint32_t character;
    CHECK_EQ(gorctl_utf8_decode("", 0, &character), -1);
    CHECK_EQ(gorctl_utf8_decode("\xc3", 1, &character), -1);
    CHECK_EQ(gorctl_utf8_decode("\xe2\x82", 2, &character), -1);
    CHECK_EQ(gorctl_utf8_decode("\xf0\x9f\x98", 3, &character), -1);
}

TEST(utf8_decode_refuses_what_is_not)
{
    static const char *const bad[] = {
        "\x80", "\xc0\xaf",         "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf5", "\xf4\x90\x80\x80", "\xff",     "\xc3(",        "\xe2\x28\xa1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t character;
        CHECK_EQ(gorctl_utf8_decode(bad[i], strlen(bad[i]), &character), 0);
        CHECK(!gorctl_utf8_valid(bad[i], strlen(bad[i])));
    }
    CHECK(gorctl_utf8_valid("", 0));
    CHECK(gorctl_utf8_valid("a\0b", 3));
}

TEST(escape_leaves_text_alone)
{
    CHECK_ESCAPE("plain \xc3\xa9\xe2\x82\xac", "plain \xc3\xa9\xe2\x82\xac");
}

TEST(escape_shows_controls_and_stray_bytes)
{
    CHECK_ESCAPE("a\nb\tc\rd", "a\\nb\\tc\\rd");
    CHECK_ESCAPE("\x1b[31mred", "\\x1b[31mred");
    CHECK_ESCAPE("\x00\x7f", "\\x00\\x7f");
    CHECK_ESCAPE("\xff\xfe", "\\xff\\xfe");
    CHECK_ESCAPE("\xc3", "\\xc3");
    CHECK_ESCAPE("\xc2\x9b", "\\u009b"); /* the one-character form of ESC [ */
    CHECK_ESCAPE("\xe2\x80\xae"
                 "abc",
                 "\\u202eabc"); /* turns the direction of what follows */
}

TEST(width_counts_columns)
{
    gorctl_text_setup();
    CHECK_EQ(gorctl_text_width("abc"), 3);
    CHECK_EQ(gorctl_text_width("\xc3\xa9"), 1);
    CHECK_EQ(gorctl_text_width("\xe6\xbc\xa2\xe5\xad\x97"), 4); /* wide */
    CHECK_EQ(gorctl_text_width("e\xcc\x81"), 1);                /* combining */
}

static void check_fit(const char *text, unsigned columns, const char *expected)
{
    char *cut = gorctl_text_fit(text, columns);
    CHECK_STR(cut, expected);
    free(cut);
}

TEST(fit_cuts_between_characters)
{
    gorctl_text_setup();
    check_fit("hello", 5, "hello");
    check_fit("hello", 4, "hel\xe2\x80\xa6");
    check_fit("hello", 1, "\xe2\x80\xa6");
    check_fit("hello", 0, "");
    check_fit("", 0, "");
    check_fit("\xc3\xa9\xc3\xa9\xc3\xa9", 2, "\xc3\xa9\xe2\x80\xa6");
    /* A wide character that would need one column more is left out whole. */
    check_fit("\xe6\xbc\xa2\xe5\xad\x97", 3, "\xe6\xbc\xa2\xe2\x80\xa6");
    check_fit("\xe6\xbc\xa2\xe5\xad\x97", 2, "\xe2\x80\xa6");
}

static void check_words(const struct gorctl_word *words, size_t count, const char *expected)
{
    char *text = gorctl_text_words(words, count);
    CHECK_STR(text, expected);
    free(text);
}

TEST(words_are_quoted_where_a_shell_would_need_it)
{
    struct gorctl_word words[] = {{"ls", 2},       {"-l", 2},     {"a b", 3},  {"", 0},
                                  {"it's", 4},     {"$HOME", 5},  {"\xff", 1}, {"\n", 1},
                                  {"\xc3\xa9", 2}, {"x=1,2/3", 7}};
    check_words(words, sizeof(words) / sizeof(words[0]),
                "ls -l 'a b' '' 'it'\\''s' '$HOME' \\xff '\\n' \xc3\xa9 x=1,2/3");
    check_words(words, 0, "");
}

TEST(distance_counts_changes)
{
    CHECK_EQ(gorctl_text_distance("list", "list"), 0);
    CHECK_EQ(gorctl_text_distance("lst", "list"), 1);
    CHECK_EQ(gorctl_text_distance("histroy", "history"), 2);
    CHECK_EQ(gorctl_text_distance("", "abc"), 3);
}
