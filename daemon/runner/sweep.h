/* SPDX-License-Identifier: MIT */
/* sweep.h - after a daemon died: end the processes that its jobs left running, settle the jobs.
 *
 * Threads     loop thread, before anything runs.
 */
#ifndef GORD_RUNNER_SWEEP_H
#define GORD_RUNNER_SWEEP_H

#include <stddef.h>

#include "daemon/runner/bus.h"

struct gord_handed;

/* What became of them. */
struct gord_swept {
    size_t lost;
    size_t requeued;
    size_t cancelled; /* as somebody had asked */
};

/* Every job that the table has as started, but for those of `handed` (NULL: none), is queued again if it
 * wants that, else it ends as LOST, or as CANCELLED if that had been asked for. The process group of each is
 * killed if it is surely the job's: its leader is the process recorded, by pid and start time, or the leader
 * is gone and a member carries the job's id in its environment. So is each child of ours that has not become
 * its program, as the start of one may hang when the daemon is replaced. 0 with their numbers in *out, or
 * -ENOMEM. */
int gord_sweep(struct gord_bus *bus, const struct gord_handed *handed, struct gord_swept *out);

/* What asked for the end of a job that runs, on record; a reference for the caller; NULL: nobody has. The
 * reader's errors. */
int gord_sweep_cause(struct gord_bus *bus, uint64_t id, struct gord_event **out_cancel);

#endif
