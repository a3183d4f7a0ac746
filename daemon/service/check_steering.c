/* SPDX-License-Identifier: MIT */
/* check_steering.c - the part of check.h that is about how a program is held and ended. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/runner/placement.h"
#include "daemon/runner/rlimits.h"
#include "daemon/service/check.h"

#define STOPS_MAX 16
#define SIGNAL_MAX 64
#define RLIMITS_MAX RLIM_NLIMITS
#define MEMORY_MIN ((uint64_t)1024 * 1024) /* less starts no program */
#define CPU_MILLI_MIN 10                   /* the kernel's least: 1 ms in 100 */
#define CPU_MILLI_MAX 10000000
#define IO_WEIGHT_MAX 10000
enum { NICE_MIN = -20, NICE_MAX = 19, IO_LEVEL_MAX = 7 };

int gord_check_refuse(char *error, size_t error_bytes, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error, error_bytes, format, args);
    va_end(args);
    return -EINVAL;
}

static int check_stops(const Gor__V1__ExecSpec *exec, char *error, size_t bytes)
{
    if (exec->n_stop_signals > STOPS_MAX) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec.stop_signals has %zu entries, at most %d are sent",
                                 exec->n_stop_signals, STOPS_MAX);
    }
    for (size_t i = 0; i < exec->n_stop_signals; i++) {
        const Gor__V1__StopSignal *step = exec->stop_signals[i];
        if (step->signal < 1 || step->signal > SIGNAL_MAX) {
            return gord_check_refuse(
                error, bytes, "spec.exec.stop_signals[%zu].signal is %d; signals are 1 to %d", i,
                step->signal, SIGNAL_MAX);
        }
        if (step->wait_ns < 0 || step->wait_ns > GORD_DURATION_MAX_NS) {
            return gord_check_refuse(
                error, bytes,
                "spec.exec.stop_signals[%zu].wait_ns is out of range: 0 (the grace) to "
                "ten years",
                i);
        }
    }
    return 0;
}

/* `where` is the field's name. */
static int check_rlimits(const char *where, Gor__V1__Rlimit *const *items, size_t count,
                         char *error, size_t bytes)
{
    if (count > RLIMITS_MAX) {
        return gord_check_refuse(error, bytes, "%s has %zu entries; there are %d limits", where,
                                 count, RLIMITS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t soft = items[i]->soft_plus_1 - 1; /* unlimited is the largest number */
        uint64_t hard = items[i]->hard_plus_1 - 1;
        if (gord_rlimit_number(items[i]->resource) < 0) {
            return gord_check_refuse(error, bytes, "%s[%zu].resource: %d is no limit", where, i,
                                     items[i]->resource);
        }
        if (soft > hard) {
            return gord_check_refuse(error, bytes, "%s[%zu]: the soft limit is above the hard one",
                                     where, i);
        }
    }
    return 0;
}

static int check_limits(const Gor__V1__Limits *limits, char *error, size_t bytes)
{
    cpu_set_t cpus;

    if (limits->memory_bytes != 0 && limits->memory_bytes < MEMORY_MIN) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec.limits.memory_bytes is %" PRIu64
                                 "; no program starts with less than %" PRIu64,
                                 limits->memory_bytes, MEMORY_MIN);
    }
    if (limits->cpu_milli != 0 &&
        (limits->cpu_milli < CPU_MILLI_MIN || limits->cpu_milli > CPU_MILLI_MAX)) {
        return gord_check_refuse(error, bytes, "spec.exec.limits.cpu_milli is %u; it is %d to %d",
                                 limits->cpu_milli, CPU_MILLI_MIN, CPU_MILLI_MAX);
    }
    if (strlen(limits->cpus) > GORD_CPUS_MAX) {
        return gord_check_refuse(
            error, bytes,
            "spec.exec.limits.cpus has %zu bytes; a list takes %d at most, and "
            "needs to name each CPU but once",
            strlen(limits->cpus), GORD_CPUS_MAX);
    }
    if (limits->cpus[0] != '\0' && gord_cpus_parse(limits->cpus, &cpus) != 0) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec.limits.cpus is no list of CPUs such as 0-3,8, each "
                                 "below %d",
                                 CPU_SETSIZE);
    }
    if (limits->io_weight > IO_WEIGHT_MAX) {
        return gord_check_refuse(error, bytes, "spec.exec.limits.io_weight is %u; it is 1 to %d",
                                 limits->io_weight, IO_WEIGHT_MAX);
    }
    return check_rlimits("spec.exec.limits.rlimits", limits->rlimits, limits->n_rlimits, error,
                         bytes);
}

static int check_turn(const Gor__V1__ExecSpec *exec, char *error, size_t bytes)
{
    bool has_levels = exec->io_class == GOR__V1__IO_CLASS__IO_CLASS_REALTIME ||
                      exec->io_class == GOR__V1__IO_CLASS__IO_CLASS_BEST_EFFORT;

    if (exec->nice < NICE_MIN || exec->nice > NICE_MAX) {
        return gord_check_refuse(error, bytes, "spec.exec.nice is %d; it is %d to %d", exec->nice,
                                 NICE_MIN, NICE_MAX);
    }
    if ((unsigned)exec->io_class > GOR__V1__IO_CLASS__IO_CLASS_IDLE) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec.io_class %d is not known; they are DEFAULT, REALTIME, "
                                 "BEST_EFFORT, IDLE",
                                 (int)exec->io_class);
    }
    if (exec->io_level > (has_levels ? IO_LEVEL_MAX : 0)) {
        return gord_check_refuse(error, bytes,
                                 "spec.exec.io_level is %u; it is 0 to %d with REALTIME and "
                                 "BEST_EFFORT, else 0",
                                 exec->io_level, IO_LEVEL_MAX);
    }
    return 0;
}

int gord_check_steering(const Gor__V1__ExecSpec *exec, char *error, size_t error_bytes)
{
    int result = check_stops(exec, error, error_bytes);

    if (result == 0) {
        result = check_turn(exec, error, error_bytes);
    }
    if (result == 0) {
        result =
            check_rlimits("spec.exec.rlimits", exec->rlimits, exec->n_rlimits, error, error_bytes);
    }
    return result == 0 && exec->limits != NULL ? check_limits(exec->limits, error, error_bytes)
                                               : result;
}
