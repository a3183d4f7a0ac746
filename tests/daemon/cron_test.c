/* SPDX-License-Identifier: MIT */
/* Calendar expressions, and when they fire: also on the days clocks are changed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/cron/next.h"
#include "tests/test.h"

static struct gord_cron_expr expr_of(const char *text)
{
    struct gord_cron_expr expr;
    char error[256] = "";
    if (gord_cron_parse(text, &expr, error, sizeof error) != 0) {
        printf("'%s': %s\n", text, error);
        CHECK(false);
    }
    return expr;
}

TEST(cron_parse_reads_every_form)
{
    struct gord_cron_expr expr = expr_of("*/20 1-3,7 5/10 jan-mar,DEC Sun");
    CHECK_EQ(expr.seconds, 1);
    CHECK_EQ(expr.minutes, 1 | 1ULL << 20 | 1ULL << 40);
    CHECK_EQ(expr.hours, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 7);
    CHECK_EQ(expr.days, 1 << 5 | 1 << 15 | 1 << 25);
    CHECK_EQ(expr.months, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 12);
    CHECK_EQ(expr.weekdays, 1);
    CHECK(expr.either_day);
    CHECK_EQ(expr_of("0-59/30 * * * * *").seconds, 1 | 1 << 30);
    CHECK_EQ(expr_of("0 0 * * 7").weekdays, 1);
    CHECK_EQ(expr_of("0 0 * * 5-7").weekdays, 1 | 1 << 5 | 1 << 6);
    CHECK(!expr_of("0 0 */2 * mon").either_day); /* a star, stepped or not, restricts nothing */
    CHECK(gord_cron_is_hourly(&(struct gord_cron_expr){.hours = 0xffffff}));
    CHECK_EQ(expr_of("@hourly").minutes, 1);
    CHECK_EQ(expr_of("every 1h30m").every_s, 5400);
}

TEST(cron_parse_says_what_is_wrong)
{
    static const char *const wrong[][2] = {
        {"", "5 fields"},
        {"* * * *", "5 fields"},
        {"* * * * * * *", "5 fields"},
        {"60 * * * *", "minute"},
        {"* 24 * * *", "hour"},
        {"* * 0 * *", "day"},
        {"* * 32 * *", "day"},
        {"* * * 13 *", "month"},
        {"* * * foo *", "month"},
        {"* * * * 8", "weekday"},
        {"* * * * mond", "weekday"},
        {"5-2 * * * *", "backwards"},
        {"*/0 * * * *", "step"},
        {"*/x * * * *", "step"},
        {"1,, * * * *", "minute"},
        {"1x * * * *", "expected"},
        {"@often", "@daily"},
        {"every 5", "interval"},
        {"every 0s", "interval"},
        {"every 9999d", "year"},
        {"-1 * * * *", "minute"},
        {"99999999999999999999 * * * *", "minute"},
        {"1- * * * *", "minute"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct gord_cron_expr expr;
        char error[256] = "";
        CHECK_EQ(gord_cron_parse(wrong[i][0], &expr, error, sizeof error), -EINVAL);
        if (strstr(error, wrong[i][1]) == NULL) {
            printf("'%s' gives: %s\n", wrong[i][0], error);
            CHECK(false);
        }
    }
}

/* ------------------------------------------------------------------ clock changes */

static int64_t utc(const char *text)
{
    struct tm tm = {0};
    CHECK(strptime(text, "%Y-%m-%d %H:%M:%S", &tm) != NULL);
    return (int64_t)timegm(&tm);
}

/* The fires after `from`, in UTC, one after the other. */
static void check_fires(const struct gord_cron_rule *rule, const char *from,
                        const char *const *expected)
{
    int64_t at = utc(from);
    for (; *expected != NULL; expected++) {
        CHECK_EQ(gord_cron_next(rule, at, &at), 0);
        char text[32];
        time_t seconds = (time_t)at;
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", gmtime(&seconds));
        CHECK_STR(text, *expected);
    }
}

static const struct {
    const char *zone, *expr;
    enum gord_cron_gap gap;
    enum gord_cron_overlap overlap;
    const char *from;
    const char *fires[5];
} rows[] = {
    /* Berlin, 2026-03-29: 02:00 becomes 03:00, at 01:00 UTC. */
    {"Europe/Berlin",
     "30 2 * * *",
     0,
     0,
     "2026-03-27 12:00:00",
     {"2026-03-28 01:30:00", "2026-03-29 01:00:00", "2026-03-30 00:30:00"}},
    {"Europe/Berlin",
     "30 2 * * *",
     GORD_CRON_GAP_SKIP,
     0,
     "2026-03-27 12:00:00",
     {"2026-03-28 01:30:00", "2026-03-30 00:30:00"}},
    {"Europe/Berlin",
     "*/20 2 * * *",
     0,
     0,
     "2026-03-28 12:00:00",
     {"2026-03-29 01:00:00", "2026-03-30 00:00:00"}},
    {"Europe/Berlin",
     "0,30 2,3 * * *",
     0,
     0,
     "2026-03-28 12:00:00",
     {"2026-03-29 01:00:00", "2026-03-29 01:30:00", "2026-03-30 00:00:00"}},
    {"Europe/Berlin",
     "30 * * * *",
     0,
     0,
     "2026-03-28 23:45:00",
     {"2026-03-29 00:30:00", "2026-03-29 01:30:00", "2026-03-29 02:30:00"}},
    /* Berlin, 2026-10-25: 03:00 becomes 02:00, at 01:00 UTC. */
    {"Europe/Berlin",
     "30 2 * * *",
     0,
     0,
     "2026-10-24 12:00:00",
     {"2026-10-25 00:30:00", "2026-10-26 01:30:00"}},
    {"Europe/Berlin",
     "30 2 * * *",
     0,
     GORD_CRON_OVERLAP_TWICE,
     "2026-10-24 12:00:00",
     {"2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-10-26 01:30:00"}},
    {"Europe/Berlin", "30 2 * * *", 0, 0, "2026-10-25 01:00:00", {"2026-10-26 01:30:00"}},
    {"Europe/Berlin",
     "30 * * * *",
     0,
     0,
     "2026-10-24 23:45:00",
     {"2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-10-25 02:30:00"}},
    /* New York, 2026-03-08 at 07:00 UTC and 2026-11-01 at 06:00 UTC. */
    {"America/New_York",
     "30 2 * * *",
     0,
     0,
     "2026-03-08 00:00:00",
     {"2026-03-08 07:00:00", "2026-03-09 06:30:00"}},
    {"America/New_York",
     "30 1 * * *",
     0,
     0,
     "2026-11-01 00:00:00",
     {"2026-11-01 05:30:00", "2026-11-02 06:30:00"}},
    /* Lord Howe moves by half an hour: 2026-10-04 at 15:30 UTC the day before, 2026-04-05. */
    {"Australia/Lord_Howe",
     "15 2 * * *",
     0,
     0,
     "2026-10-03 00:00:00",
     {"2026-10-03 15:30:00", "2026-10-04 15:15:00"}},
    {"Australia/Lord_Howe",
     "45 1 * * *",
     0,
     0,
     "2026-04-04 00:00:00",
     {"2026-04-04 14:45:00", "2026-04-05 15:15:00"}},
    /* Beirut and the like put clocks forward at midnight: midnight does not exist. */
    {"Asia/Beirut",
     "0 0 * * *",
     0,
     0,
     "2026-03-28 00:00:00",
     {"2026-03-28 22:00:00", "2026-03-29 21:00:00"}},
    /* Apia had no 30 December 2011. */
    {"Pacific/Apia",
     "0 12 30 * *",
     0,
     0,
     "2011-12-01 00:00:00",
     {"2011-12-30 10:00:00", "2012-01-29 22:00:00"}},
    {"UTC", "30 2 29 2 *", 0, 0, "2096-03-01 00:00:00", {"2104-02-29 02:30:00"}},
};

TEST(cron_next_on_days_when_clocks_change)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gord_zone *zone = gord_zone_new(rows[i].zone);
        CHECK(zone != NULL);
        struct gord_cron_rule rule = {.expr = expr_of(rows[i].expr),
                                      .zone = zone,
                                      .gap = rows[i].gap,
                                      .overlap = rows[i].overlap};
        printf("%s %s after %s\n", rows[i].zone, rows[i].expr, rows[i].from);
        check_fires(&rule, rows[i].from, rows[i].fires);
        gord_zone_free(zone);
    }
    CHECK(gord_zone_new("Europe/Nowhere") == NULL);
}

TEST(cron_next_of_what_never_comes_and_of_intervals)
{
    struct gord_zone *zone = gord_zone_new("UTC");
    struct gord_cron_rule never = {.expr = expr_of("0 0 30 2 *"), .zone = zone};
    struct gord_cron_rule every = {.expr = expr_of("every 90s"), .anchor = 1000};
    int64_t at = 0;
    CHECK_EQ(gord_cron_next(&never, 0, &at), -ENOENT);
    CHECK_EQ(gord_cron_next(&every, 0, &at), 0);
    CHECK_EQ(at, 1000);
    CHECK_EQ(gord_cron_next(&every, 1000, &at), 0);
    CHECK_EQ(at, 1090);
    CHECK_EQ(gord_cron_next(&every, 1089, &at), 0);
    CHECK_EQ(at, 1090);
    gord_zone_free(zone);
}

/* ------------------------------------------------------------------ naive search */

/* Does the C library's calendar, minute by minute, see a fire at `at`? For rules that follow the
 * clock (TWICE, SKIP), so that each moment decides by itself. */
static bool naive_fires(const struct gord_cron_expr *expr, time_t at)
{
    struct tm tm;
    localtime_r(&at, &tm);
    bool day = (expr->days >> tm.tm_mday & 1) != 0;
    bool weekday = (expr->weekdays >> tm.tm_wday & 1) != 0;
    return (expr->minutes >> tm.tm_min & 1) != 0 && (expr->hours >> tm.tm_hour & 1) != 0 &&
           (expr->months >> (tm.tm_mon + 1) & 1) != 0 &&
           (expr->either_day ? day || weekday : day && weekday);
}

static struct gord_cron_expr random_expr(uint64_t *random)
{
    char text[128];
    unsigned r[6];
    for (int i = 0; i < 6; i++) {
        *random = *random * 6364136223846793005U + 1442695040888963407U;
        r[i] = (unsigned)(*random >> 33);
    }
    snprintf(text, sizeof text, r[0] % 2 == 0 ? "%u %u" : "*/%u */%u", 1 + r[1] % 23,
             1 + r[2] % 11);
    size_t used = strlen(text);
    if (r[3] % 3 == 0) {
        snprintf(text + used, sizeof text - used, " %u-31 * %u", 1 + r[4] % 28, r[5] % 8);
    } else {
        snprintf(text + used, sizeof text - used, r[3] % 3 == 1 ? " * * %u-6" : " * %u-12 *",
                 1 + r[4] % 6);
    }
    return expr_of(text);
}

TEST(cron_next_is_what_a_minute_by_minute_search_finds)
{
    static const char *const names[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                        "Asia/Kathmandu"};
    uint64_t random = test_seed();
    for (unsigned round = 0; round < 60; round++) {
        const char *name = names[round % 4];
        CHECK_EQ(setenv("TZ", name, 1), 0);
        tzset();
        struct gord_zone *zone = gord_zone_new(name);
        struct gord_cron_rule rule = {.expr = random_expr(&random),
                                      .zone = zone,
                                      .gap = GORD_CRON_GAP_SKIP,
                                      .overlap = GORD_CRON_OVERLAP_TWICE};
        int64_t from = 1767225600 + (int64_t)(random >> 40) % (365 * 1440) * 60;
        int64_t expected = from + 60, at = 0;
        while (!naive_fires(&rule.expr, (time_t)expected)) {
            expected += 60;
        }
        CHECK_EQ(gord_cron_next(&rule, from, &at), 0);
        CHECK_EQ(at, expected);
        gord_zone_free(zone);
    }
}
