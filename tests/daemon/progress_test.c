/* SPDX-License-Identifier: MIT */
/* The lines by which programs tell how far they are. */
#include "daemon/runner/progress.h"
#include "tests/test.h"

static void check_line(const char *line, uint64_t done, uint64_t total, const char *text)
{
    char room[GORD_PROGRESS_ROOM];
    struct gord_progress progress = gord_progress_read(line, strlen(line), room);
    CHECK_EQ(progress.done, done);
    CHECK_EQ(progress.total, total);
    CHECK_STR(progress.text, text);
}

TEST(progress_line_of_percent)
{
    check_line("42", 42, 100, "");
    check_line("42 resizing pictures", 42, 100, "resizing pictures");
    check_line("42%\t resizing", 42, 100, "resizing");
    check_line("42.5% resizing", 425, 1000, "resizing");
    check_line("0.123456%", 123, 100000, "");
    check_line("100. x", 100, 100, "x");
    check_line("250", 100, 100, "");
}

TEST(progress_line_of_share)
{
    check_line("17/230 resizing", 17, 230, "resizing");
    check_line("17/0", 17, 0, "");
    check_line("9/3", 3, 3, "");
    check_line("0/999999999999999999", 0, 999999999999999999, "");
}

TEST(progress_line_of_text_alone)
{
    check_line("resizing 42", 0, 0, "resizing 42");
    check_line("", 0, 0, "");
    check_line("9:30 begins", 0, 0, "9:30 begins");
    check_line("12/ x", 0, 0, "12/ x");
    check_line("42x", 0, 0, "42x");
    check_line("-5", 0, 0, "-5");
    check_line("1234567890123456789 too many digits", 0, 0, "1234567890123456789 too many digits");
}

TEST(progress_line_of_bytes_becomes_clean_text)
{
    check_line("5 a\x1b[31m\xff", 5, 100, "a\\x1b[31m\\xff");
}

TEST(report_keeps_what_it_is_given)
{
    struct gord_progress progress = {17, 230, 99, "resizing"};
    struct gord_report *report = gord_report_new(&progress, "a\0b", 3);
    CHECK(report != NULL && report->has_progress && report->has_result);
    CHECK_EQ(report->progress.done, 17);
    CHECK_STR(report->progress.text, "resizing");
    CHECK_EQ(report->result_bytes, 3);
    CHECK(memcmp(report->result, "a\0b", 3) == 0);
    gord_report_unref(gord_report_ref(report));
    gord_report_unref(report);
    report = gord_report_new(NULL, NULL, 0);
    CHECK(report != NULL && !report->has_progress && !report->has_result);
    gord_report_unref(report);
}

TEST(report_cuts_long_text_between_characters)
{
    char text[2 * GORD_PROGRESS_TEXT_BYTES] = "x";
    for (size_t at = 1; at + 2 < sizeof text; at += 2) {
        memcpy(text + at, "\xc3\xa9", 2);
    }
    struct gord_progress progress = {.text = text};
    struct gord_report *report = gord_report_new(&progress, NULL, 0);
    CHECK(report != NULL);
    CHECK_EQ(strlen(report->progress.text), GORD_PROGRESS_TEXT_BYTES - 1);
    gord_report_unref(report);
}
