/* SPDX-License-Identifier: MIT */
/* gates.c - see gates.h. */
#include "client/gates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/after.h"
#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/when.h"

#define SECOND 1000000000

enum { KEY_HOLD = 0x2200, KEY_IN, KEY_AT, KEY_TZ, KEY_START_BEFORE, KEY_DEADLINE, KEY_AFTER };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "When it may start:", 3},
    {"hold", KEY_HOLD, NULL, 0, "Not before `gorctl release`", 3},
    {"in", KEY_IN, "DURATION", 0,
     "Not before so much time has passed, whatever the clock is set to", 3},
    {"at", KEY_AT, "TIME", 0, "Not before this time (14:30, '2026-03-01 12:30')", 3},
    {"tz", KEY_TZ, "ZONE", 0, "The zone that times are meant in, as Europe/Berlin (default: yours)",
     3},
    {"after", KEY_AFTER, "[HOW:]ID...", 0,
     "Not before job ID has succeeded; any:ID, notok:ID, start:ID: has ended, failed, started; "
     "corr:ID, of arrays: each task after the one of the same index there. ',' between two is and, "
     "'?' is or",
     3},
    {"start-before", KEY_START_BEFORE, "TIME", 0,
     "Give up if it has not started by then; a duration counts from now", 3},
    {"deadline", KEY_DEADLINE, "TIME", 0,
     "End it then, run or not, and all below it; a duration counts from now", 3},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct gorctl_gates *gates = state->input;
    switch (key) {
    case KEY_HOLD:
        gates->held = true;
        return 0;
    case KEY_IN:
        gates->delay_ns = gorctl_option_duration(state, "--in", arg);
        return 0;
    case KEY_AT:
        gates->at = arg;
        return 0;
    case KEY_TZ:
        gates->zone = arg;
        return 0;
    case KEY_AFTER:
        gates->after = gorctl_grow(gates->after, gates->after_count + 1, sizeof(*gates->after));
        gates->after[gates->after_count++] = arg;
        return 0;
    case KEY_START_BEFORE:
        gates->start_before = arg;
        return 0;
    case KEY_DEADLINE:
        gates->deadline = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp gorctl_gates_argp = {.options = options, .parser = parse};

/* ------------------------------------------------------------------ moments */

/* "14:30" and "14:30:15": today's, or tomorrow's once that has passed. */
static int next_time_of_day(const char *text, int64_t now_ns, int64_t *out_ns)
{
    int hour, minute, second = 0, used = 0;
    if (sscanf(text, "%2d:%2d%n:%2d%n", &hour, &minute, &used, &second, &used) < 2 ||
        text[used] != '\0' || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 59) {
        return -EINVAL;
    }
    time_t now = (time_t)(now_ns / SECOND);
    struct tm day;
    localtime_r(&now, &day);
    for (int i = 0; i < 2; i++, day.tm_mday++) {
        struct tm parts = day;
        parts.tm_hour = hour;
        parts.tm_min = minute;
        parts.tm_sec = second;
        parts.tm_isdst = -1;
        time_t seconds = mktime(&parts);
        if (seconds > now) {
            *out_ns = (int64_t)seconds * SECOND;
            return 0;
        }
    }
    return -EINVAL;
}

static int parse_here(const char *text, int64_t now_ns, int64_t *out_ns)
{
    int64_t duration;
    if (gorctl_duration_parse(text, &duration) == 0) {
        return __builtin_add_overflow(now_ns, duration, out_ns) ? -EINVAL : 0;
    }
    if (next_time_of_day(text, now_ns, out_ns) == 0) {
        return 0;
    }
    return gorctl_time_parse(text, now_ns, out_ns);
}

/* The C library takes a zone that it does not know for UTC without a word. */
static bool zone_is_known(const char *zone)
{
    char *path = gorctl_format("/usr/share/zoneinfo/%s", zone);
    bool known =
        zone[0] != '\0' && zone[0] != '/' && strstr(zone, "..") == NULL && access(path, R_OK) == 0;
    free(path);
    return known;
}

int gorctl_moment_parse(const char *text, const char *zone, int64_t now_ns, int64_t *out_ns)
{
    if (zone == NULL) {
        return parse_here(text, now_ns, out_ns);
    }
    if (!zone_is_known(zone)) {
        return -ENOENT;
    }
    const char *ours = getenv("TZ");
    char *kept = ours != NULL ? gorctl_strdup(ours) : NULL;
    (void)setenv("TZ", zone, 1);
    tzset();
    int result = parse_here(text, now_ns, out_ns);
    (void)(kept != NULL ? setenv("TZ", kept, 1) : unsetenv("TZ"));
    tzset();
    free(kept);
    return result;
}

/* ------------------------------------------------------------------ filling */

static int fill_time(const struct gorctl_gates *gates, const char *option, const char *text,
                     int64_t *out_ns)
{
    int result = text != NULL ? gorctl_moment_parse(text, gates->zone, gorctl_now(), out_ns) : 0;
    if (result == -ENOENT) {
        gorctl_say("--tz: there is no zone '%s' in /usr/share/zoneinfo", gates->zone);
        return GORCTL_EXIT_USAGE;
    }
    if (result != 0) {
        gorctl_say("%s: '%s' is not a time; write it as 14:30, as '2026-03-01 12:30', or as a "
                   "duration from now on such as 2h",
                   option, text);
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

void gorctl_gates_fini(struct gorctl_gates *gates)
{
    free(gates->after);
}

static int fill_after(const struct gorctl_gates *gates, Gor__V1__JobSpec *message)
{
    for (size_t i = 0; i < gates->after_count; i++) {
        if (gorctl_after_add(message, gates->after[i], false) != 0) {
            gorctl_say("--after: '%s' cannot be read; write ids, each with ok:, any:, notok:, "
                       "start: or corr: before it, with ',' for and, '?' for or between",
                       gates->after[i]);
            return GORCTL_EXIT_USAGE;
        }
    }
    return GORCTL_EXIT_OK;
}

int gorctl_gates_fill(const struct gorctl_gates *gates, Gor__V1__JobSpec *message)
{
    if (gates->delay_ns != 0 && gates->at != NULL) {
        gorctl_say("--in and --at exclude each other; give one of them");
        return GORCTL_EXIT_USAGE;
    }
    message->held = gates->held;
    message->delay_ns = gates->delay_ns;
    int code = fill_time(gates, "--at", gates->at, &message->not_before_ns);
    if (code == GORCTL_EXIT_OK) {
        code = fill_time(gates, "--start-before", gates->start_before, &message->start_before_ns);
    }
    if (code == GORCTL_EXIT_OK) {
        code = fill_time(gates, "--deadline", gates->deadline, &message->deadline_ns);
    }
    if (code == GORCTL_EXIT_OK) {
        code = fill_after(gates, message);
    }
    if (code == GORCTL_EXIT_OK && gates->zone != NULL && gates->at == NULL &&
        gates->start_before == NULL && gates->deadline == NULL) {
        gorctl_say("--tz is about --at, --start-before and --deadline; give one of them");
        code = GORCTL_EXIT_USAGE;
    }
    if (code == GORCTL_EXIT_OK && gates->zone != NULL) {
        message->zone = gorctl_strdup(gates->zone);
    }
    return code;
}
