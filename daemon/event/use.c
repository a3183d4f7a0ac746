/* SPDX-License-Identifier: MIT */
/* use.c - see use.h. */
#include "daemon/event/use.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t to_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A known peak says more than a bound, unless the bound is above it. */
static void merge_peak(struct gord_use *use, uint64_t bytes, bool is_bound)
{
    if (bytes > use->peak_memory_bytes) {
        use->peak_memory_bytes = bytes;
        use->peak_is_bound = is_bound;
    } else if (bytes == use->peak_memory_bytes) {
        use->peak_is_bound = use->peak_is_bound && is_bound;
    }
}

void gord_use_add(struct gord_use *use, const struct rusage *rusage, uint64_t floor_bytes)
{
    uint64_t peak = (uint64_t)rusage->ru_maxrss * 1024;

    use->user_ns += to_ns(rusage->ru_utime);
    use->system_ns += to_ns(rusage->ru_stime);
    merge_peak(use, larger(peak, floor_bytes), peak <= floor_bytes);
    use->minor_faults += (uint64_t)rusage->ru_minflt;
    use->major_faults += (uint64_t)rusage->ru_majflt;
    use->voluntary_switches += (uint64_t)rusage->ru_nvcsw;
    use->involuntary_switches += (uint64_t)rusage->ru_nivcsw;
    use->blocks_in += (uint64_t)rusage->ru_inblock;
    use->blocks_out += (uint64_t)rusage->ru_oublock;
}

void gord_use_merge(struct gord_use *use, const struct gord_use *other)
{
    use->user_ns += other->user_ns;
    use->system_ns += other->system_ns;
    merge_peak(use, other->peak_memory_bytes, other->peak_is_bound);
    use->minor_faults += other->minor_faults;
    use->major_faults += other->major_faults;
    use->voluntary_switches += other->voluntary_switches;
    use->involuntary_switches += other->involuntary_switches;
    use->blocks_in += other->blocks_in;
    use->blocks_out += other->blocks_out;
    use->peak_processes = larger(use->peak_processes, other->peak_processes);
    use->left_processes += other->left_processes;
}

const char *gord_use_text(const struct gord_use *use, char out[GORD_USE_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double size = (double)use->peak_memory_bytes / 1024;
    size_t unit = 0;

    for (; size >= 1024 && unit + 1 < sizeof(units) / sizeof(*units); unit++) {
        size /= 1024;
    }
    snprintf(out, GORD_USE_TEXT, "used %.3g s user, %.3g s system, peak %s%.3g %s",
             (double)use->user_ns / 1e9, (double)use->system_ns / 1e9,
             use->peak_is_bound ? "below " : "", size, units[unit]);
    return out;
}
