/* SPDX-License-Identifier: MIT */
/* limits.h - the limits a job asks for, and what holds them: a control group, setrlimit, or nothing.
 *
 * Threads     pure.
 */
#ifndef GORD_RUNNER_LIMITS_H
#define GORD_RUNNER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/runner/cgroup.h"
#include "gor/v1/jobs.pb-c.h"

enum { GORD_LIMITS_TEXT = 512 };

/* Whether a job with these wants a control group; `limits` may be NULL. */
bool gord_limits_want_group(const Gor__V1__Limits *limits);

/* Whether all that needs a group can be held by one; else a sentence in `out`. */
bool gord_limits_can_hold(const Gor__V1__Limits *limits, const struct gord_cgroups *groups,
                          char *out, size_t bytes);

/* Address space for each process where there is no group to hold the memory of all; 0: any. */
uint64_t gord_limits_address_space(const Gor__V1__Limits *limits,
                                   const struct gord_cgroups *groups);

/* Whether there is anything to say of them. */
bool gord_limits_are_asked(const Gor__V1__ExecSpec *spec);

/* What holds now that process `pid` runs: "limits: memory 64 MiB by its control group, ...". */
const char *gord_limits_text(const Gor__V1__ExecSpec *spec, const struct gord_cgroups *groups,
                             int pid, char out[GORD_LIMITS_TEXT]);

#endif
