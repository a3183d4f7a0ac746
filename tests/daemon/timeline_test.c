/* SPDX-License-Identifier: MIT */
/* When events happened, told from their numbers: never out of order, and about right. */
#include <stdlib.h>

#include "daemon/job/timeline.h"
#include "tests/test.h"

#define SECOND ((int64_t)1000000000)

TEST(places_keep_their_order_whenever_they_are_asked_for)
{
    struct gord_timeline *timeline = calloc(1, sizeof *timeline);
    int64_t at_ns = SECOND, former = 0;
    unsigned random = 7;
    CHECK(timeline != NULL);
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        random = random * 1103515245U + 12345U;
        at_ns += random >> 16 & 1 ? 1000 : SECOND / 64; /* in bursts */
        gord_timeline_add(timeline, seq, at_ns);
        int64_t place = gord_timeline_place(timeline, seq);
        CHECK(place > former);
        CHECK(place <= at_ns && at_ns - place <= SECOND);
        former = place;
    }
    for (uint64_t seq = 2; seq <= 5000; seq++) {
        CHECK(gord_timeline_place(timeline, seq) > gord_timeline_place(timeline, seq - 1));
    }
    free(timeline);
}

TEST(a_burst_stays_where_it_was_however_long_nothing_comes)
{
    struct gord_timeline timeline = {.count = 0};
    for (uint64_t seq = 1; seq <= 100; seq++) {
        gord_timeline_add(&timeline, seq, SECOND + (int64_t)seq);
    }
    int64_t before = gord_timeline_place(&timeline, 50);
    gord_timeline_add(&timeline, 101, 3600 * SECOND);
    CHECK_EQ(gord_timeline_place(&timeline, 50), before);
    CHECK_EQ(gord_timeline_place(&timeline, 101), 3600 * SECOND);
}

TEST(long_past_is_about_right)
{
    struct gord_timeline *timeline = calloc(1, sizeof *timeline);
    const uint64_t last = 100000; /* a day and some, one each second */
    CHECK(timeline != NULL);
    for (uint64_t seq = 1; seq <= last; seq++) {
        gord_timeline_add(timeline, seq, (int64_t)seq * SECOND);
    }
    CHECK(timeline->count <= GORD_TIMELINE_MARKS);
    for (uint64_t seq = 2; seq <= last; seq++) {
        int64_t off = gord_timeline_place(timeline, seq) - (int64_t)seq * SECOND;
        CHECK(off <= SECOND && off >= -SECOND);
        CHECK(gord_timeline_place(timeline, seq) > gord_timeline_place(timeline, seq - 1));
    }
    free(timeline);
}

TEST(nothing_is_known_of_what_came_before)
{
    struct gord_timeline timeline = {.count = 0};
    CHECK_EQ(gord_timeline_place(&timeline, 5), 0);
    gord_timeline_add(&timeline, 10, SECOND);
    CHECK_EQ(gord_timeline_place(&timeline, 5), SECOND);
    CHECK_EQ(gord_timeline_place(&timeline, 10), SECOND);
    CHECK_EQ(gord_timeline_place(&timeline, 11), SECOND + 1);
}
