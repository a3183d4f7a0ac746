/* SPDX-License-Identifier: MIT */
/* What happens again and again is said at once, and then once a minute. */
#include <stdio.h>

#include "daemon/base/sparing.h"
#include "tests/test.h"

#define SECOND ((int64_t)1000000000)

TEST(first_is_said_at_once_then_one_a_minute_with_their_count)
{
    struct gord_sparing sparing;
    uint64_t unsaid = 99;
    gord_sparing_init(&sparing);
    CHECK(gord_sparing_says(&sparing, "a", 5, &unsaid));
    CHECK_EQ(unsaid, 0);
    for (int i = 1; i < 60; i++) {
        CHECK(!gord_sparing_says(&sparing, "a", 5 + i * SECOND, &unsaid));
    }
    CHECK(gord_sparing_says(&sparing, "a", 5 + 60 * SECOND, &unsaid));
    CHECK_EQ(unsaid, 59);
    CHECK(!gord_sparing_says(&sparing, "a", 5 + 60 * SECOND, &unsaid));
    CHECK(gord_sparing_says(&sparing, "a", 5 + 1000 * SECOND, &unsaid));
    CHECK_EQ(unsaid, 1);
    gord_sparing_fini(&sparing);
}

TEST(subjects_count_by_themselves)
{
    struct gord_sparing sparing;
    uint64_t unsaid = 99;
    gord_sparing_init(&sparing);
    CHECK(gord_sparing_says(&sparing, "a", 1, &unsaid));
    CHECK(gord_sparing_says(&sparing, "b", 2, &unsaid));
    CHECK_EQ(unsaid, 0);
    CHECK(!gord_sparing_says(&sparing, "a", 3, &unsaid));
    CHECK(gord_sparing_says(&sparing, "b", 2 + 60 * SECOND, &unsaid));
    CHECK_EQ(unsaid, 0);
    CHECK(gord_sparing_says(&sparing, "a", 2 + 60 * SECOND, &unsaid));
    CHECK_EQ(unsaid, 1);
    gord_sparing_fini(&sparing);
}

/* How many of `count` subjects are said at that moment. */
static int said(struct gord_sparing *sparing, int count, int64_t now_ns, uint64_t *out_unsaid)
{
    char subject[32];
    int all = 0;
    *out_unsaid = 0;
    for (int i = 0; i < count; i++) {
        uint64_t unsaid = 0;
        snprintf(subject, sizeof(subject), "subject %d", i);
        all += gord_sparing_says(sparing, subject, now_ns, &unsaid);
        *out_unsaid += unsaid;
    }
    return all;
}

TEST(too_many_subjects_count_as_one)
{
    struct gord_sparing sparing;
    uint64_t unsaid;
    gord_sparing_init(&sparing);
    CHECK_EQ(said(&sparing, 1000, SECOND, &unsaid), GORD_SPARING_SUBJECTS + 1);
    CHECK_EQ(unsaid, 0);
    CHECK_EQ(said(&sparing, 1000, 2 * SECOND, &unsaid), 0);
    CHECK_EQ(said(&sparing, 1000, 61 * SECOND, &unsaid), GORD_SPARING_SUBJECTS + 1);
    CHECK_EQ(unsaid, GORD_SPARING_SUBJECTS + 2 * (1000 - GORD_SPARING_SUBJECTS) - 1);
    gord_sparing_fini(&sparing);
}
