/* SPDX-License-Identifier: MIT */
/* trace_story_test.c - what a trace tells stays legal when records are missing, wherever that is. */
#include "runtime/debug/trace_story.h"
#include "tests/runtime/help.h"
#include "tests/runtime/trace_checker.h"

static struct gor__story story;

struct told {
    uint8_t bytes[65536];
    size_t count;
};

static int keep(void *arg, const void *bytes, size_t count)
{
    struct told *told = arg;
    CHECK_INT(count, <=, sizeof told->bytes - told->count);
    memcpy(told->bytes + told->count, bytes, count);
    told->count += count;
    return 0;
}

/* What happens without a P, one event after the other, and all of it told and checked. */
static void check_story(const enum gor__trace_event *events, size_t count)
{
    static struct told told;
    struct gor__perfetto to;
    told.count = 0;
    gor__perfetto_init(&to, keep, &told);
    gor__story_open(&story, &to);
    for (size_t i = 0; i < count; i++) {
        struct gor__feed_item item = {.source = GOR__FEED_COMMON, .event = events[i], .a = 5};
        gor__story_tell(&story, &item, (int64_t)i + 1);
    }
    gor__story_end(&story, (int64_t)count + 1);
    gor__story_close(&story);
    CHECK_EQ(gor__perfetto_flush(&to), 0);
    gor__perfetto_fini(&to);
    (void)trace_check(told.bytes, told.count, false);
}

#define CHECK_STORY(...)                                             \
    do {                                                             \
        static const enum gor__trace_event events[] = {__VA_ARGS__}; \
        check_story(events, sizeof events / sizeof events[0]);       \
    } while (0)

TEST(trace_story_of_a_stop_whose_end_is_missing)
{
    CHECK_STORY(GOR__TRACE_WORLD_STOPS, GOR__TRACE_WORLD_STANDS, GOR__TRACE_GAP,
                GOR__TRACE_GAP_ENDS, GOR__TRACE_WORLD_STOPS, GOR__TRACE_WORLD_STANDS,
                GOR__TRACE_WORLD_GOES_ON);
}

TEST(trace_story_of_stops_whose_beginning_is_missing)
{
    CHECK_STORY(GOR__TRACE_WORLD_STANDS, GOR__TRACE_WORLD_GOES_ON, GOR__TRACE_WORLD_STOPS,
                GOR__TRACE_GAP, GOR__TRACE_GAP_ENDS, GOR__TRACE_WORLD_STANDS,
                GOR__TRACE_WORLD_GOES_ON, GOR__TRACE_GAP, GOR__TRACE_WORLD_GOES_ON);
}

TEST(trace_story_of_a_stop_that_is_given_up)
{
    CHECK_STORY(GOR__TRACE_WORLD_STOPS, GOR__TRACE_WORLD_GOES_ON, GOR__TRACE_WORLD_STOPS,
                GOR__TRACE_WORLD_STANDS);
}
