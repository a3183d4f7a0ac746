/* SPDX-License-Identifier: MIT */
#include "daemon/cron/expr.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EVERY_MAX_S (366LL * 24 * 3600)

enum { FIELDS = 6, TEXT_MAX = 255 };

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct field {
    const char *name;
    unsigned least, most;
    const char *const *names; /* of `least` on; NULL: numbers only */
} fields[FIELDS] = {
    {"second", 0, 59, NULL}, {"minute", 0, 59, NULL},       {"hour", 0, 23, NULL},
    {"day", 1, 31, NULL},    {"month", 1, 12, month_names}, {"weekday", 0, 7, day_names},
};

struct reading {
    char *error;
    size_t error_bytes;
};

static int refuse(const struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int refuse(const struct reading *reading, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(reading->error, reading->error_bytes, format, args);
    va_end(args);
    return -EINVAL;
}

/* A number or a name at *at, which is moved behind it. */
static int take_value(const struct reading *reading, const struct field *field, const char **at,
                      unsigned *out)
{
    unsigned value = 0;
    size_t length = strspn(*at, "0123456789");

    for (unsigned i = 0; field->names != NULL && field->names[i] != NULL && length == 0; i++) {
        if (strncasecmp(*at, field->names[i], 3) == 0 && !isalnum((unsigned char)(*at)[3])) {
            *at += 3;
            *out = field->least + i;
            return 0;
        }
    }
    for (size_t i = 0; i < length && value <= field->most; i++) {
        value = value * 10 + (unsigned)((*at)[i] - '0');
    }
    if (length == 0 || value < field->least || value > field->most) {
        return refuse(reading, "%s: '%.20s' is not %u to %u%s", field->name, *at, field->least,
                      field->most, field->names != NULL ? " or a name of three letters" : "");
    }
    *at += length;
    *out = value;
    return 0;
}

/* "A", "A-B", "*", each with "/N" behind it or not. */
static int take_part(const struct reading *reading, const struct field *field, const char **at,
                     uint64_t *bits)
{
    unsigned first = field->least;
    unsigned last = field->most;
    unsigned long step = 1;
    bool single = false;

    if (**at == '*') {
        (*at)++;
    } else {
        if (take_value(reading, field, at, &first) != 0) {
            return -EINVAL;
        }
        single = **at != '-';
        last = first;
        if (!single) {
            (*at)++;
            if (take_value(reading, field, at, &last) != 0) {
                return -EINVAL;
            }
        }
    }
    if (last < first) {
        return refuse(reading, "%s: the range %u-%u runs backwards", field->name, first, last);
    }
    if (**at == '/') {
        char *end;
        step = isdigit((unsigned char)(*at)[1]) ? strtoul(*at + 1, &end, 10) : 0;
        if (step == 0 || step > field->most) {
            return refuse(reading, "%s: a step is 1 to %u", field->name, field->most);
        }
        *at = end;
        last = single ? field->most : last;
    }
    for (unsigned value = first; value <= last; value += (unsigned)step) {
        *bits |= UINT64_C(1) << value;
    }
    return 0;
}

static int take_field(const struct reading *reading, const struct field *field, const char *text,
                      uint64_t *out_bits)
{
    for (const char *at = text;; at++) {
        if (take_part(reading, field, &at, out_bits) != 0) {
            return -EINVAL;
        }
        if (*at == '\0') {
            return 0;
        }
        if (*at != ',') {
            return refuse(reading, "%s: '%.20s' is not expected in '%.40s'", field->name, at, text);
        }
    }
}

/* ------------------------------------------------------------------ the three forms */

static int parse_interval(const struct reading *reading, const char *text,
                          struct gord_cron_expr *out)
{
    int64_t total = 0;

    while (*text != '\0') {
        char *end;
        long number = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : 0;
        int64_t unit = 0;
        if (number > 0 && number <= EVERY_MAX_S) {
            unit = *end == 's'   ? 1
                   : *end == 'm' ? 60
                   : *end == 'h' ? 3600
                   : *end == 'd' ? 86400
                                 : 0;
        }
        total += number * unit;
        if (unit == 0 || total > EVERY_MAX_S) {
            return refuse(reading, "'every' takes an interval of at most a year: 90s, 15m, 1h30m");
        }
        text = end + 1;
    }
    if (total == 0) {
        return refuse(reading, "'every' takes an interval, such as 15m");
    }
    *out = (struct gord_cron_expr){.every_s = total};
    return 0;
}

static const char *expand_shorthand(const char *text)
{
    static const char *const shorthands[][2] = {
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
        {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
        {"@hourly", "0 * * * *"},
    };

    for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++) {
        if (strcasecmp(text, shorthands[i][0]) == 0) {
            return shorthands[i][1];
        }
    }
    return NULL;
}

static int parse_fields(const struct reading *reading, char *words[], int count,
                        struct gord_cron_expr *out)
{
    uint64_t bits[FIELDS] = {1}; /* at second 0 */
    int first = FIELDS - count;

    for (int i = first; i < FIELDS; i++) {
        bits[i] = 0;
        if (take_field(reading, &fields[i], words[i - first], &bits[i]) != 0) {
            return -EINVAL;
        }
    }
    *out = (struct gord_cron_expr){
        .seconds = bits[0],
        .minutes = bits[1],
        .hours = (uint32_t)bits[2],
        .days = (uint32_t)bits[3],
        .months = (uint32_t)bits[4],
        .weekdays = (uint32_t)((bits[5] | bits[5] >> 7) & 0x7f),
        .either_day = words[count - 3][0] != '*' && words[count - 1][0] != '*',
    };
    return 0;
}

int gord_cron_parse(const char *text, struct gord_cron_expr *out_expr, char *error,
                    size_t error_bytes)
{
    struct reading reading = {error, error_bytes};
    char copy[TEXT_MAX + 1];
    char *words[FIELDS + 1];
    char *rest;
    int count = 0;

    if (text[0] == '@' && (text = expand_shorthand(text)) == NULL) {
        return refuse(&reading,
                      "the words are @yearly, @monthly, @weekly, @daily and @hourly; for intervals "
                      "write every 15m");
    }
    if (strlen(text) > TEXT_MAX) {
        return refuse(&reading, "an expression has at most %d bytes", TEXT_MAX);
    }
    memcpy(copy, text, strlen(text) + 1);
    for (char *word = strtok_r(copy, " \t", &rest); word != NULL && count <= FIELDS;
         word = strtok_r(NULL, " \t", &rest)) {
        words[count++] = word;
    }
    if (count == 2 && strcasecmp(words[0], "every") == 0) {
        return parse_interval(&reading, words[1], out_expr);
    }
    if (count != FIELDS && count != FIELDS - 1) {
        return refuse(&reading,
                      "an expression has 5 fields (minute hour day month weekday), or 6 with the "
                      "second before them, or is 'every 15m', or @daily and the like");
    }
    return parse_fields(&reading, words, count, out_expr);
}

bool gord_cron_is_hourly(const struct gord_cron_expr *expr)
{
    return expr->hours == (UINT32_C(1) << 24) - 1;
}
