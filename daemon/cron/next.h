/* SPDX-License-Identifier: MIT */
/* next.h - the moments at which a calendar entry fires.
 *
 * Where clocks are put forward, the times between do not exist; where they are put back, some exist
 * twice. What becomes of those:
 *
 *   gap      AFTER   once, at the moment the clock is put forward (default)
 *            SKIP    not that day
 *   overlap  ONCE    the first time (default)
 *            TWICE   both times
 *
 * An entry for every hour of the day follows the clock instead: nothing is made up for a gap, and
 * the hour that comes twice has its fires twice, so that their distance stays what it is.
 * Threads     any; pure.
 */
#ifndef GORD_CRON_NEXT_H
#define GORD_CRON_NEXT_H

#include "daemon/cron/expr.h"
#include "daemon/cron/zone.h"

enum gord_cron_gap { GORD_CRON_GAP_AFTER, GORD_CRON_GAP_SKIP };
enum gord_cron_overlap { GORD_CRON_OVERLAP_ONCE, GORD_CRON_OVERLAP_TWICE };

struct gord_cron_rule {
    struct gord_cron_expr expr;
    const struct gord_zone *zone; /* borrowed; not used by intervals */
    enum gord_cron_gap gap;
    enum gord_cron_overlap overlap;
    int64_t anchor; /* intervals count from here */
};

/* The first fire after `after`, in seconds since 1970. -ENOENT: none within nine years, which is
 * never ("0 0 30 2 *"). */
int gord_cron_next(const struct gord_cron_rule *rule, int64_t after, int64_t *out_at);

#endif
