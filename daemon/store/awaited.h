/* SPDX-License-Identifier: MIT */
/* awaited.h - jobs that live ones are to run after: what became of them is looked up in the store after
 * a restart, so those that have ended are spared from removal until nobody waits any more.
 *
 * A group whose tasks are being imported waits for the tasks of the groups it is to run after as well: its
 * own, which say for which of them, may come with another import.
 * Two tables: `awaited`, who waits for whom; `spared`, what would have been removed meanwhile.
 * Threads     the writer's.
 */
#ifndef GORD_STORE_AWAITED_H
#define GORD_STORE_AWAITED_H

#include <stdbool.h>
#include <stdint.h>

struct gord_event;
struct gord_tally;
struct gord_writer;

/* The job of an event that has its spec waits for those its spec names. SQLite's code, as below. */
int gord_awaited_put(struct gord_writer *writer, const struct gord_event *entered,
                     struct gord_tally *tally);

/* The job of an UPDATED event waits for those instead of whom it waited for. */
int gord_awaited_replace(struct gord_writer *writer, const struct gord_event *updated,
                         struct gord_tally *tally);

/* Job `job_id` has ended and waits for none any more; what was spared for it alone is removed, with the
 * tasks of arrays that were spared for a group. */
int gord_awaited_release(struct gord_writer *writer, uint64_t job_id, bool is_group,
                         struct gord_tally *tally);

/* A group has ended: its tasks that were spared for it alone are removed. */
int gord_awaited_release_tasks(struct gord_writer *writer, uint64_t group_id,
                               struct gord_tally *tally);

/* Who is to run after the job, and has not ended, one of them; 0: nobody. */
int gord_awaited_by(struct gord_writer *writer, uint64_t id, uint64_t *out_by);

/* The job is about to be removed, or lives again: it is spared no longer, if it was. */
int gord_awaited_unspare(struct gord_writer *writer, uint64_t id);

/* A job that has ended, by its event `seq`, is to be removed: *out_spared, not yet. */
int gord_awaited_spare(struct gord_writer *writer, uint64_t job_id, uint64_t seq, bool *out_spared);

#endif
