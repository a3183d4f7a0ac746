/* SPDX-License-Identifier: MIT */
/* Durations, times and amounts, both ways. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "client/when.h"
#include "tests/test.h"

#define MS ((int64_t)1000000)
#define S ((int64_t)1000000000)

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

TEST(duration_parse_reads_units_and_sums)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {{"0", 0},
                 {"0s", 0},
                 {"1ns", 1},
                 {"7us", 7000},
                 {"250ms", 250 * MS},
                 {"5s", 5 * S},
                 {"1.5s", 1500 * MS},
                 {"1m", 60 * S},
                 {"1h30m", 5400 * S},
                 {"2d", 172800 * S},
                 {"1.5h", 5400 * S},
                 {"0.000000001s", 1},
                 {"1h2m3.25s", 3723 * S + 250 * MS},
                 {"106751d", 106751 * (86400 * S)}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ns = -1;
        CHECK_EQ(gorctl_duration_parse(cases[i].text, &ns), 0);
        CHECK_EQ(ns, cases[i].ns);
    }
}

TEST(duration_parse_refuses_what_is_none)
{
    static const char *const bad[] = {"",      "5",   "s",   "-5s",  "5 s",  " 5s", "5sec", "1.s",
                                      "1..5s", "abc", "5s3", "0x5s", "1h30", "+5s", "5S",   "1,5s"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ns = 42;
        CHECK_EQ(gorctl_duration_parse(bad[i], &ns), -EINVAL);
        CHECK_EQ(ns, 42);
    }
}

TEST(duration_parse_refuses_what_does_not_fit)
{
    static const char *const long_ones[] = {"106752d", "9223372037s", "99999999999999999999s",
                                            "9223372036854775807ns1ns"};
    for (size_t i = 0; i < sizeof(long_ones) / sizeof(long_ones[0]); i++) {
        int64_t ns;
        CHECK_EQ(gorctl_duration_parse(long_ones[i], &ns), -ERANGE);
    }
}

TEST(duration_text_is_short)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {{0, "0s"},
                 {-5, "0s"},
                 {999, "0\xc2\xb5s"},
                 {42000, "42\xc2\xb5s"},
                 {12 * MS, "12ms"},
                 {3210 * MS, "3.21s"},
                 {59999 * MS, "59.99s"},
                 {60 * S, "1m00s"},
                 {245 * S, "4m05s"},
                 {7380 * S, "2h03m"},
                 {446400 * S, "5d04h"},
                 {INT64_MAX, "106751d23h"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[GORCTL_WHEN_ROOM];
        gorctl_duration_text(cases[i].ns, text);
        CHECK_STR(text, cases[i].text);
    }
}

TEST(time_parse_reads_dates_zones_and_words)
{
    use_zone("UTC");
    int64_t now = 1772368245 * S; /* 2026-03-01 12:30:45 UTC */
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"now", 1772368245},
                 {"today", 1772323200},
                 {"yesterday", 1772236800},
                 {"2026-03-01", 1772323200},
                 {"2026-03-01 12:30", 1772368200},
                 {"2026-03-01T12:30:45", 1772368245},
                 {"2026-03-01T12:30:45Z", 1772368245},
                 {"2026-03-01T14:30:45+02:00", 1772368245},
                 {"2026-03-01 07:30:45-0500", 1772368245},
                 {"2h", 1772368245 - 7200},
                 {"45s", 1772368200}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t ns = 0;
        CHECK_EQ(gorctl_time_parse(cases[i].text, now, &ns), 0);
        CHECK_EQ(ns / S, cases[i].seconds);
    }
}

TEST(time_parse_takes_fractions_of_a_second)
{
    int64_t ns = 0;
    CHECK_EQ(gorctl_time_parse("2026-03-01T12:30:45.25Z", 0, &ns), 0);
    CHECK_EQ(ns, 1772368245 * S + S / 4);
    CHECK_EQ(gorctl_time_parse("2026-03-01 12:30:45.1234567899+00:00", 0, &ns), 0);
    CHECK_EQ(ns, 1772368245 * S + 123456789);
    CHECK_EQ(gorctl_time_parse("2026-03-01T12:30:45.Z", 0, &ns), -EINVAL);
    CHECK_EQ(gorctl_time_parse("2026-03-01T12:30.5Z", 0, &ns), -EINVAL);
}

TEST(time_parse_without_a_zone_is_local)
{
    use_zone("UTC-2"); /* two hours east */
    int64_t ns = 0;
    CHECK_EQ(gorctl_time_parse("2026-03-01 14:30:45", 0, &ns), 0);
    CHECK_EQ(ns / S, 1772368245);
    use_zone("UTC");
}

TEST(time_parse_refuses_what_is_none)
{
    static const char *const bad[] = {"",
                                      "tomorrow",
                                      "2026-13-01",
                                      "2026-03-01x",
                                      "12:30",
                                      "2026-03-01 25:00",
                                      "1",
                                      "2026-03-01T12:30:45+2",
                                      "2026-03-01T12:30:45+99:00"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ns = 42;
        CHECK_EQ(gorctl_time_parse(bad[i], 1000 * S, &ns), -EINVAL);
        CHECK_EQ(ns, 42);
    }
}

TEST(time_text_says_the_day_only_when_it_is_another)
{
    use_zone("UTC");
    char text[GORCTL_WHEN_ROOM];
    int64_t now = 1772368245 * S;
    gorctl_time_text(now - 60 * S, now, text);
    CHECK_STR(text, "12:29:45");
    gorctl_time_text(now - 86400 * S, now, text);
    CHECK_STR(text, "2026-02-28 12:30");
    gorctl_time_text(0, now, text);
    CHECK_STR(text, "-");
    gorctl_time_exact(now + 123 * MS, text);
    CHECK_STR(text, "2026-03-01 12:30:45.123 +0000");
    gorctl_time_exact(0, text);
    CHECK_STR(text, "-");
}

TEST(amounts_are_readable)
{
    static const struct {
        uint64_t amount;
        const char *bytes, *count;
    } cases[] = {{0, "0 B", "0"},
                 {999, "999 B", "999"},
                 {1000, "1000 B", "1,000"},
                 {1023, "1023 B", "1,023"},
                 {1024, "1.0 KiB", "1,024"},
                 {1536, "1.5 KiB", "1,536"},
                 {1048575, "1.0 MiB", "1,048,575"},
                 {3221225472, "3.0 GiB", "3,221,225,472"},
                 {UINT64_MAX, "16.0 EiB", "18,446,744,073,709,551,615"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[GORCTL_WHEN_ROOM];
        gorctl_bytes_text(cases[i].amount, text);
        CHECK_STR(text, cases[i].bytes);
        gorctl_count_text(cases[i].amount, text);
        CHECK_STR(text, cases[i].count);
    }
}
