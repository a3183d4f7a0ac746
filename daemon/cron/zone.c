/* SPDX-License-Identifier: MIT */
#include "daemon/cron/zone.h"

#include <glib.h>

#define STEP_S (6 * 3600) /* no zone was ever changed twice within that */

/* The struct is GLib's. */
static GTimeZone *glib(const struct gord_zone *zone)
{
    return (GTimeZone *)(uintptr_t)zone;
}

struct gord_zone *gord_zone_new(const char *name)
{
    return (struct gord_zone *)g_time_zone_new_identifier(name);
}

void gord_zone_free(struct gord_zone *zone)
{
    if (zone != NULL) {
        g_time_zone_unref(glib(zone));
    }
}

int64_t gord_zone_offset(const struct gord_zone *zone, int64_t at)
{
    int interval = g_time_zone_find_interval(glib(zone), G_TIME_TYPE_UNIVERSAL, at);

    return g_time_zone_get_offset(glib(zone), interval);
}

int64_t gord_zone_change(const struct gord_zone *zone, int64_t at, int64_t until)
{
    int64_t offset = gord_zone_offset(zone, at);

    for (int64_t low = at; low < until - 1;) {
        int64_t high = low + STEP_S < until - 1 ? low + STEP_S : until - 1;
        if (gord_zone_offset(zone, high) == offset) {
            low = high;
            continue;
        }
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;
            if (gord_zone_offset(zone, middle) == offset) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return high;
    }
    return until;
}
