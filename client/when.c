/* SPDX-License-Identifier: MIT */
/* when.c - see when.h. */
#include "client/when.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/text.h"

static const int64_t MICROSECOND = 1000;
static const int64_t MILLISECOND = 1000000;
static const int64_t SECOND = 1000000000;
static const int64_t MINUTE = 60 * 1000000000LL;
static const int64_t HOUR = 3600 * 1000000000LL;
static const int64_t DAY = 24 * 3600 * 1000000000LL;

int64_t gorctl_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* The unit at `*text`, which is moved behind it; 0: none known. */
static int64_t take_unit(const char **text)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        {"ns", 1},         {"us", 1000},       {"\xc2\xb5s", 1000},  {"ms", 1000000},
        {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000}};
    size_t length = 0;
    while ((*text)[length] != '\0' && !isdigit((unsigned char)(*text)[length])) {
        length++;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == length && strncmp(*text, units[i].name, length) == 0) {
            *text += length;
            return units[i].ns;
        }
    }
    return 0;
}

/* Digits at `*text` as whole units, and up to nine behind a point as billionths. */
static int take_number(const char **text, int64_t *out_whole, int64_t *out_billionths)
{
    if (!isdigit((unsigned char)**text)) {
        return -EINVAL;
    }
    char *end;
    errno = 0;
    *out_whole = strtoll(*text, &end, 10);
    if (errno == ERANGE) {
        return -ERANGE;
    }
    *out_billionths = 0;
    if (*end == '.') {
        int64_t scale = SECOND / 10;
        const char *digits = ++end;
        for (; isdigit((unsigned char)*end); end++, scale /= 10) {
            *out_billionths += (*end - '0') * scale;
        }
        if (end == digits) {
            return -EINVAL;
        }
    }
    *text = end;
    return 0;
}

int gorctl_duration_parse(const char *text, int64_t *out_ns)
{
    int64_t total = 0;
    bool first = true;
    do {
        int64_t whole, billionths;
        int rc = take_number(&text, &whole, &billionths);
        if (rc != 0) {
            return rc;
        }
        bool zero = first && *text == '\0' && whole == 0;
        int64_t unit = zero ? SECOND : take_unit(&text);
        if (unit == 0) {
            return -EINVAL;
        }
        int64_t part;
        /* billionths of a day still fit: 10^9 * 86400 * 10^9 would not, so divide first. */
        int64_t fraction =
            unit >= SECOND ? billionths * (unit / SECOND) : billionths * unit / SECOND;
        if (__builtin_mul_overflow(whole, unit, &part) ||
            __builtin_add_overflow(part, fraction, &part) ||
            __builtin_add_overflow(total, part, &total)) {
            return -ERANGE;
        }
        first = false;
    } while (*text != '\0');
    *out_ns = total;
    return 0;
}

void gorctl_duration_text(int64_t ns, char out[GORCTL_WHEN_ROOM])
{
    if (ns < 0) {
        ns = 0;
    }
    if (ns == 0) {
        snprintf(out, GORCTL_WHEN_ROOM, "0s");
    } else if (ns < MILLISECOND) {
        snprintf(out, GORCTL_WHEN_ROOM, "%" PRId64 "%s", ns / MICROSECOND,
                 gorctl_text_is_plain() ? "us" : "\xc2\xb5s");
    } else if (ns < SECOND) {
        snprintf(out, GORCTL_WHEN_ROOM, "%" PRId64 "ms", ns / MILLISECOND);
    } else if (ns < MINUTE) {
        snprintf(out, GORCTL_WHEN_ROOM, "%" PRId64 ".%02" PRId64 "s", ns / SECOND,
                 ns % SECOND / (SECOND / 100));
    } else if (ns < HOUR) {
        snprintf(out, GORCTL_WHEN_ROOM, "%" PRId64 "m%02" PRId64 "s", ns / MINUTE,
                 ns % MINUTE / SECOND);
    } else if (ns < DAY) {
        snprintf(out, GORCTL_WHEN_ROOM, "%" PRId64 "h%02" PRId64 "m", ns / HOUR,
                 ns % HOUR / MINUTE);
    } else {
        snprintf(out, GORCTL_WHEN_ROOM, "%" PRId64 "d%02" PRId64 "h", ns / DAY, ns % DAY / HOUR);
    }
}

/* Offset behind a time: "", "Z", "+02:00", "-0530". */
static int parse_zone(const char *text, bool *out_local, int *out_seconds_east)
{
    *out_local = *text == '\0';
    *out_seconds_east = 0;
    if (*out_local || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        return 0;
    }
    int hours, minutes, used = 0;
    if ((*text != '+' && *text != '-') ||
        (sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 &&
         sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &used) != 2) ||
        text[1 + used] != '\0' || hours < 0 || hours > 14 || minutes < 0 || minutes > 59) {
        return -EINVAL;
    }
    *out_seconds_east = (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return 0;
}

/* Of ".123456" the nanoseconds, and *text behind it; 0 where there is no fraction. Digits beyond the ninth
 * count for nothing. */
static int64_t take_fraction(const char **text)
{
    int64_t ns = 0;
    int64_t unit = SECOND / 10;
    if (**text != '.' || !isdigit((unsigned char)(*text)[1])) {
        return 0;
    }
    for ((*text)++; isdigit((unsigned char)**text); (*text)++, unit /= 10) {
        ns += (**text - '0') * unit;
    }
    return ns;
}

/* A date with or without a time of day. */
static int parse_calendar(const char *text, int64_t *out_ns)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm parts = {.tm_isdst = -1};
        const char *end = strptime(text, forms[i], &parts);
        bool local;
        int east;
        int64_t fraction =
            end != NULL && i < 2 ? take_fraction(&end) : 0; /* of those with seconds */
        if (end == NULL || parse_zone(end, &local, &east) != 0) {
            continue;
        }
        parts.tm_isdst = -1;
        time_t seconds = local ? mktime(&parts) : timegm(&parts) - east;
        if (seconds < 0 || seconds >= INT64_MAX / SECOND) {
            return -EINVAL;
        }
        *out_ns = (int64_t)seconds * SECOND + fraction;
        return 0;
    }
    return -EINVAL;
}

static int64_t midnight_before(int64_t now_ns, int days_back)
{
    time_t seconds = (time_t)(now_ns / SECOND);
    struct tm parts;
    localtime_r(&seconds, &parts);
    parts.tm_mday -= days_back;
    parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
    parts.tm_isdst = -1;
    return (int64_t)mktime(&parts) * SECOND;
}

int gorctl_time_parse(const char *text, int64_t now_ns, int64_t *out_ns)
{
    int64_t ago;
    if (strcmp(text, "now") == 0) {
        *out_ns = now_ns;
        return 0;
    }
    if (strcmp(text, "today") == 0 || strcmp(text, "yesterday") == 0) {
        *out_ns = midnight_before(now_ns, text[0] == 'y');
        return 0;
    }
    if (gorctl_duration_parse(text, &ago) == 0) {
        *out_ns = ago < now_ns ? now_ns - ago : 0;
        return 0;
    }
    return parse_calendar(text, out_ns);
}

void gorctl_time_text(int64_t ns, int64_t now_ns, char out[GORCTL_WHEN_ROOM])
{
    if (ns <= 0) {
        strcpy(out, "-");
        return;
    }
    time_t then_seconds = (time_t)(ns / SECOND);
    time_t now_seconds = (time_t)(now_ns / SECOND);
    struct tm then, now;
    localtime_r(&then_seconds, &then);
    localtime_r(&now_seconds, &now);
    bool today = then.tm_year == now.tm_year && then.tm_yday == now.tm_yday;
    strftime(out, GORCTL_WHEN_ROOM, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &then);
}

void gorctl_time_exact(int64_t ns, char out[GORCTL_WHEN_ROOM])
{
    if (ns <= 0) {
        strcpy(out, "-");
        return;
    }
    time_t seconds = (time_t)(ns / SECOND);
    struct tm parts;
    localtime_r(&seconds, &parts);
    size_t length = strftime(out, GORCTL_WHEN_ROOM, "%Y-%m-%d %H:%M:%S", &parts);
    length += (size_t)snprintf(out + length, GORCTL_WHEN_ROOM - length, ".%03d",
                               (int)(ns % SECOND / MILLISECOND));
    strftime(out + length, GORCTL_WHEN_ROOM - length, " %z", &parts);
}

void gorctl_bytes_text(uint64_t bytes, char out[GORCTL_WHEN_ROOM])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double amount = (double)bytes;
    while (amount >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        amount /= 1024;
        unit++;
    }
    snprintf(out, GORCTL_WHEN_ROOM, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
}

void gorctl_count_text(uint64_t count, char out[GORCTL_WHEN_ROOM])
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    char *to = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
}
