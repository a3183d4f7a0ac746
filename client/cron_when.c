/* SPDX-License-Identifier: MIT */
/* cron_when.c - see cron.h: when an entry of the calendar fires. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/cron.h"
#include "client/exits.h"
#include "client/gates.h"
#include "client/options.h"
#include "client/when.h"

enum { KEY_ZONE = 0x3100, KEY_START, KEY_END, KEY_GAP, KEY_REPEAT, KEY_JITTER };

const char *const gorctl_cron_missed_words[] = {"once", "skip", "all", NULL};
const char *const gorctl_cron_overlap_words[] = {"allow", "skip", "queue", "replace", NULL};
const char *const gorctl_cron_gap_words[] = {"after", "skip", NULL};
const char *const gorctl_cron_repeat_words[] = {"once", "twice", NULL};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "When it fires:", 7},
    {"zone", KEY_ZONE, "ZONE", 0,
     "The time zone of the expression, as Europe/Berlin (default: yours)", 7},
    {"start", KEY_START, "TIME", 0, "Not before this time; 'every' counts from it", 7},
    {"end", KEY_END, "TIME", 0, "Not after this time", 7},
    {"gap", KEY_GAP, "POLICY", 0,
     "Times that do not exist, for clocks are put forward: after (once, right after the change; "
     "default), skip",
     7},
    {"repeat", KEY_REPEAT, "POLICY", 0,
     "Times that exist twice, for clocks are put back: once (default), twice", 7},
    {"jitter", KEY_JITTER, "DURATION", 0, "Up to so much later, by chance", 7},
    {0},
};

int gorctl_cron_word(struct argp_state *state, const char *what, const char *arg,
                     const char *const *words)
{
    char list[128] = "";
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(arg, words[i]) == 0) {
            return i;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    argp_failure(state, GORCTL_EXIT_USAGE, 0, "%s: '%s' is not one of: %s", what, arg, list);
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct gorctl_cron_when *when = state->input;
    switch (key) {
    case KEY_ZONE:
        when->zone = arg;
        return 0;
    case KEY_START:
        when->start = arg;
        return 0;
    case KEY_END:
        when->end = arg;
        return 0;
    case KEY_GAP:
        when->gap =
            (Gor__V1__CronSpec__Gap)gorctl_cron_word(state, "--gap", arg, gorctl_cron_gap_words);
        return 0;
    case KEY_REPEAT:
        when->repeat = (Gor__V1__CronSpec__Repeat)gorctl_cron_word(state, "--repeat", arg,
                                                                   gorctl_cron_repeat_words);
        return 0;
    case KEY_JITTER:
        when->jitter_ns = gorctl_option_duration(state, "--jitter", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp gorctl_cron_when_argp = {.options = options, .parser = parse};

/* The name of the zone that the C library uses: $TZ, else where /etc/localtime leads. */
static char *local_zone(void)
{
    static const char folder[] = "zoneinfo/";
    char path[PATH_MAX];
    const char *zone = getenv("TZ");
    if (zone != NULL) {
        zone += *zone == ':';
        const char *behind = strstr(zone, folder);
        return gorctl_strdup(behind != NULL ? behind + strlen(folder) : zone);
    }
    ssize_t length = readlink("/etc/localtime", path, sizeof(path) - 1);
    path[length > 0 ? length : 0] = '\0';
    zone = strstr(path, folder);
    return gorctl_strdup(zone != NULL ? zone + strlen(folder) : "UTC");
}

static int read_moment(const char *what, const char *text, const char *zone, int64_t *out_ns)
{
    int result = text != NULL ? gorctl_moment_parse(text, zone, gorctl_now(), out_ns) : 0;
    if (result == 0) {
        return GORCTL_EXIT_OK;
    }
    if (result == -ENOENT) {
        gorctl_say("--zone: there is no time zone '%s'; they are named as Europe/Berlin is", zone);
    } else {
        gorctl_say("%s: '%s' is no time; try 14:30, '2026-03-01 12:30', or 2h for two hours from "
                   "now",
                   what, text);
    }
    return GORCTL_EXIT_USAGE;
}

int gorctl_cron_when_fill(const struct gorctl_cron_when *when, Gor__V1__CronSpec *out_spec,
                          char **out_zone)
{
    int code = read_moment("--start", when->start, when->zone, &out_spec->start_ns);
    if (code == GORCTL_EXIT_OK) {
        code = read_moment("--end", when->end, when->zone, &out_spec->end_ns);
    }
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    *out_zone = when->zone != NULL ? gorctl_strdup(when->zone) : local_zone();
    out_spec->zone = *out_zone;
    out_spec->gap = when->gap;
    out_spec->repeat = when->repeat;
    out_spec->jitter_ns = when->jitter_ns;
    return GORCTL_EXIT_OK;
}
