/* SPDX-License-Identifier: MIT */
/* What an entry of the calendar has to do, at one moment or another: on time, late, after the clock was
 * set. Time is handed in; nothing waits. */
#include <errno.h>

#include "daemon/cron/plan.h"
#include "tests/test.h"

#define SECOND INT64_C(1000000000)

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* 2026-03-02, a Monday, 00:00 UTC */
#define MONDAY INT64_C(1772409600)

static struct gord_cron_entry entry_of(const char *text, enum gord_cron_missed missed)
{
    struct gord_cron_entry entry = {.missed = missed, .rule = {.anchor = MONDAY}};
    char error[256] = "";
    CHECK_EQ(gord_cron_parse(text, &entry.rule.expr, error, sizeof error), 0);
    entry.rule.zone = gord_zone_new("UTC");
    CHECK(entry.rule.zone != NULL);
    return entry;
}

static void free_entry(struct gord_cron_entry *entry)
{
    gord_zone_free((struct gord_zone *)(uintptr_t)entry->rule.zone);
}

static struct gord_cron_plan plan_of(const struct gord_cron_entry *entry, int64_t covered,
                                     int64_t now)
{
    struct gord_cron_plan plan;
    gord_cron_plan(entry, covered, now * SECOND, &plan);
    return plan;
}

TEST(plan_makes_a_fire_once_its_time_has_come_and_not_again)
{
    struct gord_cron_entry entry = entry_of("0 3 * * *", GORD_CRON_MISSED_SKIP);
    int64_t three = MONDAY + 3 * HOUR;
    struct gord_cron_plan plan = plan_of(&entry, MONDAY, three - 1);
    CHECK_EQ(plan.count, 0);
    CHECK_EQ(plan.covered_s, MONDAY);
    plan = plan_of(&entry, MONDAY, three);
    CHECK_EQ(plan.count, 1);
    CHECK_EQ(plan.fires_s[0], three);
    CHECK_EQ(plan.missed, 0);
    CHECK_EQ(plan.covered_s, three);
    CHECK_EQ(plan_of(&entry, three, three).count, 0);
    /* A restart that takes no longer than a minute makes it late, not missed. */
    CHECK_EQ(plan_of(&entry, MONDAY, three + GORD_CRON_LATE_S).count, 1);
    CHECK_EQ(plan_of(&entry, MONDAY, three + GORD_CRON_LATE_S + 1).count, 0);
    free_entry(&entry);
}

TEST(plan_after_a_downtime_follows_the_policy)
{
    static const struct {
        enum gord_cron_missed missed;
        size_t count;
        uint64_t left;
    } policies[] = {
        {GORD_CRON_MISSED_SKIP, 0, 5}, {GORD_CRON_MISSED_ONCE, 1, 4}, {GORD_CRON_MISSED_ALL, 5, 0}};
    int64_t now = MONDAY + 5 * DAY - HOUR;
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        struct gord_cron_entry entry = entry_of("0 3 * * *", policies[i].missed);
        struct gord_cron_plan plan = plan_of(&entry, MONDAY, now);
        CHECK_EQ(plan.count, policies[i].count);
        CHECK_EQ(plan.missed, policies[i].left);
        CHECK_EQ(plan.covered_s, MONDAY + 4 * DAY + 3 * HOUR);
        for (size_t k = 0; k < plan.count; k++) {
            CHECK_EQ(plan.fires_s[plan.count - 1 - k], MONDAY + (4 - (int64_t)k) * DAY + 3 * HOUR);
        }
        CHECK_EQ(plan_of(&entry, plan.covered_s, now).count, 0);
        free_entry(&entry);
    }
}

TEST(plan_makes_up_for_none_when_one_is_on_time)
{
    struct gord_cron_entry entry = entry_of("0 * * * *", GORD_CRON_MISSED_ONCE);
    struct gord_cron_plan plan = plan_of(&entry, MONDAY, MONDAY + 5 * HOUR + 2);
    CHECK_EQ(plan.count, 1);
    CHECK_EQ(plan.fires_s[0], MONDAY + 5 * HOUR);
    CHECK_EQ(plan.missed, 4);
    free_entry(&entry);
}

TEST(plan_makes_up_for_the_latest_hundred)
{
    struct gord_cron_entry entry = entry_of("* * * * *", GORD_CRON_MISSED_ALL);
    struct gord_cron_plan plan = plan_of(&entry, MONDAY, MONDAY + 1000 * MINUTE);
    CHECK_EQ(plan.count, GORD_CRON_FIRES_MOST);
    CHECK_EQ(plan.missed, 900);
    CHECK_EQ(plan.fires_s[0], MONDAY + 901 * MINUTE);
    CHECK_EQ(plan.fires_s[99], MONDAY + 1000 * MINUTE);
    free_entry(&entry);
}

TEST(plan_of_a_year_of_seconds_ends_at_now)
{
    struct gord_cron_entry entry = entry_of("* * * * * *", GORD_CRON_MISSED_ONCE);
    int64_t now = MONDAY + 365 * (int64_t)DAY;
    struct gord_cron_plan plan = plan_of(&entry, MONDAY, now);
    CHECK_EQ(plan.covered_s, now);
    CHECK_EQ(plan.fires_s[plan.count - 1], now);
    CHECK_EQ(plan.count, GORD_CRON_LATE_S + 1); /* those of the last minute are on time */
    CHECK(plan.missed > 10000);
    free_entry(&entry);
}

TEST(plan_after_the_clock_was_put_back_repeats_nothing_unless_it_was_put_right)
{
    struct gord_cron_entry entry = entry_of("*/30 * * * *", GORD_CRON_MISSED_ONCE);
    int64_t covered = MONDAY + DAY;
    /* An hour back: what was made is not made again, and the next is the one after it. */
    struct gord_cron_plan plan = plan_of(&entry, covered, covered - HOUR);
    CHECK_EQ(plan.count, 0);
    CHECK_EQ(plan.covered_s, covered);
    CHECK_EQ(plan_of(&entry, covered, covered + 30 * MINUTE).count, 1);
    /* A year ahead by mistake: it goes on from now. */
    plan = plan_of(&entry, covered + 365 * (int64_t)DAY, covered);
    CHECK_EQ(plan.count, 0);
    CHECK_EQ(plan.covered_s, covered);
    free_entry(&entry);
}

TEST(plan_after_the_clock_was_put_forward_is_that_of_a_downtime)
{
    struct gord_cron_entry entry = entry_of("*/30 * * * *", GORD_CRON_MISSED_SKIP);
    struct gord_cron_plan plan = plan_of(&entry, MONDAY, MONDAY + DAY + 10 * MINUTE);
    CHECK_EQ(plan.count, 0);
    CHECK_EQ(plan.missed, 48);
    free_entry(&entry);
}

TEST(entry_keeps_to_its_bounds)
{
    struct gord_cron_entry entry = entry_of("0 3 * * *", GORD_CRON_MISSED_ALL);
    int64_t at = 0;
    entry.start_s = MONDAY + 2 * DAY + 3 * HOUR;
    entry.end_s = MONDAY + 4 * DAY;
    CHECK_EQ(gord_cron_entry_next(&entry, MONDAY, &at), 0);
    CHECK_EQ(at, entry.start_s); /* the bound itself is in it */
    CHECK_EQ(gord_cron_entry_next(&entry, at, &at), 0);
    CHECK_EQ(at, MONDAY + 3 * DAY + 3 * HOUR);
    CHECK_EQ(gord_cron_entry_next(&entry, at, &at), -ENOENT);
    CHECK_EQ(plan_of(&entry, MONDAY, MONDAY + 30 * DAY).count, 2);
    free_entry(&entry);
    entry = entry_of("@yearly", GORD_CRON_MISSED_ALL);
    CHECK_EQ(gord_cron_entry_next(&entry, GORD_CRON_END_S, &at), -ENOENT);
    free_entry(&entry);
}

TEST(jitter_is_bounded_the_same_each_time_and_another_for_each_fire)
{
    struct gord_cron_entry entry = entry_of("0 * * * *", GORD_CRON_MISSED_ONCE);
    int64_t least = HOUR * SECOND;
    int64_t most = 0;
    entry.jitter_ns = 10 * MINUTE * SECOND;
    entry.seed = gord_cron_hash("nightly");
    for (int64_t at = MONDAY; at < MONDAY + 200 * HOUR; at += HOUR) {
        int64_t late = gord_cron_due_ns(&entry, at) - at * SECOND;
        CHECK(late >= 0 && late <= entry.jitter_ns);
        CHECK_EQ(gord_cron_due_ns(&entry, at) - at * SECOND, late);
        least = late < least ? late : least;
        most = late > most ? late : most;
    }
    CHECK(least < MINUTE * SECOND && most > 9 * MINUTE * SECOND);
    int64_t due = gord_cron_due_ns(&entry, MONDAY + HOUR);
    CHECK_EQ(plan_of(&entry, MONDAY, due / SECOND).count, 0);
    CHECK_EQ(plan_of(&entry, MONDAY, due / SECOND + 1).count, 1);
    struct gord_cron_entry other = entry;
    other.seed = gord_cron_hash("daily");
    CHECK(gord_cron_due_ns(&other, MONDAY) != gord_cron_due_ns(&entry, MONDAY));
    free_entry(&entry);
}
