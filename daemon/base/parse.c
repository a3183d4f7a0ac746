/* SPDX-License-Identifier: MIT */
/* parse.c - durations and sizes as people write them; see config.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/config.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* A longer name stands before one it begins with. */
static const struct unit times[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", (uint64_t)60 * 1000000000},
    {"h", (uint64_t)3600 * 1000000000},
    {"d", (uint64_t)86400 * 1000000000},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"K", (uint64_t)1 << 10}, {"M", (uint64_t)1 << 20}, {"G", (uint64_t)1 << 30}, {NULL, 0}};

static int parse_number(const char **at, uint64_t *out)
{
    const char *p = *at;
    uint64_t value = 0;
    if (!isdigit((unsigned char)*p)) {
        return -EINVAL;
    }
    for (; isdigit((unsigned char)*p); p++) {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value)) {
            return -EINVAL;
        }
    }
    *at = p;
    *out = value;
    return 0;
}

static const struct unit *find_unit(const struct unit *units, const char **at)
{
    for (; units->name != NULL; units++) {
        size_t length = strlen(units->name);
        if (strncmp(*at, units->name, length) == 0) {
            *at += length;
            return units;
        }
    }
    return NULL;
}

int gord_parse_duration(const char *text, int64_t *out_ns)
{
    uint64_t total = 0, value;
    if (strcmp(text, "0") == 0) {
        *out_ns = 0;
        return 0;
    }
    do {
        const struct unit *unit;
        if (parse_number(&text, &value) != 0 || (unit = find_unit(times, &text)) == NULL ||
            __builtin_mul_overflow(value, unit->factor, &value) ||
            __builtin_add_overflow(total, value, &total) || total > INT64_MAX) {
            return -EINVAL;
        }
    } while (*text != '\0');
    *out_ns = (int64_t)total;
    return 0;
}

int gord_parse_bytes(const char *text, uint64_t *out_bytes)
{
    uint64_t value;
    if (parse_number(&text, &value) != 0) {
        return -EINVAL;
    }
    if (*text != '\0') {
        const struct unit *unit = find_unit(sizes, &text);
        if (unit == NULL || *text != '\0' || __builtin_mul_overflow(value, unit->factor, &value)) {
            return -EINVAL;
        }
    }
    *out_bytes = value;
    return 0;
}

const char *gord_format_duration(int64_t ns, char *out, size_t out_bytes)
{
    uint64_t rest = (uint64_t)ns;
    size_t used = 0;

    snprintf(out, out_bytes, "0");
    /* From the largest unit, the last before the end of the list, down. */
    for (size_t i = sizeof times / sizeof *times - 1; i-- > 0 && rest != 0;) {
        uint64_t count = rest / times[i].factor;
        if (count != 0 && used < out_bytes) {
            used += (size_t)snprintf(out + used, out_bytes - used, "%" PRIu64 "%s", count,
                                     times[i].name);
            rest -= count * times[i].factor;
        }
    }
    return out;
}

const char *gord_format_bytes(uint64_t bytes, char *out, size_t out_bytes)
{
    const char *unit = "";

    for (size_t i = 0; sizes[i].name != NULL && bytes != 0; i++) {
        if (bytes % 1024 == 0) {
            bytes /= 1024;
            unit = sizes[i].name;
        } else {
            break;
        }
    }
    snprintf(out, out_bytes, "%" PRIu64 "%s", bytes, unit);
    return out;
}
