/* SPDX-License-Identifier: MIT */
/* sweep.h - after a daemon died: end the processes that its jobs left running, settle the jobs.
 *
 * Threads     loop thread, before anything runs.
 */
#ifndef GORD_RUNNER_SWEEP_H
#define GORD_RUNNER_SWEEP_H

#include <stddef.h>

#include "daemon/runner/bus.h"

/* Every job that the table has as started is queued again if it wants that, else it ends as LOST, or
 * as CANCELLED if that had been asked for; the process group of each is killed if it
 * is surely the job's: its leader is the process recorded, by pid and start time, or the leader is
 * gone and a member carries the job's id in its environment. 0 with the number of jobs
 * settled, or -ENOMEM. */
int gord_sweep(struct gord_bus *bus, size_t *out_settled);

#endif
