/* SPDX-License-Identifier: MIT */
/* retry.h - whether a run that ended is followed by another, and when.
 *
 * Threads     any; pure but for the clocks.
 */
#ifndef GORD_RUNNER_RETRY_H
#define GORD_RUNNER_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/event/spec.h"
#include "daemon/runner/run.h"

/* So often a job is lost with its daemon before it is no longer run again: it may be what ends them. */
enum { GORD_LOSSES_MAX = 5 };

/* How long to wait before attempt number `attempt` (from 1), with chance from 0 to 1 for the jitter. */
int64_t gord_retry_wait(const Gor__V1__RetryPolicy *policy, uint32_t attempt, double chance);

/* After a run that ended so: the standing with the next attempt and its time, or NULL: it is over, or
 * there is no memory. `standing` is the one of the run, or NULL. */
struct gord_standing *gord_retry_plan(const struct gord_spec *spec,
                                      const struct gord_standing *standing,
                                      const struct gord_result *result);

/* "exit code 3; retry 2 of 5 in 4 s" */
void gord_retry_text(const struct gord_spec *spec, const struct gord_standing *next,
                     const struct gord_result *result, const char *detail, char *out, size_t bytes);

#endif
