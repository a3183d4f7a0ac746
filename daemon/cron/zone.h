/* SPDX-License-Identifier: MIT */
/* zone.h - what the clocks of a time zone show, and when they are changed.
 *
 * Times are seconds since 1970: `at` in UTC; `wall` as the clock on the wall shows it, counted as if
 * it were UTC.
 * Threads     any; immutable once made.
 */
#ifndef GORD_CRON_ZONE_H
#define GORD_CRON_ZONE_H

#include <stdint.h>

struct gord_zone;

/* By IANA name, such as Europe/Berlin. NULL: there is none of that name. */
struct gord_zone *gord_zone_new(const char *name);
void gord_zone_free(struct gord_zone *zone); /* NULL is fine */

/* What the wall is ahead of UTC. */
int64_t gord_zone_offset(const struct gord_zone *zone, int64_t at);

/* The first moment after `at` and before `until` at which that is another; `until`: none. */
int64_t gord_zone_change(const struct gord_zone *zone, int64_t at, int64_t until);

#endif
