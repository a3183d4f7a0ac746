/* SPDX-License-Identifier: MIT */
/* history.h - the life of a job that was lived under another daemon, as events that never were a job's
 * here: it takes the same steps, gets the numbers of this daemon's events, and is in no table.
 *
 * Threads     loop thread.
 * Ownership   the events are the caller's.
 */
#ifndef GORD_JOB_HISTORY_H
#define GORD_JOB_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/event/event.h"
#include "daemon/job/job.h"

/* Do they make one life, from SUBMITTED to FINISHED? Fills in what a job would have: the state after each,
 * when it had started, the spec and the kind of the first. The index of the first that cannot stand
 * where it is; `count` if there is none; if only the end is missing, count - 1. */
size_t gord_history_complete(struct gord_event *const *events, size_t count);

/* Give a complete one its numbers: the next ones. */
void gord_history_number(struct gord_job_table *table, struct gord_event *const *events,
                         size_t count);

#endif
