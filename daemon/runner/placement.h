/* SPDX-License-Identifier: MIT */
/* placement.h - where and when a process runs: on which CPUs, how nice, and when the disk serves it.
 *
 * What cannot be had is left as the daemon has it, unless the job is strict.
 * Threads     any.
 */
#ifndef GORD_RUNNER_PLACEMENT_H
#define GORD_RUNNER_PLACEMENT_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>

#include "gor/v1/jobs.pb-c.h"

struct gord_placement {
    bool strict; /* as asked, or not at all */
    bool has_cpus;
    cpu_set_t cpus;
    int nice;   /* 0: as we are */
    int ioprio; /* as ioprio_set(2) takes it; 0: as we are */
};

enum { GORD_CPUS_TEXT = 128 };

/* The longest list that is taken. Each CPU there can be, once and one by one, takes 4,009 bytes. */
enum { GORD_CPUS_MAX = 4095 };

/* "0-3,8". 0; -EINVAL, *out may have been written: it is no list of CPUs. */
int gord_cpus_parse(const char *text, cpu_set_t *out);

/* The list, cut if it is too long. Answers out. */
const char *gord_cpus_text(const cpu_set_t *cpus, char out[GORD_CPUS_TEXT]);

/* Whether there are such CPUs; else a sentence in `why`. */
bool gord_cpus_exist(const char *text, char *why, size_t bytes);

/* What a checked spec asks for. False: nothing. */
bool gord_placement_fill(const Gor__V1__ExecSpec *spec, struct gord_placement *out);

/* Whether process `pid` has what was asked for. */
bool gord_placement_has_cpus(const struct gord_placement *asked, int pid);
bool gord_placement_has_nice(const struct gord_placement *asked, int pid);
bool gord_placement_has_ioprio(const struct gord_placement *asked, int pid);

/* "idle", "best-effort 4". Answers out. */
const char *gord_ioprio_text(int ioprio, char out[GORD_CPUS_TEXT]);

#endif
