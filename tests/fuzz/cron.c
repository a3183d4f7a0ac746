/* SPDX-License-Identifier: MIT */
/* cron.c - fuzz target: a calendar's expression, and the moments that follow from it. The first byte
 * chooses zone and rules, the next four when it is; the rest is the expression. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cron/plan.h"
#include "tests/fuzz/fuzz.h"

enum { FIRES = 5, HEAD = 5, ERROR_BYTES = 200 };

/* Clocks that go forward and back by an hour, by half of one, that skip a day, and that do nothing. */
static const char *const names[] = {"Europe/Berlin", "America/New_York",  "Australia/Lord_Howe",
                                    "Pacific/Apia",  "Africa/Casablanca", "Asia/Kolkata",
                                    "Etc/UTC",       "America/St_Johns"};

enum { ZONES = sizeof names / sizeof names[0] };

static struct gord_zone *zones[ZONES];

static const struct gord_zone *zone_of(unsigned choice)
{
    struct gord_zone **zone = &zones[choice % ZONES];
    if (*zone == NULL) {
        *zone = gord_zone_new(names[choice % ZONES]);
        assert(*zone != NULL);
    }
    return *zone;
}

static void check_fires(const struct gord_cron_entry *entry, int64_t after)
{
    for (int i = 0; i < FIRES; i++) {
        int64_t at;
        if (gord_cron_entry_next(entry, after, &at) != 0) {
            return;
        }
        assert(at > after);
        assert(gord_cron_due_ns(entry, at) >= at * 1000000000);
        after = at;
    }
}

static void check_plan(const struct gord_cron_entry *entry, int64_t covered, int64_t now)
{
    struct gord_cron_plan plan;
    gord_cron_plan(entry, covered, now * 1000000000, &plan);
    assert(plan.count <= GORD_CRON_FIRES_MOST);
    for (size_t i = 0; i < plan.count; i++) {
        assert(plan.fires_s[i] > covered && plan.fires_s[i] <= now);
        assert(i == 0 || plan.fires_s[i] > plan.fires_s[i - 1]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gord_cron_expr expr;
    char error[ERROR_BYTES] = "";
    if (size < HEAD) {
        return 0;
    }
    char *text = strndup((const char *)data + HEAD, size - HEAD);
    assert(text != NULL);
    if (gord_cron_parse(text, &expr, error, sizeof error) != 0) {
        assert(error[0] != '\0' && memchr(error, '\0', sizeof error) != NULL);
        free(text);
        return 0;
    }
    free(text);
    uint32_t at;
    memcpy(&at, data + 1, sizeof at);
    struct gord_cron_entry entry = {
        .rule = {.expr = expr,
                 .zone = zone_of(data[0]),
                 .gap = (data[0] & 0x08) != 0 ? GORD_CRON_GAP_SKIP : GORD_CRON_GAP_AFTER,
                 .overlap =
                     (data[0] & 0x10) != 0 ? GORD_CRON_OVERLAP_TWICE : GORD_CRON_OVERLAP_ONCE},
        .missed = (enum gord_cron_missed)((data[0] >> 5) % 3),
        .jitter_ns = (data[0] & 0x80) != 0 ? 60000000000 : 0,
    };
    check_fires(&entry, at);
    check_plan(&entry, at, (int64_t)at + 86400 * (data[1] % 40));
    return 0;
}
