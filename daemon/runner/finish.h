/* SPDX-License-Identifier: MIT */
/* finish.h - what is run when a job has ended: its own hooks, and those for all jobs. Of each there may be
 * a program, and a webhook (webhook.h).
 *
 * A hook is a job like any other, with its own history, slot and retries. It is submitted in the
 * transaction in which the job ends, so neither is on disk without the other, also when a daemon finds
 * jobs lost that its predecessor left. Hooks have no hooks.
 * Threads     loop thread.
 * See also    docs/job-lifecycle.md, "Hooks"
 */
#ifndef GORD_RUNNER_FINISH_H
#define GORD_RUNNER_FINISH_H

#include "daemon/runner/runner_inside.h"

/* From inside the event's applied(): the job has just ended. */
void gord_finish_hooks(struct gord_runner *runner, const struct gord_event *event,
                       const struct gord_job *job);

/* "succeeded", "timed-out": as gorctl says it. Answers out. */
enum { GORD_OUTCOME_WORD = 32 };
const char *gord_finish_word(Gor__V1__Outcome outcome, char out[GORD_OUTCOME_WORD]);

/* What a hook's process has in its environment besides, as "NAME=value"; how many there are. */
enum { GORD_HOOK_VARIABLES = 10, GORD_HOOK_TEXT = 64 };
size_t gord_finish_variables(const struct gord_hook_of *of,
                             char out[GORD_HOOK_VARIABLES][GORD_HOOK_TEXT]);

#endif
