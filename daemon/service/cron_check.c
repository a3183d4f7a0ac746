/* SPDX-License-Identifier: MIT */
/* Is what a client asks of the calendar in order? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/event/event.h"
#include "daemon/runner/text.h"
#include "daemon/service/crons.h"

enum { SECOND_NS = 1000000000, ZONE_MAX = 63 };

#define JITTER_MAX_NS ((int64_t)24 * 3600 * SECOND_NS)

/* ------------------------------------------------------------------ when */

/* Names lead to files, so nothing but names is looked up. */
static bool is_zone_name(const char *zone)
{
    size_t length = strlen(zone);

    return length <= ZONE_MAX && zone[0] != '/' && strstr(zone, "..") == NULL &&
           strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") ==
               length;
}

static int check_bounds(const Gor__V1__CronSpec *spec, char *error, size_t bytes)
{
    if (spec->jitter_ns < 0 || spec->jitter_ns > JITTER_MAX_NS) {
        return gord_check_refuse(error, bytes, "spec.jitter_ns is out of range: 0 (none) to a day");
    }
    if (spec->start_ns < 0 || spec->start_ns / SECOND_NS > GORD_CRON_END_S) {
        return gord_check_refuse(error, bytes, "spec.start_ns is out of range; 0 means at once");
    }
    if (spec->end_ns < 0 || spec->end_ns / SECOND_NS > GORD_CRON_END_S) {
        return gord_check_refuse(error, bytes, "spec.end_ns is out of range; 0 means never");
    }
    if (spec->end_ns != 0 && spec->end_ns <= spec->start_ns) {
        return gord_check_refuse(error, bytes,
                                 "spec.end_ns is not after spec.start_ns: it would never fire");
    }
    return 0;
}

static int check_policies(const Gor__V1__CronSpec *spec, char *error, size_t bytes)
{
    if ((unsigned)spec->missed > GOR__V1__CRON_SPEC__MISSED__MISSED_ALL) {
        return gord_check_refuse(error, bytes,
                                 "spec.missed %d is not known; they are ONCE, SKIP, ALL",
                                 (int)spec->missed);
    }
    if ((unsigned)spec->gap > GOR__V1__CRON_SPEC__GAP__GAP_SKIP) {
        return gord_check_refuse(error, bytes, "spec.gap %d is not known; they are AFTER, SKIP",
                                 (int)spec->gap);
    }
    if ((unsigned)spec->repeat > GOR__V1__CRON_SPEC__REPEAT__REPEAT_TWICE) {
        return gord_check_refuse(error, bytes, "spec.repeat %d is not known; they are ONCE, TWICE",
                                 (int)spec->repeat);
    }
    if ((unsigned)spec->overlap > GOR__V1__CRON_SPEC__OVERLAP__OVERLAP_REPLACE) {
        return gord_check_refuse(
            error, bytes, "spec.overlap %d is not known; they are ALLOW, SKIP, QUEUE, REPLACE",
            (int)spec->overlap);
    }
    return 0;
}

int gord_cron_times(const Gor__V1__CronSpec *spec, int64_t anchor_s,
                    struct gord_cron_entry *out_entry, struct gord_zone **out_zone, char *error,
                    size_t error_bytes)
{
    char why[256];
    char clean[256];
    struct gord_cron_entry entry = {
        .rule = {.gap = (enum gord_cron_gap)spec->gap,
                 .overlap = (enum gord_cron_overlap)spec->repeat,
                 .anchor = spec->start_ns != 0 ? spec->start_ns / SECOND_NS : anchor_s},
        .missed = (enum gord_cron_missed)spec->missed,
        .jitter_ns = spec->jitter_ns,
        .seed = gord_cron_hash(spec->name),
        .start_s = (spec->start_ns + SECOND_NS - 1) / SECOND_NS,
        /* 0 is for ever, and nothing was due in the first second of all. */
        .end_s = spec->end_ns != 0 ? spec->end_ns / SECOND_NS + (spec->end_ns < SECOND_NS) : 0};

    if (check_policies(spec, error, error_bytes) != 0 ||
        check_bounds(spec, error, error_bytes) != 0) {
        return -EINVAL;
    }
    if (gord_cron_parse(spec->expr, &entry.rule.expr, why, sizeof(why)) != 0) {
        return gord_check_refuse(error, error_bytes, "spec.expr: %s",
                                 gord_text_clean(why, strlen(why), clean, sizeof(clean)));
    }
    const char *name = spec->zone[0] != '\0' ? spec->zone : "UTC";
    struct gord_zone *zone = is_zone_name(name) ? gord_zone_new(name) : NULL;
    if (zone == NULL) {
        return gord_check_refuse(
            error, error_bytes,
            "spec.zone: there is no time zone '%s'; they are named as Europe/Berlin is",
            gord_text_clean(name, strlen(name), clean, sizeof(clean)));
    }
    entry.rule.zone = zone;
    *out_entry = entry;
    *out_zone = zone;
    return 0;
}

/* ------------------------------------------------------------------ what */

static int check_name(const char *name, char *error, size_t bytes)
{
    size_t length = strlen(name);

    if (length == 0 || length > GORD_CRON_NAME_MAX) {
        return gord_check_refuse(error, bytes, "spec.name has %zu bytes; it has 1 to %d", length,
                                 GORD_CRON_NAME_MAX);
    }
    if (name[0] == '@' || name[0] == '-') {
        return gord_check_refuse(error, bytes, "spec.name begins with '%c'; that is for %s",
                                 name[0], name[0] == '@' ? "expressions" : "options");
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f) {
            return gord_check_refuse(
                error, bytes, "spec.name holds a blank or a control character, byte %zu", i + 1);
        }
    }
    return 0;
}

/* What is of one moment, or of the calendar's own. */
static int check_job(const Gor__V1__CronSpec *spec, char *error, size_t bytes)
{
    const Gor__V1__JobSpec *job = spec->job;
    const char *field = job->not_before_ns != 0     ? "not_before_ns"
                        : job->start_before_ns != 0 ? "start_before_ns"
                        : job->deadline_ns != 0     ? "deadline_ns"
                        : job->n_after != 0         ? "after"
                        : job->parent_id != 0       ? "parent_id"
                                                    : NULL;

    if (field != NULL) {
        return gord_check_refuse(error, bytes,
                                 "spec.job.%s is set, but it is about one job; an entry makes many",
                                 field);
    }
    if (spec->overlap != GOR__V1__CRON_SPEC__OVERLAP__OVERLAP_ALLOW && job->unique_key[0] != '\0') {
        return gord_check_refuse(error, bytes,
                                 "spec.job.unique_key and spec.overlap exclude each other: give "
                                 "one of them");
    }
    return 0;
}

int gord_cron_future(const struct gord_cron_entry *entry, char *error, size_t error_bytes)
{
    int64_t at;

    if (gord_cron_entry_next(entry, gord_event_clock() / SECOND_NS, &at) == 0) {
        return 0;
    }
    return gord_check_refuse(error, error_bytes,
                             entry->end_s != 0
                                 ? "spec.end_ns comes before its first fire: it would never fire"
                                 : "spec.expr: there is no such day within nine years");
}

static int check_whole(struct gord_service *service, const Gor__V1__CronSpec *spec, char *error,
                       size_t bytes)
{
    if (check_name(spec->name, error, bytes) != 0) {
        return -EINVAL;
    }
    if (spec->job == NULL) {
        return gord_check_refuse(error, bytes, "spec.job is missing");
    }
    if (check_job(spec, error, bytes) != 0) {
        return -EINVAL;
    }
    char why[GORD_ERROR_BYTES - 32];
    if (gord_check_spec(spec->job, gord_runner_plugins(service->runner), why, sizeof(why)) != 0) {
        bool named = strncmp(why, "spec.", 5) == 0;
        return gord_check_refuse(error, bytes, "spec.job%s%s", named ? "." : ": ",
                                 named ? why + 5 : why);
    }
    return 0;
}

/* How much of an entry is looked at. */
enum reach { WHEN, WHOLE, PAST };

static int check(struct gord_service *service, const Gor__V1__CronSpec *spec, enum reach reach,
                 struct gord_refusal *out_why)
{
    struct gord_cron_entry entry = {.start_s = 0};
    struct gord_zone *zone = NULL;
    int64_t now = gord_event_clock() / SECOND_NS;

    out_why->status = WIRE_INVALID_ARGUMENT;
    if (spec == NULL) {
        return gord_check_refuse(out_why->text, sizeof(out_why->text), "spec is missing");
    }
    int result = gord_cron_times(spec, now, &entry, &zone, out_why->text, sizeof(out_why->text));
    if (result == 0 && reach != WHEN) {
        result = check_whole(service, spec, out_why->text, sizeof(out_why->text));
    }
    if (result == 0 && reach == WHOLE) {
        result = gord_cron_future(&entry, out_why->text, sizeof(out_why->text));
    }
    gord_zone_free(zone);
    return result;
}

int gord_cron_check(struct gord_service *service, const Gor__V1__CronSpec *spec, bool whole,
                    struct gord_refusal *out_why)
{
    return check(service, spec, whole ? WHOLE : WHEN, out_why);
}

int gord_cron_check_past(struct gord_service *service, const Gor__V1__CronSpec *spec,
                         struct gord_refusal *out_why)
{
    return check(service, spec, PAST, out_why);
}
