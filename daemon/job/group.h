/* SPDX-License-Identifier: MIT */
/* group.h - how the tasks of an array stand, counted as they move.
 *
 * A group is a live job that runs nothing. Its live tasks are its children (kin.h); of those that have
 * ended only the number is known here.
 * Invariants  the counts of live states are those of the group's children.
 * Threads     loop thread.
 * Ownership   part of the group's body.
 */
#ifndef GORD_JOB_GROUP_H
#define GORD_JOB_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/job/job.h"

struct gord_tasks {
    uint64_t first;                      /* of those that this daemon knows of; 0: none */
    bool entering;                       /* they are being submitted: not all are there yet */
    uint32_t count;                      /* there are */
    uint32_t by_state[GORD_STATE_COUNT]; /* TERMINATED: all that have ended */
    uint32_t ended[GORD_OUTCOME_COUNT];
};

/* The group that a live job is a task of, while that lives; else NULL. */
struct gord_job *gord_group_of(const struct gord_job_table *table, const struct gord_job *task);

/* Has the group of that task not begun, or is it held? */
bool gord_group_is_shut(const struct gord_job_table *table, const struct gord_job *task);

/* Those that live, and those that have ended. */
uint32_t gord_group_live(const struct gord_job *group);
uint32_t gord_group_ended(const struct gord_job *group);

/* Those that have a run. */
uint32_t gord_group_running(const struct gord_job *group);

/* Those that wait at a gate of their own: while the group is shut, that is why they wait. */
uint32_t gord_group_gated(const struct gord_job *group);

/* Those that could not run, for what they waited for could no longer come; and those that ended in any
 * other way than that, by success, or cancelled. */
uint32_t gord_group_never_ran(const struct gord_job *group);
uint32_t gord_group_failed(const struct gord_job *group);

/* Are its tasks there, all of them, or is it still waiting for some to be handed in? */
bool gord_group_is_whole(const struct gord_job *group);
bool gord_group_is_coming(const struct gord_job *group); /* false: it is no group, or has ended */

/* One more of its tasks is there that had ended before. */
void gord_group_count_ended(struct gord_job *group, Gor__V1__Outcome outcome);

/* One of them that had ended so runs again, and counts as it stands now. */
void gord_group_uncount_ended(struct gord_job *group, Gor__V1__Outcome outcome);

/* Those that have ended so, as the store has them: at start, when only live ones were read back, and when
 * the group itself is brought back. */
void gord_group_set_ended(struct gord_job *group, const uint64_t ended[GORD_OUTCOME_COUNT]);

/* "3 of 100 tasks failed, 4 never ran, 2 were cancelled"; "" if all have succeeded. */
const char *gord_group_text(const struct gord_job *group, char *out, size_t bytes);

#endif
