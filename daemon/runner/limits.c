/* SPDX-License-Identifier: MIT */
/* limits.c - see limits.h. */
#include "daemon/runner/limits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/runner/placement.h"
#include "daemon/runner/rlimits.h"

bool gord_limits_want_group(const Gor__V1__Limits *limits)
{
    return limits != NULL &&
           (limits->memory_bytes != 0 || limits->cpu_milli != 0 || limits->processes != 0 ||
            limits->cpus[0] != '\0' || limits->io_weight != 0);
}

bool gord_limits_can_hold(const Gor__V1__Limits *limits, const struct gord_cgroups *groups,
                          char *out, size_t bytes)
{
    const char *what = NULL;

    if (limits == NULL) {
        return true;
    }
    if (limits->cpus[0] != '\0' && !gord_cpus_exist(limits->cpus, out, bytes)) {
        return false;
    }
    if (limits->io_weight != 0 && (groups->can & GORD_CGROUP_IO) == 0) {
        what = "io_weight";
    }
    if (limits->processes != 0 && (groups->can & GORD_CGROUP_PIDS) == 0) {
        what = "a number of processes (pids)";
    }
    if (limits->cpu_milli != 0 && (groups->can & GORD_CGROUP_CPU) == 0) {
        what = "a share of the CPUs (cpu)";
    }
    if (limits->memory_bytes != 0 && (groups->can & GORD_CGROUP_MEMORY) == 0) {
        what = "a size of memory (mem)";
    }
    if (what != NULL) {
        snprintf(out, bytes, "%s cannot be held for all of the job: %s", what, groups->why);
    }
    return what == NULL;
}

uint64_t gord_limits_address_space(const Gor__V1__Limits *limits, const struct gord_cgroups *groups)
{
    bool held = (groups->can & GORD_CGROUP_MEMORY) != 0;

    return limits != NULL && !held ? limits->memory_bytes : 0;
}

/* ------------------------------------------------------------------ text */

struct text {
    char *out;
    size_t used;
};

static void say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text->out + text->used, GORD_LIMITS_TEXT - text->used, format, args);
    va_end(args);
    if (n > 0) {
        text->used += (size_t)n;
    }
    if (text->used >= GORD_LIMITS_TEXT) {
        text->used = GORD_LIMITS_TEXT - 1;
    }
}

static void say_rlimit(struct text *text, int pid, int number)
{
    struct rlimit now;

    if (prlimit(pid, (__rlimit_resource_t)number, NULL, &now) != 0) {
        return; /* it has ended already */
    }
    if (now.rlim_cur == RLIM_INFINITY) {
        say(text, " %s unlimited,", gord_rlimit_name(number));
    } else {
        say(text, " %s %" PRIu64 ",", gord_rlimit_name(number), (uint64_t)now.rlim_cur);
    }
}

static const char *by_group(const struct gord_cgroups *groups, unsigned bit)
{
    return (groups->can & bit) != 0 ? "by its control group," : "not held,";
}

static void say_group_limits(struct text *text, const Gor__V1__Limits *limits,
                             const struct gord_cgroups *groups)
{
    if (limits->memory_bytes != 0) {
        say(text, " memory %" PRIu64 " %s", limits->memory_bytes,
            (groups->can & GORD_CGROUP_MEMORY) != 0 ? "by its control group,"
                                                    : "as address space of each process,");
    }
    if (limits->cpu_milli != 0) {
        say(text, " cpu %.9g %s", limits->cpu_milli / 1000.0, by_group(groups, GORD_CGROUP_CPU));
    }
    if (limits->processes != 0) {
        say(text, " pids %" PRIu32 " %s", limits->processes, by_group(groups, GORD_CGROUP_PIDS));
    }
    if (limits->io_weight != 0) {
        say(text, " io weight %" PRIu32 " %s", limits->io_weight, by_group(groups, GORD_CGROUP_IO));
    }
}

static void say_placement(struct text *text, const struct gord_placement *placement,
                          const struct gord_cgroups *groups, int pid)
{
    char shown[GORD_CPUS_TEXT];

    if (placement->has_cpus) {
        bool held = gord_placement_has_cpus(placement, pid);
        say(text, " cpus %s %s", gord_cpus_text(&placement->cpus, shown),
            !held                                   ? "not held,"
            : (groups->can & GORD_CGROUP_CPUS) != 0 ? "by its control group,"
                                                    : "as affinity of each process,");
    }
    if (placement->nice != 0) {
        say(text, " nice %d%s", placement->nice,
            gord_placement_has_nice(placement, pid) ? "," : " not held,");
    }
    if (placement->ioprio != 0) {
        say(text, " ionice %s%s", gord_ioprio_text(placement->ioprio, shown),
            gord_placement_has_ioprio(placement, pid) ? "," : " not held,");
    }
}

bool gord_limits_are_asked(const Gor__V1__ExecSpec *spec)
{
    struct gord_placement placement;

    return gord_placement_fill(spec, &placement) || gord_limits_want_group(spec->limits) ||
           (spec->limits != NULL && spec->limits->n_rlimits > 0);
}

const char *gord_limits_text(const Gor__V1__ExecSpec *spec, const struct gord_cgroups *groups,
                             int pid, char out[GORD_LIMITS_TEXT])
{
    const Gor__V1__Limits *limits = spec->limits;
    struct gord_placement placement;
    struct text text = {out, 0};
    char why[PATH_MAX + 200];

    say(&text, "limits:");
    if (limits != NULL) {
        say_group_limits(&text, limits, groups);
    }
    if (gord_placement_fill(spec, &placement)) {
        say_placement(&text, &placement, groups, pid);
    }
    for (size_t i = 0; limits != NULL && i < limits->n_rlimits; i++) {
        say_rlimit(&text, pid, gord_rlimit_number(limits->rlimits[i]->resource));
    }
    if (text.used > 0 && out[text.used - 1] == ',') {
        out[--text.used] = '\0';
    }
    if (!gord_limits_can_hold(limits, groups, why, sizeof(why))) {
        const char *colon = strstr(why, ": ");
        say(&text, " (%s)", colon != NULL ? colon + 2 : why);
    }
    return out;
}
