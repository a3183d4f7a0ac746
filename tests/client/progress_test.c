/* SPDX-License-Identifier: MIT */
/* How far a job is, in words and as a bar. */
#include <stdlib.h>

#include "client/progress.h"
#include "tests/test.h"

static Gor__V1__Progress progress_of(uint64_t done, uint64_t total, const char *text)
{
    Gor__V1__Progress progress = GOR__V1__PROGRESS__INIT;
    progress.done = done;
    progress.total = total;
    progress.text = (char *)text;
    return progress;
}

static void check_text(uint64_t done, uint64_t total, const char *text, const char *wanted)
{
    Gor__V1__Progress progress = progress_of(done, total, text);
    char *shown = gorctl_progress_text(&progress);
    CHECK_STR(shown, wanted);
    free(shown);
}

TEST(progress_in_words)
{
    check_text(42, 100, "resizing", "42% resizing");
    check_text(999, 1000, "", "99%");
    check_text(5, 3, "", "100%");
    check_text(17, 0, "found", "17 found");
    check_text(0, 0, "a\nb", "a\\nb");
    check_text(0, 0, "", "");
    check_text(UINT64_MAX, UINT64_MAX, "", "100%");
}

static void check_bar(uint64_t done, uint64_t total, unsigned width, const char *wanted)
{
    Gor__V1__Progress progress = progress_of(done, total, "t");
    char *shown = gorctl_progress_bar(&progress, width);
    CHECK_STR(shown, wanted);
    free(shown);
}

TEST(progress_as_a_bar_that_fits)
{
    check_bar(5, 10, 30, "[#####-----] 50% t");
    check_bar(10, 10, 30, "[##########] 100% t");
    check_bar(0, 10, 30, "[----------] 0% t");
    check_bar(5, 10, 20, "50% t");
    check_bar(5, 0, 80, "5 t");
}
