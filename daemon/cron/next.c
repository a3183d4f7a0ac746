/* SPDX-License-Identifier: MIT */
/* next.c - see next.h.
 *
 * Time is taken in pieces in which the wall is ahead of UTC by the same amount. Within one, a search
 * by the wall's calendar is exact; what clock changes do is decided where two pieces meet.
 * Rejected: turning the wall's times into moments one by one, since their order is not that of the
 * moments where clocks are put back.
 */
#include "daemon/cron/next.h"

#include <errno.h>

enum { DAY_S = 86400 };

#define PIECE_S (40LL * DAY_S)
#define HORIZON_S (9LL * 366 * DAY_S) /* 29 February may be eight years away */

/* ------------------------------------------------------------------ calendar */

struct date {
    unsigned month;   /* 1 to 12 */
    unsigned day;     /* 1 to 31 */
    unsigned weekday; /* 0: Sunday */
};

/* Of the day so many days after 1970-01-01. Years are counted from March, so that the leap day is
 * the last of one; 146,097 days are 400 years. */
static struct date date_of(int64_t days)
{
    int64_t shifted = days + 719468; /* from 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned in_era = (unsigned)(shifted - era * 146097);
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned march_month = (5 * in_year + 2) / 153;
    int64_t weekday = (days + 4) % 7; /* a Thursday */

    return (struct date){march_month < 10 ? march_month + 3 : march_month - 9,
                         in_year - (153 * march_month + 2) / 5 + 1,
                         (unsigned)(weekday < 0 ? weekday + 7 : weekday)};
}

static bool is_day(const struct gord_cron_expr *expr, int64_t days)
{
    struct date date = date_of(days);
    bool day = (expr->days >> date.day & 1) != 0;
    bool weekday = (expr->weekdays >> date.weekday & 1) != 0;

    return (expr->months >> date.month & 1) != 0 &&
           (expr->either_day ? day || weekday : day && weekday);
}

/* The first of the bits from `from` on; 64: none. */
static unsigned first_bit(uint64_t bits, unsigned from)
{
    bits = from < 64 ? bits >> from << from : 0;
    return bits != 0 ? (unsigned)__builtin_ctzll(bits) : 64;
}

/* The first time of day from `from` on, in seconds; DAY_S: none. */
static int64_t time_of_day(const struct gord_cron_expr *expr, int64_t from)
{
    unsigned minute = (unsigned)(from / 60 % 60);
    unsigned second = (unsigned)(from % 60);

    for (unsigned hour = first_bit(expr->hours, (unsigned)(from / 3600)); hour < 24;
         hour = first_bit(expr->hours, hour + 1)) {
        if (hour != (unsigned)(from / 3600)) {
            minute = second = 0;
        }
        unsigned begin = minute;
        for (unsigned m = first_bit(expr->minutes, begin); m < 60;
             m = first_bit(expr->minutes, m + 1)) {
            unsigned s = first_bit(expr->seconds, m == begin ? second : 0);
            if (s < 60) {
                return (int64_t)hour * 3600 + m * 60 + s;
            }
        }
    }
    return DAY_S;
}

/* The first time by the wall in [from, to); `to`: none. */
static int64_t search(const struct gord_cron_expr *expr, int64_t from, int64_t to)
{
    int64_t days = from >= 0 ? from / DAY_S : -((DAY_S - 1 - from) / DAY_S);

    for (int64_t low = from - days * DAY_S; days * DAY_S < to; days++, low = 0) {
        int64_t time = is_day(expr, days) ? time_of_day(expr, low) : DAY_S;
        if (time < DAY_S) {
            return days * DAY_S + time < to ? days * DAY_S + time : to;
        }
    }
    return to;
}

/* ------------------------------------------------------------------ pieces */

/* Where one piece meets the next: moment, and the wall's lead before and after it. */
struct seam {
    int64_t at, before, after;
};

/* Does a time that a seam leaves out fire at it? */
static bool fires_at(const struct gord_cron_rule *rule, const struct seam *seam)
{
    int64_t end = seam->at + seam->after;

    return seam->after > seam->before && rule->gap == GORD_CRON_GAP_AFTER &&
           !gord_cron_is_hourly(&rule->expr) &&
           search(&rule->expr, seam->at + seam->before, end) < end;
}

/* The first fire in [from, to) of a piece that begins with `seam`; `to`: none. */
static int64_t search_piece(const struct gord_cron_rule *rule, const struct seam *seam,
                            int64_t from, int64_t to)
{
    if (from == seam->at && fires_at(rule, seam)) {
        return from;
    }
    bool twice = rule->overlap == GORD_CRON_OVERLAP_TWICE || gord_cron_is_hourly(&rule->expr);
    int64_t again = seam->at + seam->before - seam->after; /* until then the wall repeats itself */
    if (!twice && from < again) {
        from = again < to ? again : to;
    }
    return search(&rule->expr, from + seam->after, to + seam->after) - seam->after;
}

/* The last seam at or before `at`, or one that is none, as long ago. No overlap is longer. */
static struct seam seam_before(const struct gord_zone *zone, int64_t at)
{
    int64_t lead = gord_zone_offset(zone, at);
    struct seam seam = {at - 2 * DAY_S, lead, lead};

    for (int64_t from = seam.at; from < at;) {
        int64_t change = gord_zone_change(zone, from, at + 1);
        if (change <= at) {
            seam = (struct seam){change, gord_zone_offset(zone, change - 1),
                                 gord_zone_offset(zone, change)};
        }
        from = change;
    }
    return seam;
}

static int next_interval(const struct gord_cron_rule *rule, int64_t after, int64_t *out_at)
{
    int64_t passed = after - rule->anchor;
    int64_t count = passed < 0 ? 0 : passed / rule->expr.every_s + 1;

    *out_at = rule->anchor + count * rule->expr.every_s;
    return 0;
}

int gord_cron_next(const struct gord_cron_rule *rule, int64_t after, int64_t *out_at)
{
    if (rule->expr.every_s != 0) {
        return next_interval(rule, after, out_at);
    }
    struct seam seam = seam_before(rule->zone, after + 1);
    for (int64_t from = after + 1; from < after + HORIZON_S;) {
        int64_t to = gord_zone_change(rule->zone, from, from + PIECE_S);
        int64_t found = search_piece(rule, &seam, from, to);
        if (found < to) {
            *out_at = found;
            return 0;
        }
        int64_t lead = gord_zone_offset(rule->zone, to);
        if (lead != seam.after) {
            seam = (struct seam){to, seam.after, lead};
        }
        from = to;
    }
    return -ENOENT;
}
