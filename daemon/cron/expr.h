/* SPDX-License-Identifier: MIT */
/* expr.h - a calendar expression: when, by the clock on the wall, something is to happen.
 *
 *   [second] minute hour day-of-month month day-of-week     each a list of N, A-B, * and steps (/N);
 *                                                           months and days also by name
 *   @yearly @annually @monthly @weekly @daily @midnight @hourly
 *   every 15m                                               an interval: 90s, 15m, 1h30m, 2d
 *
 * When both days are restricted, either will do, as in every cron. Sunday is 0 and 7.
 * Threads     any; pure.
 */
#ifndef GORD_CRON_EXPR_H
#define GORD_CRON_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gord_cron_expr {
    uint64_t seconds; /* bit N: N is meant; likewise the rest */
    uint64_t minutes;
    uint32_t hours;
    uint32_t days; /* 1 to 31 */
    uint32_t months;
    uint32_t weekdays; /* 0 to 6 */
    bool either_day;   /* both days are restricted */
    int64_t every_s;   /* an interval instead; 0: the calendar */
};

/* 0, or -EINVAL with a sentence in `error` that names the field and what is wrong with it. */
int gord_cron_parse(const char *text, struct gord_cron_expr *out_expr, char *error,
                    size_t error_bytes);

/* Does it run every hour of the day? Such an entry follows the clock through its changes. */
bool gord_cron_is_hourly(const struct gord_cron_expr *expr);

#endif
