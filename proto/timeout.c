/* SPDX-License-Identifier: MIT */
/* timeout.c - see timeout.h. */
#include "proto/timeout.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAX_DIGITS = 8, MAX_VALUE = 99999999 };

static const struct {
    char letter;
    int64_t ns;
} units[] = {
    {'n', 1},          {'u', 1000},        {'m', 1000000},
    {'S', 1000000000}, {'M', 60000000000}, {'H', 3600000000000},
};

enum { UNIT_COUNT = sizeof units / sizeof units[0] };

static int64_t unit_ns(char letter)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (units[i].letter == letter) {
            return units[i].ns;
        }
    }
    return 0;
}

bool wire_timeout_parse(const char *text, size_t size, int64_t *out_ns)
{
    if (size < 2 || size > MAX_DIGITS + 1) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    int64_t unit = unit_ns(text[size - 1]);
    if (unit == 0) {
        return false;
    }
    *out_ns = value > INT64_MAX / unit ? INT64_MAX : value * unit;
    return true;
}

size_t wire_timeout_format(int64_t ns, char out_text[WIRE_TIMEOUT_BYTES])
{
    if (ns < 0) {
        ns = 0;
    }
    size_t i = 0;
    while (i + 1 < UNIT_COUNT && ns / units[i].ns >= MAX_VALUE) {
        i++;
    }
    /* Rounded up: a server that gives up earlier than the caller asked would be wrong. */
    int64_t value = ns / units[i].ns + (ns % units[i].ns != 0);
    return (size_t)snprintf(out_text, WIRE_TIMEOUT_BYTES, "%" PRId64 "%c", value, units[i].letter);
}
