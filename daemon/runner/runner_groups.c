/* SPDX-License-Identifier: MIT */
/* runner_groups.c - arrays: a group has the gates, and once they are open its tasks go their own ways;
 * it ends when the last of them has. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/assert.h"
#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/job/group.h"
#include "daemon/job/queues.h"
#include "daemon/runner/runner_inside.h"

/* ------------------------------------------------------------------ its tasks */

/* Call visit(runner, task) for each live task, in the order of their submission. */
static int each_task(struct gord_runner *runner, uint64_t group_id,
                     int (*visit)(struct gord_runner *runner, struct gord_job *task))
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    size_t count = gord_job_children(table, group_id, NULL, 0);
    uint64_t *ids = calloc(count + 1, sizeof(*ids));
    int result = 0;

    if (ids == NULL) {
        return -ENOMEM;
    }
    gord_job_children(table, group_id, ids, count);
    while (count > 0 && result == 0) {
        struct gord_job *task = gord_job_find(table, ids[--count]); /* newest first */
        if (task != NULL && task->state != GOR__V1__JOB_STATE__TERMINATED) {
            result = visit(runner, task);
        }
    }
    free(ids);
    return result;
}

static int admit_task(struct gord_runner *runner, struct gord_job *task)
{
    bool parked = task->state == GOR__V1__JOB_STATE__CREATED;
    int result = 0;

    if (parked && task->body->standing != NULL) {
        result = gord_gates_enter(&runner->gates, task);
    }
    return parked && result == 0 ? gord_runner_queue(runner, task, NULL) : result < 0 ? result : 0;
}

static int park_task(struct gord_runner *runner, struct gord_job *task)
{
    bool queued = task->state == GOR__V1__JOB_STATE__RUNNABLE && !task->taken;

    return queued ? gord_runner_wait_for_group(runner, task, NULL) : 0;
}

int gord_runner_wait_for_group(struct gord_runner *runner, struct gord_job *task, uint64_t *out_seq)
{
    char why[64];

    snprintf(why, sizeof(why), "waits for its array, job %" PRIu64, task->body->spec->parent_id);
    return gord_bus_emit(runner->bus, gord_event_new(GORD_EVENT_GATED, task->id, why), out_seq);
}

/* ------------------------------------------------------------------ its gates */

int gord_runner_open_group(struct gord_runner *runner, struct gord_job *group, uint64_t *out_seq)
{
    char why[96];
    uint64_t id = group->id;

    if (group->state != GOR__V1__JOB_STATE__CREATED) {
        return 0;
    }
    if (gord_group_ended(group) < group->body->tasks->count) {
        gord_runner_group_why(group, why, sizeof(why));
    } else { /* it was brought back, and they are yet to be */
        snprintf(why, sizeof(why), "for tasks that run again");
    }
    int result =
        gord_bus_emit(runner->bus, gord_event_state(id, GOR__V1__JOB_STATE__WAITING, why), out_seq);
    GORD_CRASHPOINT(GROUP_OPENED);
    return result == 0 ? each_task(runner, id, admit_task) : result;
}

int gord_runner_shut_group(struct gord_runner *runner, struct gord_job *group)
{
    return each_task(runner, group->id, park_task);
}

/* ------------------------------------------------------------------ its end */

struct gord_report *gord_runner_group_report(const struct gord_job *group)
{
    const struct gord_tasks *tasks = group->body->tasks;
    uint32_t failed = gord_group_failed(group);
    char text[GORD_PROGRESS_TEXT_BYTES];
    struct gord_progress progress = {.done = gord_group_ended(group),
                                     .total = tasks->count,
                                     .at_ns = gord_event_clock(),
                                     .text = text};

    int used = snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu32 " task%s", progress.done,
                        tasks->count, tasks->count == 1 ? "" : "s");
    if (failed > 0) {
        used += snprintf(text + used, sizeof(text) - (size_t)used, ", %" PRIu32 " failed", failed);
    }
    if (gord_group_never_ran(group) > 0) {
        snprintf(text + used, sizeof(text) - (size_t)used, ", %" PRIu32 " never ran",
                 gord_group_never_ran(group));
    }
    return gord_report_new(&progress, NULL, 0);
}

const char *gord_runner_group_why(const struct gord_job *group, char *out, size_t out_bytes)
{
    const struct gord_tasks *tasks = group->body->tasks;
    uint32_t run = gord_group_running(group);
    uint32_t gated = gord_group_gated(group);

    int used = snprintf(out, out_bytes, "for %" PRIu32 " of %" PRIu32 " task%s",
                        tasks->count - gord_group_ended(group), tasks->count,
                        tasks->count == 1 ? "" : "s");
    if (run > 0 && (size_t)used < out_bytes) {
        used += snprintf(out + used, out_bytes - (size_t)used, ", of which %" PRIu32 " run%s", run,
                         run == 1 ? "s" : "");
    }
    if (gated > 0 && (size_t)used < out_bytes) {
        snprintf(out + used, out_bytes - (size_t)used, "%s%" PRIu32 " wait%s at a gate",
                 run > 0 ? " and " : ", of which ", gated, gated == 1 ? "s" : "");
    }
    return out;
}

int gord_runner_first_task(struct gord_runner *runner, uint64_t group_id, uint64_t *out_id)
{
    const struct gord_job *group = gord_job_find(gord_bus_table(runner->bus), group_id);
    int result = gord_reader_first_task(gord_bus_reader(runner->bus), group_id, out_id);

    /* Both are on disk, or neither is. */
    if (result == -ENOENT && group != NULL && group->kind == GORD_GROUP &&
        group->body->tasks->first != 0) {
        *out_id = group->body->tasks->first;
        return 0;
    }
    return result;
}

int gord_runner_task_spec(struct gord_runner *runner, uint64_t group_id,
                          struct gord_spec **out_spec)
{
    uint64_t id = 0;
    struct gord_row row;
    int result = gord_runner_first_task(runner, group_id, &id);

    if (result != 0) {
        return result;
    }
    result = gord_reader_job(gord_bus_reader(runner->bus), id, true, &row);
    if (result == 0) {
        *out_spec = gord_spec_ref(row.spec);
        gord_row_fini(&row);
        return 0;
    }
    const struct gord_job *task = gord_job_find(gord_bus_table(runner->bus), id);
    if (result == -ENOENT && task != NULL && gord_job_has_spec(task)) {
        *out_spec = gord_spec_ref(task->body->spec); /* it ends before it is on disk */
        return 0;
    }
    return result;
}

/* All of its tasks have ended. */
static void end_group(struct gord_runner *runner, const struct gord_job *group)
{
    const struct gord_tasks *tasks = group->body->tasks;
    const struct gord_event *cancel = group->body->cancel;
    char counts[96];
    char text[GORD_DETAIL_BYTES];
    Gor__V1__Outcome outcome = GOR__V1__OUTCOME__FAILED;

    gord_group_text(group, counts, sizeof(counts));
    snprintf(text, sizeof(text), "%s", counts);
    if (tasks->ended[GOR__V1__OUTCOME__SUCCEEDED] == tasks->count) {
        outcome = GOR__V1__OUTCOME__SUCCEEDED;
    } else if (gord_group_never_ran(group) == tasks->count) {
        outcome = GOR__V1__OUTCOME__DEPENDENCY_FAILED;
    } else if (cancel != NULL && !gord_group_is_whole(group)) {
        outcome = GOR__V1__OUTCOME__CANCELLED;
        snprintf(text, sizeof(text), "%.300s; only %" PRIu32 " of %" PRIu32 " task%s had come",
                 cancel->text, gord_group_ended(group), tasks->count, tasks->count == 1 ? "" : "s");
    } else if (cancel != NULL && tasks->ended[GOR__V1__OUTCOME__CANCELLED] > 0) {
        outcome = GOR__V1__OUTCOME__CANCELLED;
        snprintf(text, sizeof(text), "%.300s; %s", cancel->text, counts);
    }
    GORD_CRASHPOINT(GROUP_ENDING);
    struct gord_event *event = gord_event_finished(
        group->id, outcome, outcome == GOR__V1__OUTCOME__FAILED ? 1 : 0, 0, text);
    if (event != NULL) {
        event->report = gord_runner_group_report(group);
    }
    if (gord_bus_emit(runner->bus, event, NULL) != 0) {
        gord_log_of(GORD_LOG_ERROR, group->id,
                    gord_queues_of(gord_bus_table(runner->bus), group->id),
                    "out of memory: its end is told after a restart");
    }
}

static struct gord_job *live_group(struct gord_runner *runner, uint64_t id)
{
    struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), id);

    return job != NULL && job->kind == GORD_GROUP && job->state != GOR__V1__JOB_STATE__TERMINATED
               ? job
               : NULL;
}

void gord_runner_enter_tasks(struct gord_runner *runner, uint64_t group_id)
{
    struct gord_job *group = live_group(runner, group_id);

    if (group != NULL) {
        group->body->tasks->entering = true;
    }
}

void gord_runner_tasks_entered(struct gord_runner *runner, uint64_t group_id)
{
    struct gord_job *group = live_group(runner, group_id);

    if (group == NULL) {
        return;
    }
    group->body->tasks->entering = false;
    const struct gord_event *cancel = group->body->cancel;
    if (gord_group_live(group) == 0) {
        end_group(runner, group);
    } else if (cancel != NULL) { /* before they were there to be cancelled with it */
        char what[256];
        snprintf(what, sizeof(what), "was cancelled: %.200s", cancel->text);
        gord_cascade_add(&runner->cascade, gord_bus_table(runner->bus), group_id, what, false);
    } else {
        gord_gates_look(&runner->gates, group);
    }
}

void gord_runner_task_moved(struct gord_runner *runner, const struct gord_job *task,
                            const struct gord_event *event)
{
    struct gord_job *group = gord_group_of(gord_bus_table(runner->bus), task);

    if (group == NULL) {
        return;
    }
    if (event->kind == GORD_EVENT_STARTED && group->body->started_ns == 0 &&
        gord_job_allows(group, GORD_EVENT_STARTED)) {
        gord_bus_emit(runner->bus,
                      gord_event_new(GORD_EVENT_STARTED, group->id, "its first task has started"),
                      NULL);
    }
    if (event->kind == GORD_EVENT_FINISHED) {
        gord_runner_end_if_over(runner, group);
    }
}

void gord_runner_end_if_over(struct gord_runner *runner, const struct gord_job *group)
{
    bool comes = group->body->tasks->entering ||
                 (gord_group_is_coming(group) && group->body->cancel == NULL);

    if (gord_group_live(group) == 0 && !comes) {
        end_group(runner, group);
    }
}

void gord_runner_task_came(struct gord_runner *runner, struct gord_job *group)
{
    if (gord_group_is_whole(group) && gord_group_live(group) == 0) {
        end_group(runner, group);
    } else if (gord_group_is_whole(group)) {
        gord_gates_look(&runner->gates, group);
    }
}

int gord_runner_take_back_group(struct gord_runner *runner, struct gord_job *group)
{
    gord_runner_end_if_over(runner, group);
    return 0;
}

static int count_ended(void *arg, struct gord_job *job)
{
    struct gord_runner *runner = arg;
    uint64_t ended[GORD_OUTCOME_COUNT];

    if (job->kind != GORD_GROUP) {
        return 0;
    }
    int result = gord_reader_tasks_ended(gord_bus_reader(runner->bus), job->id, ended);
    if (result == 0) {
        gord_group_set_ended(job, ended);
    }
    return result;
}

int gord_runner_count_groups(struct gord_runner *runner)
{
    return gord_job_each(gord_bus_table(runner->bus), count_ended, runner);
}
