/* SPDX-License-Identifier: MIT */
/* env.c - see env.h. */
#include "runtime/base/env.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOLD_MAX = 16 };

static const char *told[TOLD_MAX]; /* the names; constants */

const char *gor__env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

bool gor__env_is_number(const char *value, uint64_t least, uint64_t *out_number)
{
    char *end = NULL;
    bool hexadecimal = value[0] == '0' && (value[1] == 'x' || value[1] == 'X');
    if (value[0] < '0' || value[0] > '9') {
        return false; /* strtoull takes signs and spaces */
    }
    errno = 0;
    unsigned long long number = strtoull(value, &end, hexadecimal ? 16 : 10);
    if (errno != 0 || *end != '\0' || number < least) {
        return false;
    }
    *out_number = number;
    return true;
}

bool gor__env_number(const char *name, uint64_t least, uint64_t *out_number)
{
    const char *value = gor__env(name);
    if (value == NULL) {
        return false;
    }
    if (!gor__env_is_number(value, least, out_number)) {
        gor__env_refuse(name, value, least > 0 ? "a whole number from 1 on" : "a whole number");
        return false;
    }
    return true;
}

static bool is_one_of(const char *value, const char *const words[4])
{
    int i = 0;
    while (i < 4 && strcasecmp(value, words[i]) != 0) {
        i++;
    }
    return i < 4;
}

enum gor__env_switch gor__env_switch(const char *value)
{
    static const char *const on[] = {"1", "on", "yes", "true"};
    static const char *const off[] = {"0", "off", "no", "false"};
    if (value == NULL) {
        return GOR__ENV_ELSE;
    }
    return is_one_of(value, on)    ? GOR__ENV_ON
           : is_one_of(value, off) ? GOR__ENV_OFF
                                   : GOR__ENV_ELSE;
}

static bool was_told(const char *name)
{
    int i = 0;
    while (i < TOLD_MAX && told[i] != NULL) {
        if (strcmp(told[i++], name) == 0) {
            return true;
        }
    }
    if (i < TOLD_MAX) {
        told[i] = name;
    }
    return false;
}

void gor__env_refuse(const char *name, const char *value, const char *allowed)
{
    if (!was_told(name)) {
        fprintf(stderr, "gor: %s=\"%.64s\" is ignored: it takes %s\n", name, value, allowed);
    }
}
