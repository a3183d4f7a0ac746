/* SPDX-License-Identifier: MIT */
/* limits.c - see limits.h. */
#include "daemon/runner/limits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include "daemon/runner/rlimits.h"

bool gord_limits_want_group(const Gor__V1__Limits *limits)
{
    return limits != NULL &&
           (limits->memory_bytes != 0 || limits->cpu_milli != 0 || limits->processes != 0);
}

bool gord_limits_can_hold(const Gor__V1__Limits *limits, const struct gord_cgroups *groups,
                          char *out, size_t bytes)
{
    const char *what = NULL;

    if (limits == NULL) {
        return true;
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

const char *gord_limits_text(const Gor__V1__Limits *limits, const struct gord_cgroups *groups,
                             int pid, char out[GORD_LIMITS_TEXT])
{
    struct text text = {out, 0};
    char why[PATH_MAX + 200];

    say(&text, "limits:");
    if (limits->memory_bytes != 0) {
        say(&text, " memory %" PRIu64 " %s", limits->memory_bytes,
            (groups->can & GORD_CGROUP_MEMORY) != 0 ? "by its control group,"
                                                    : "as address space of each process,");
    }
    if (limits->cpu_milli != 0) {
        say(&text, " cpu %.9g %s", limits->cpu_milli / 1000.0, by_group(groups, GORD_CGROUP_CPU));
    }
    if (limits->processes != 0) {
        say(&text, " pids %" PRIu32 " %s", limits->processes, by_group(groups, GORD_CGROUP_PIDS));
    }
    for (size_t i = 0; i < limits->n_rlimits; i++) {
        say_rlimit(&text, pid, gord_rlimit_number(limits->rlimits[i]->resource));
    }
    if (text.used > 0 && out[text.used - 1] == ',') {
        out[--text.used] = '\0';
    }
    if (!gord_limits_can_hold(limits, groups, why, sizeof(why))) {
        say(&text, " (%s)", groups->why);
    }
    return out;
}
