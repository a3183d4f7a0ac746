/* SPDX-License-Identifier: MIT */
/* runner_below.c - jobs below native ones and scripts that run.
 *
 * Those may wait for jobs that they have handed in, so an upgrade that awaits them lets these start, also
 * where they are below each other. What else is queued stays for the next daemon.
 */
#include <stdlib.h>

#include "daemon/base/log.h"
#include "daemon/base/order.h"
#include "daemon/runner/runner_inside.h"

struct below {
    const struct gord_runner *runner;
    uint64_t *ids; /* owned */
    size_t count;
    size_t room;
    bool no_memory;
};

/* Would its run end with the daemon? */
static bool lives_inside(const struct gord_job *job)
{
    return job->taken && (job->kind == GORD_NATIVE || job->kind == GORD_LUA);
}

static struct gord_job *parent_of(const struct gord_job_table *table, const struct gord_job *job)
{
    uint64_t id = gord_job_parent_id(job);

    return id != 0 ? gord_job_find(table, id) : NULL;
}

/* The job, or one above it. */
static bool is_inside(const struct gord_job_table *table, const struct gord_job *job)
{
    while (job != NULL && !lives_inside(job)) {
        job = parent_of(table, job);
    }
    return job != NULL;
}

static void add_children(struct below *below, uint64_t id)
{
    const struct gord_job_table *table = gord_bus_table(below->runner->bus);
    size_t count = gord_job_children(table, id, NULL, 0);

    if (count > below->room - below->count) {
        size_t room = 2 * below->room + count;
        uint64_t *ids = realloc(below->ids, room * sizeof(*ids));
        if (ids == NULL) {
            below->no_memory = true;
            return;
        }
        below->ids = ids;
        below->room = room;
    }
    if (count > 0) {
        below->count += gord_job_children(table, id, below->ids + below->count, count);
    }
}

/* Those below another such come with it. */
static int add_first(void *arg, struct gord_job *job)
{
    struct below *below = arg;
    const struct gord_job_table *table = gord_bus_table(below->runner->bus);

    if (lives_inside(job) && !is_inside(table, parent_of(table, job))) {
        add_children(below, job->id);
    }
    return 0;
}

uint64_t *gord_runner_list_below(struct gord_runner *runner, size_t *out_count)
{
    struct below below = {.runner = runner};

    gord_job_each_taken(gord_bus_table(runner->bus), add_first, &below);
    for (size_t i = 0; i < below.count; i++) {
        add_children(&below, below.ids[i]);
    }
    if (below.no_memory) {
        gord_log(GORD_LOG_ERROR, 0, "out of memory: not all that is awaited can start");
    }
    if (below.count > 0) {
        qsort(below.ids, below.count, sizeof(*below.ids), gord_by_rising_id);
    }
    *out_count = below.count;
    return below.ids;
}

bool gord_runner_is_awaiting(const struct gord_runner *runner)
{
    return runner->awaiting;
}

bool gord_runner_takes_below(const struct gord_runner *runner, uint64_t parent_id)
{
    const struct gord_job_table *table = gord_bus_table(runner->bus);

    return runner->awaiting && parent_id != 0 && is_inside(table, gord_job_find(table, parent_id));
}
