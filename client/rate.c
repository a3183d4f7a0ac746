/* SPDX-License-Identifier: MIT */
/* rate.c - see rate.h. */
#include "client/rate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/options.h"

static const struct {
    const char *name;
    int64_t ns;
} units[] = {{"d", 86400000000000},
             {"h", 3600000000000},
             {"m", 60000000000},
             {"s", 1000000000},
             {"ms", 1000000}};

enum { UNITS = sizeof(units) / sizeof(units[0]) };

/* "s", "10m". */
static int parse_per(const char *text, int64_t *out_ns)
{
    char digits[8];
    size_t length = strspn(text, "0123456789");
    uint64_t number = 1;
    snprintf(digits, sizeof(digits), "%.*s", (int)length, text);
    if (length >= sizeof(digits) ||
        (length > 0 && (gorctl_number_parse(digits, &number) != 0 || number == 0))) {
        return -EINVAL;
    }
    for (size_t i = 0; i < UNITS; i++) {
        if (strcmp(text + length, units[i].name) == 0 &&
            number <= (uint64_t)(INT64_MAX / units[i].ns)) {
            *out_ns = (int64_t)number * units[i].ns;
            return 0;
        }
    }
    return -EINVAL;
}

int gorctl_rate_parse(const char *text, Gor__V1__RateLimit *out_limit)
{
    char count_text[16];
    const char *slash = strchr(text, '/');
    uint64_t count = 0;
    int64_t per_ns = 0;
    if (strcmp(text, "none") != 0) {
        if (slash == NULL || slash == text || (size_t)(slash - text) >= sizeof(count_text)) {
            return -EINVAL;
        }
        snprintf(count_text, sizeof(count_text), "%.*s", (int)(slash - text), text);
        if (gorctl_number_parse(count_text, &count) != 0 || count == 0 || count > 1000000 ||
            parse_per(slash + 1, &per_ns) != 0) {
            return -EINVAL;
        }
    }
    out_limit->count = (uint32_t)count;
    out_limit->per_ns = per_ns;
    return 0;
}

const char *gorctl_rate_text(const Gor__V1__RateLimit *limit, char out[GORCTL_RATE_ROOM])
{
    size_t unit = 0;
    while (unit + 1 < UNITS && limit->per_ns % units[unit].ns != 0) {
        unit++;
    }
    int64_t number = limit->per_ns / units[unit].ns;
    int used = number == 1 ? snprintf(out, GORCTL_RATE_ROOM, "%" PRIu32 "/%s", limit->count,
                                      units[unit].name)
                           : snprintf(out, GORCTL_RATE_ROOM, "%" PRIu32 "/%" PRId64 "%s",
                                      limit->count, number, units[unit].name);
    if (limit->burst > 1) {
        snprintf(out + used, (size_t)(GORCTL_RATE_ROOM - used), " burst %" PRIu32, limit->burst);
    }
    return out;
}
