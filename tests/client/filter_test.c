/* SPDX-License-Identifier: MIT */
/* A job's output on a terminal. */
#include <stdlib.h>

#include "client/filter.h"
#include "tests/test.h"

/* Feed it in pieces of `piece` bytes; the result must not depend on where the cuts fall. */
static void check_pieces(const char *in, size_t length, size_t piece, const char *expected)
{
    struct gorctl_filter filter = {0};
    char all[512] = "";
    size_t out_length;
    for (size_t at = 0; at < length; at += piece) {
        size_t part = length - at < piece ? length - at : piece;
        char *text = gorctl_filter_run(&filter, in + at, part, &out_length);
        strncat(all, text, out_length);
        free(text);
    }
    char *rest = gorctl_filter_end(&filter, &out_length);
    strncat(all, rest, out_length);
    free(rest);
    CHECK_STR(all, expected);
}

static void check_filter(const char *in, size_t length, const char *expected)
{
    for (size_t piece = 1; piece <= length; piece++) {
        check_pieces(in, length, piece, expected);
    }
}

#define CHECK_FILTER(literal, expected) check_filter(literal, sizeof(literal) - 1, expected)

TEST(filter_passes_text_colours_and_progress_bars)
{
    CHECK_FILTER("plain\n\ttext \xc3\xa9\xf0\x9f\x98\x80\n",
                 "plain\n\ttext \xc3\xa9\xf0\x9f\x98\x80\n");
    CHECK_FILTER("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m");
    CHECK_FILTER("50%\r\x1b[K100%\b", "50%\r\x1b[K100%\b");
}

TEST(filter_shows_what_would_move_or_name_the_terminal)
{
    CHECK_FILTER("\x1b]0;title\x07", "\\x1b]0;title\\x07");
    CHECK_FILTER("\x1b[2J", "\\x1b[2J");
    CHECK_FILTER("\x1b"
                 "c",
                 "\\x1b"
                 "c");
    CHECK_FILTER("\xc2\x9b"
                 "31m",
                 "\\u009b31m");
    CHECK_FILTER("a\0b", "a\\x00b");
}

TEST(filter_shows_bytes_that_are_no_text)
{
    CHECK_FILTER("\xff\xfe", "\\xff\\xfe");
    CHECK_FILTER("a\xc3(b", "a\\xc3(b");
}

TEST(filter_end_gives_what_never_became_whole)
{
    CHECK_FILTER("abc\xe2\x82", "abc\\xe2\\x82");
    CHECK_FILTER("abc\x1b[31", "abc\\x1b[31");
}

TEST(filter_gives_up_on_endless_sequences)
{
    char in[202] = "\x1b[";
    memset(in + 2, '1', 199);
    in[201] = 'm';
    char expected[256];
    snprintf(expected, sizeof(expected), "\\x1b%.*s", (int)sizeof(in) - 1, in + 1);
    check_pieces(in, sizeof(in), sizeof(in), expected);
    check_pieces(in, sizeof(in), 1, expected);
}
