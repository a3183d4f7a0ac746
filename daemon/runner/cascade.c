/* SPDX-License-Identifier: MIT */
#include "daemon/runner/cascade.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"
#include "daemon/base/log.h"
#include "daemon/job/queues.h"
#include "daemon/runner/text.h"

void gord_cascade_fini(struct gord_cascade *cascade)
{
    free(cascade->steps);
}

void gord_cascade_add(struct gord_cascade *cascade, const struct gord_job_table *table,
                      uint64_t parent, const char *what, bool force)
{
    if (cascade->off || gord_job_children(table, parent, NULL, 0) == 0) {
        return;
    }
    if (gord_grow(&cascade->steps, cascade->count, &cascade->room, sizeof(*cascade->steps)) != 0) {
        gord_log_of(GORD_LOG_ERROR, parent, gord_queues_of(table, parent),
                    "out of memory: the jobs below it live on");
        return;
    }
    struct gord_cascade_step *step = &cascade->steps[cascade->count++];
    step->parent = parent;
    step->force = force;
    gord_text_clean(what, strlen(what), step->what, sizeof(step->what));
}

static void cancel_children(const struct gord_job_table *table,
                            const struct gord_cascade_step *step,
                            void (*cancel)(void *arg, uint64_t id, const char *cause, bool force),
                            void *arg)
{
    size_t count = gord_job_children(table, step->parent, NULL, 0);
    uint64_t *ids = calloc(count > 0 ? count : 1, sizeof(*ids));
    char cause[256];

    if (ids == NULL) {
        gord_log_of(GORD_LOG_ERROR, step->parent, gord_queues_of(table, step->parent),
                    "out of memory: the jobs below it live on");
        return;
    }
    snprintf(cause, sizeof(cause), "its parent job %" PRIu64 " %s", step->parent, step->what);
    gord_job_children(table, step->parent, ids, count);
    for (size_t i = 0; i < count; i++) {
        cancel(arg, ids[i], cause, step->force);
    }
    free(ids);
}

void gord_cascade_run(struct gord_cascade *cascade, const struct gord_job_table *table,
                      void (*cancel)(void *arg, uint64_t id, const char *cause, bool force),
                      void *arg)
{
    while (cascade->count > 0) {
        struct gord_cascade_step step = cascade->steps[--cascade->count];
        cancel_children(table, &step, cancel, arg);
    }
}
