/* SPDX-License-Identifier: MIT */
/* rlimits.h - the resource limits that a process is to be started with.
 *
 * The submitter's, but where the job asks for others; only those that differ from what a process of
 * ours has anyway. A limit beyond what we may set is set as high as we may, unless the job is strict.
 * Threads     pure, but for the reading of our own.
 */
#ifndef GORD_RUNNER_RLIMITS_H
#define GORD_RUNNER_RLIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#include "gor/v1/jobs.pb-c.h"

/* What a process of ours has, by RLIMIT_*. */
struct gord_rlimits_own {
    struct rlimit of[RLIM_NLIMITS];
};

struct gord_rlimit {
    int resource;
    struct rlimit value;
    bool strict; /* else as near as can be */
};

struct gord_rlimits {
    struct gord_rlimit items[RLIM_NLIMITS + 1];
    size_t count;
};

/* Read what we have; the limit of descriptors as `nofile`, for we raise ours. */
void gord_rlimits_read_own(struct gord_rlimits_own *own, const struct rlimit *nofile);

/* Fill *out for a job; `as_bytes` other than 0 is a limit of address space on top of the others. */
void gord_rlimits_fill(struct gord_rlimits *out, const struct gord_rlimits_own *own,
                       const Gor__V1__ExecSpec *spec, uint64_t as_bytes);

/* RLIMIT_* of the wire's number; -1: there is none. */
int gord_rlimit_number(Gor__V1__Rlimit__Resource resource);

/* "nofile", ... */
const char *gord_rlimit_name(int number);

#endif
