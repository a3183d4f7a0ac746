/* SPDX-License-Identifier: MIT */
/* rate.c - see rate.h. */
#include "daemon/job/rate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* How long so many tokens take to come. The parts are apart so that no product is too large. */
static int64_t drip_ns(const struct gord_rate_limit *limit, uint64_t tokens)
{
    int64_t whole = limit->per_ns / limit->count, rest = limit->per_ns % limit->count;
    return (int64_t)tokens * whole + (int64_t)tokens * rest / limit->count;
}

int gord_rate_check(const struct gord_rate_limit *limit, char *error, size_t error_bytes)
{
    if (limit->count == 0) {
        return 0;
    }
    if (limit->count > GORD_RATE_COUNT_MAX || limit->burst > GORD_RATE_COUNT_MAX) {
        snprintf(error, error_bytes, "count and burst are 1 to %d", (int)GORD_RATE_COUNT_MAX);
        return -EINVAL;
    }
    if (limit->per_ns < 1000000 || limit->per_ns > (int64_t)366 * 86400 * 1000000000) {
        snprintf(error, error_bytes, "per_ns is a millisecond to 366 days");
        return -EINVAL;
    }
    if (limit->per_ns / limit->count > GORD_RATE_FILL_NS / (limit->burst > 0 ? limit->burst : 1)) {
        snprintf(error, error_bytes,
                 "a bucket of %" PRIu32 " would take more than ten years to fill", limit->burst);
        return -EINVAL;
    }
    return 0;
}

void gord_rate_change(struct gord_rate *rate, const struct gord_rate_limit *limit, int64_t now_ns)
{
    uint32_t burst = limit->burst > 0 ? limit->burst : 1;
    uint32_t tokens = rate->limit.count > 0 ? gord_rate_tokens(rate, now_ns) : burst;
    rate->limit = *limit;
    rate->limit.burst = burst;
    rate->full_at_ns = now_ns;
    if (limit->count > 0 && tokens < burst) {
        rate->full_at_ns += drip_ns(&rate->limit, burst - tokens);
    }
}

int64_t gord_rate_when(const struct gord_rate *rate, uint64_t tokens)
{
    return rate->full_at_ns - drip_ns(&rate->limit, rate->limit.burst) +
           drip_ns(&rate->limit, tokens);
}

uint32_t gord_rate_tokens(const struct gord_rate *rate, int64_t now_ns)
{
    uint32_t low = 0, high = rate->limit.burst;
    while (low < high) { /* by halves, so that it agrees with gord_rate_when to the nanosecond */
        uint32_t middle = low + (high - low + 1) / 2;
        if (gord_rate_when(rate, middle) <= now_ns) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

void gord_rate_take(struct gord_rate *rate, uint32_t tokens, int64_t now_ns)
{
    int64_t from_ns = rate->full_at_ns > now_ns ? rate->full_at_ns : now_ns;
    rate->full_at_ns = from_ns + drip_ns(&rate->limit, tokens);
}

const char *gord_rate_text(const struct gord_rate_limit *limit, char out[GORD_RATE_TEXT])
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {
        {86400000000000, "d"}, {3600000000000, "h"}, {60000000000, "m"}, {1000000000, "s"}};
    const char *unit = NULL;
    for (size_t i = 0; i < sizeof units / sizeof *units && unit == NULL; i++) {
        unit = limit->per_ns == units[i].ns ? units[i].name : NULL;
    }
    if (unit != NULL) {
        snprintf(out, GORD_RATE_TEXT, "%" PRIu32 "/%s, burst %" PRIu32, limit->count, unit,
                 limit->burst);
    } else {
        snprintf(out, GORD_RATE_TEXT, "%" PRIu32 " in %" PRId64 " ms, burst %" PRIu32, limit->count,
                 limit->per_ns / 1000000, limit->burst);
    }
    return out;
}
