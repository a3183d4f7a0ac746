/* SPDX-License-Identifier: MIT */
/* Clocks as numbers. */
#include "daemon/base/clock.h"
#include "daemon/event/clock.h"
#include "daemon/event/event.h"
#include "tests/test.h"

static bool is_between(struct timespec low, int64_t ns, struct timespec high)
{
    struct timespec at = {ns / 1000000000, ns % 1000000000};

    return (at.tv_sec > low.tv_sec || (at.tv_sec == low.tv_sec && at.tv_nsec >= low.tv_nsec)) &&
           (at.tv_sec < high.tv_sec || (at.tv_sec == high.tv_sec && at.tv_nsec <= high.tv_nsec));
}

TEST(clock_says_what_the_system_does)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_THREAD_CPUTIME_ID};
    struct timespec before, after;

    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        clock_gettime(clocks[i], &before);
        int64_t ns = gord_clock_ns(clocks[i]);
        clock_gettime(clocks[i], &after);
        CHECK(is_between(before, ns, after));
    }
    clock_gettime(CLOCK_BOOTTIME, &before);
    int64_t boot = gord_clock_boot();
    clock_gettime(CLOCK_BOOTTIME, &after);
    CHECK(is_between(before, boot, after));
}

/* Which may be set at any time, but hardly is each time. */
TEST(event_clock_is_the_wall_clock)
{
    struct timespec before, after;
    bool between = false;

    for (int i = 0; i < 100 && !between; i++) {
        clock_gettime(CLOCK_REALTIME, &before);
        int64_t ns = gord_event_clock();
        clock_gettime(CLOCK_REALTIME, &after);
        between = is_between(before, ns, after);
    }
    CHECK(between);
}
