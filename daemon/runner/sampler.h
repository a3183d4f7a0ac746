/* SPDX-License-Identifier: MIT */
/* sampler.h - tells whether a native job runs or waits, by looking at its goroutine now and then.
 *
 * A job is WAITING once its goroutine has been blocked for a whole period, so that one that parks
 * and runs all the time makes no noise. A tick looks at a bounded number of jobs, in turn.
 * Threads     loop thread.
 * Ownership   the runs are the runner's; a run is in the list from add to remove.
 */
#ifndef GORD_RUNNER_SAMPLER_H
#define GORD_RUNNER_SAMPLER_H

#include <uv.h>

#include "base/list.h"
#include "daemon/runner/bus.h"
#include "daemon/runner/run.h"

struct gord_sampler {
    struct gord_bus *bus;
    struct list_link runs; /* looked at longest ago first */
    size_t count;
    uv_timer_t timer;
};

void gord_sampler_init(struct gord_sampler *sampler, struct gord_bus *bus);
void gord_sampler_close(struct gord_sampler *sampler);
void gord_sampler_add(struct gord_sampler *sampler, struct gord_run *run);
void gord_sampler_remove(struct gord_sampler *sampler, struct gord_run *run);

#endif
