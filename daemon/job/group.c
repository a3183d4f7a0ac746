/* SPDX-License-Identifier: MIT */
/* group.c - see group.h. */
#include "daemon/job/group.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/assert.h"

struct gord_job *gord_group_of(const struct gord_job_table *table, const struct gord_job *task)
{
    const struct gord_spec *spec = task->body != NULL ? task->body->spec : NULL;
    if (spec == NULL || spec->array_id == 0 || spec->parent_id == 0) {
        return NULL;
    }
    struct gord_job *group = gord_job_find(table, spec->parent_id);
    return group != NULL && group->kind == GORD_GROUP &&
                   group->state != GOR__V1__JOB_STATE__TERMINATED
               ? group
               : NULL;
}

bool gord_group_is_shut(const struct gord_job_table *table, const struct gord_job *task)
{
    const struct gord_job *group = gord_group_of(table, task);
    return group != NULL && group->state == GOR__V1__JOB_STATE__CREATED;
}

uint32_t gord_group_live(const struct gord_job *group)
{
    const uint32_t *by_state = group->body->tasks->by_state;
    return by_state[GOR__V1__JOB_STATE__CREATED] + by_state[GOR__V1__JOB_STATE__RUNNABLE] +
           by_state[GOR__V1__JOB_STATE__RUNNING] + by_state[GOR__V1__JOB_STATE__WAITING];
}

uint32_t gord_group_ended(const struct gord_job *group)
{
    return group->body->tasks->by_state[GOR__V1__JOB_STATE__TERMINATED];
}

uint32_t gord_group_running(const struct gord_job *group)
{
    const uint32_t *by_state = group->body->tasks->by_state;
    return by_state[GOR__V1__JOB_STATE__RUNNING] + by_state[GOR__V1__JOB_STATE__WAITING];
}

uint32_t gord_group_gated(const struct gord_job *group)
{
    return group->state == GOR__V1__JOB_STATE__WAITING
               ? group->body->tasks->by_state[GOR__V1__JOB_STATE__CREATED]
               : 0;
}

uint32_t gord_group_never_ran(const struct gord_job *group)
{
    return group->body->tasks->ended[GOR__V1__OUTCOME__DEPENDENCY_FAILED];
}

uint32_t gord_group_failed(const struct gord_job *group)
{
    const uint32_t *ended = group->body->tasks->ended;
    return gord_group_ended(group) - ended[GOR__V1__OUTCOME__SUCCEEDED] -
           ended[GOR__V1__OUTCOME__CANCELLED] - gord_group_never_ran(group);
}

bool gord_group_is_whole(const struct gord_job *group)
{
    return gord_group_live(group) + gord_group_ended(group) >= group->body->tasks->count;
}

bool gord_group_is_coming(const struct gord_job *group)
{
    return group->kind == GORD_GROUP && group->state != GOR__V1__JOB_STATE__TERMINATED &&
           group->body->standing != NULL && group->body->standing->coming &&
           !gord_group_is_whole(group);
}

void gord_group_count_ended(struct gord_job *group, Gor__V1__Outcome outcome)
{
    group->body->tasks->by_state[GOR__V1__JOB_STATE__TERMINATED]++;
    group->body->tasks->ended[outcome]++;
}

void gord_group_uncount_ended(struct gord_job *group, Gor__V1__Outcome outcome)
{
    struct gord_tasks *tasks = group->body->tasks;
    GORD_ASSERT(tasks->ended[outcome] > 0);
    tasks->by_state[GOR__V1__JOB_STATE__TERMINATED]--;
    tasks->ended[outcome]--;
}

void gord_group_set_ended(struct gord_job *group, const uint64_t ended[GORD_OUTCOME_COUNT])
{
    struct gord_tasks *tasks = group->body->tasks;
    tasks->by_state[GOR__V1__JOB_STATE__TERMINATED] = 0;
    for (int i = 0; i < GORD_OUTCOME_COUNT; i++) {
        tasks->ended[i] = (uint32_t)ended[i];
        tasks->by_state[GOR__V1__JOB_STATE__TERMINATED] += (uint32_t)ended[i];
    }
}

/* ", 3 failed" behind what there is, or "3 of 100 tasks failed" as the first. */
static void add_text(char *out, size_t bytes, uint32_t number, uint32_t of, const char *what)
{
    size_t used = strlen(out);
    if (number > 0 && used > 0) {
        snprintf(out + used, bytes - used, ", %" PRIu32 " %s", number, what);
    } else if (number > 0) {
        snprintf(out, bytes, "%" PRIu32 " of %" PRIu32 " task%s %s", number, of, of == 1 ? "" : "s",
                 what);
    }
}

const char *gord_group_text(const struct gord_job *group, char *out, size_t bytes)
{
    const struct gord_tasks *tasks = group->body->tasks;
    uint32_t cancelled = tasks->ended[GOR__V1__OUTCOME__CANCELLED];
    out[0] = '\0';
    add_text(out, bytes, gord_group_failed(group), tasks->count, "failed");
    add_text(out, bytes, gord_group_never_ran(group), tasks->count, "never ran");
    add_text(out, bytes, cancelled, tasks->count,
             cancelled == 1 ? "was cancelled" : "were cancelled");
    return out;
}
