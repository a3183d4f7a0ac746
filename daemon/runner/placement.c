/* SPDX-License-Identifier: MIT */
/* placement.c - see placement.h. */
#include "daemon/runner/placement.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/ioprio.h, which not every libc's headers come with */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_CLASS_SHIFT 13
#define IOPRIO_LEVELS ((1 << IOPRIO_CLASS_SHIFT) - 1)

/* A number at *at, which is stepped behind it; -1: there is none, or no CPU can have it. */
static int read_cpu(const char **at)
{
    char *end;

    if (**at < '0' || **at > '9') {
        return -1;
    }
    unsigned long number = strtoul(*at, &end, 10);
    *at = end;
    return number < CPU_SETSIZE ? (int)number : -1;
}

int gord_cpus_parse(const char *text, cpu_set_t *out)
{
    const char *at = text;

    CPU_ZERO(out);
    for (;;) {
        int first = read_cpu(&at);
        int last = first;
        if (first >= 0 && *at == '-') {
            at++;
            last = read_cpu(&at);
        }
        if (first < 0 || last < first || (*at != ',' && *at != '\0')) {
            return -EINVAL;
        }
        for (int cpu = first; cpu <= last; cpu++) {
            CPU_SET((size_t)cpu, out);
        }
        if (*at++ == '\0') {
            return 0;
        }
    }
}

const char *gord_cpus_text(const cpu_set_t *cpus, char out[GORD_CPUS_TEXT])
{
    size_t used = 0;

    out[0] = '\0';
    for (int cpu = 0; cpu < CPU_SETSIZE && used < GORD_CPUS_TEXT; cpu++) {
        int last = cpu;
        if (!CPU_ISSET((size_t)cpu, cpus)) {
            continue;
        }
        while (last + 1 < CPU_SETSIZE && CPU_ISSET((size_t)last + 1, cpus)) {
            last++;
        }
        used += (size_t)snprintf(out + used, GORD_CPUS_TEXT - used, last > cpu ? "%s%d-%d" : "%s%d",
                                 used > 0 ? "," : "", cpu, last);
        cpu = last;
    }
    return out;
}

bool gord_cpus_exist(const char *text, char *why, size_t bytes)
{
    long there = sysconf(_SC_NPROCESSORS_CONF);
    cpu_set_t cpus;

    if (gord_cpus_parse(text, &cpus) != 0) {
        snprintf(why, bytes, "cpus is no list of CPUs");
        return false;
    }
    for (int cpu = there > 0 ? (int)there : 1; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &cpus)) {
            snprintf(why, bytes, "cpus cannot be held: there is no CPU %d; they are 0 to %ld", cpu,
                     there - 1);
            return false;
        }
    }
    return true;
}

bool gord_placement_fill(const Gor__V1__ExecSpec *spec, struct gord_placement *out)
{
    const Gor__V1__Limits *limits = spec->limits;

    out->strict = limits != NULL && limits->strict;
    out->has_cpus =
        limits != NULL && limits->cpus[0] != '\0' && gord_cpus_parse(limits->cpus, &out->cpus) == 0;
    out->nice = spec->nice;
    out->ioprio = spec->io_class != GOR__V1__IO_CLASS__IO_CLASS_DEFAULT
                      ? (int)spec->io_class << IOPRIO_CLASS_SHIFT | (int)spec->io_level
                      : 0;
    return out->has_cpus || out->nice != 0 || out->ioprio != 0;
}

bool gord_placement_has_cpus(const struct gord_placement *asked, int pid)
{
    cpu_set_t now;

    CPU_ZERO(&now);
    return sched_getaffinity(pid, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &asked->cpus);
}

bool gord_placement_has_nice(const struct gord_placement *asked, int pid)
{
    errno = 0;
    return getpriority(PRIO_PROCESS, (id_t)pid) == asked->nice && errno == 0;
}

bool gord_placement_has_ioprio(const struct gord_placement *asked, int pid)
{
    return syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid) == asked->ioprio;
}

const char *gord_ioprio_text(int ioprio, char out[GORD_CPUS_TEXT])
{
    static const char *const classes[] = {"default", "realtime", "best-effort", "idle"};
    int class = ioprio >> IOPRIO_CLASS_SHIFT;

    snprintf(out, GORD_CPUS_TEXT, class == GOR__V1__IO_CLASS__IO_CLASS_IDLE ? "%s" : "%s %d",
             classes[class & 3], ioprio & IOPRIO_LEVELS);
    return out;
}
