/* SPDX-License-Identifier: MIT */
/* runner_gates.c - the way of jobs into the queue, past what keeps them from it. */
#include <errno.h>
#include <stdio.h>

#include "daemon/base/assert.h"
#include "daemon/base/crashpoint.h"
#include "daemon/event/clock.h"
#include "daemon/job/group.h"
#include "daemon/runner/runner_inside.h"

int gord_runner_queue(struct gord_runner *runner, struct gord_job *job, uint64_t *out_seq)
{
    char reason[160];

    if (job->kind == GORD_GROUP) {
        return gord_runner_open_group(runner, job, out_seq);
    }
    if (gord_group_is_shut(gord_bus_table(runner->bus), job)) {
        return gord_runner_wait_for_group(runner, job, out_seq);
    }
    gord_runner_why_queued(runner, (enum gord_job_kind)job->kind, gord_job_parent_id(job), reason,
                           sizeof(reason));
    return gord_bus_emit(runner->bus, gord_event_new(GORD_EVENT_QUEUED, job->id, reason), out_seq);
}

int gord_runner_admit(struct gord_runner *runner, struct gord_job *job, uint64_t *out_seq)
{
    char why[GORD_GATE_TEXT];

    if (job->body->standing == NULL) {
        return gord_runner_queue(runner, job, out_seq);
    }
    int result = gord_gates_enter(&runner->gates, job);
    if (result <= 0) {
        return result < 0 ? result : gord_runner_queue(runner, job, out_seq);
    }
    result = gord_bus_emit(
        runner->bus, gord_event_new(GORD_EVENT_GATED, job->id, gord_gates_why(job, why)), out_seq);
    /* A group has no tasks yet that would end with it: see gord_runner_tasks_entered. */
    if (result == 0 && job->kind != GORD_GROUP) {
        gord_gates_look(&runner->gates, job);
    }
    return result;
}

int gord_runner_would_gate(struct gord_runner *runner, const struct gord_spec *spec,
                           char out[GORD_GATE_TEXT])
{
    return gord_gates_would(&runner->gates, spec, out);
}

int gord_runner_would_hold(struct gord_runner *runner, const struct gord_spec *spec,
                           enum gord_after_verdict *out_verdict)
{
    return gord_gates_would_hold(&runner->gates, spec, out_verdict);
}

void gord_runner_on_recall(struct gord_runner *runner,
                           bool (*fn)(void *arg, uint64_t id, struct gord_after_facts *out),
                           void *arg)
{
    runner->gates.recall = fn;
    runner->gates.recall_arg = arg;
}

static void gate_opened(void *arg, struct gord_job *job)
{
    struct gord_runner *runner = arg;
    uint64_t id = job->id;

    if (gord_runner_queue(runner, job, NULL) != 0) {
        gord_runner_fail_to_start(runner, id, "cannot queue it", -ENOMEM);
    }
}

static void gate_failed(void *arg, struct gord_job *job, const char *detail)
{
    struct gord_runner *runner = arg;

    gord_bus_emit(runner->bus,
                  gord_event_finished(job->id, GOR__V1__OUTCOME__DEPENDENCY_FAILED, 0, 0, detail),
                  NULL);
}

static void gate_expired(void *arg, struct gord_job *job)
{
    struct gord_runner *runner = arg;
    const struct gord_standing *standing = job->body->standing;
    Gor__V1__Outcome outcome = GOR__V1__OUTCOME__EXPIRED;
    char time[48];
    char detail[128];

    if (standing->expires_ns != 0 &&
        (standing->deadline_ns == 0 || standing->expires_ns <= standing->deadline_ns)) {
        snprintf(detail, sizeof(detail), "it was to start before %s",
                 gord_gates_time(standing->expires_ns, time, sizeof(time)));
    } else {
        outcome = GOR__V1__OUTCOME__TIMED_OUT;
        gord_runner_deadline_text(standing, detail, sizeof(detail));
    }
    gord_bus_emit(runner->bus, gord_event_finished(job->id, outcome, 0, 0, detail), NULL);
}

/* Change whether it is held; what keeps it then, and why, is an event. */
static int set_held(struct gord_runner *runner, struct gord_job *job, bool held, const char *cause,
                    uint64_t *out_seq)
{
    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        return -EINVAL;
    }
    if (job->taken) {
        return -EBUSY;
    }
    int result = gord_runner_need_spec(runner, job);
    if (result != 0) {
        return result;
    }
    if (held == (job->body->standing != NULL && job->body->standing->held)) {
        return -EALREADY;
    }
    struct gord_standing *standing = gord_standing_copy(job->body->standing);
    if (standing != NULL) {
        standing->held = held;
    }
    result = gord_bus_emit(
        runner->bus, gord_event_standing(GORD_EVENT_GATED, job->id, standing, cause), out_seq);
    if (result == 0) {
        result = gord_gates_enter(&runner->gates, job);
    }
    if (result > 0) {
        return job->kind == GORD_GROUP ? gord_runner_shut_group(runner, job) : 0;
    }
    return result == 0 ? gord_runner_queue(runner, job, out_seq) : result;
}

int gord_runner_hold(struct gord_runner *runner, struct gord_job *job, const char *cause,
                     uint64_t *out_seq)
{
    return set_held(runner, job, true, cause, out_seq);
}

int gord_runner_release(struct gord_runner *runner, struct gord_job *job, const char *cause,
                        uint64_t *out_seq)
{
    return set_held(runner, job, false, cause, out_seq);
}

/* Unless it was cancelled after its run had decided how it ended. */
void gord_runner_wait_for_retry(struct gord_runner *runner, struct gord_job *job)
{
    uint64_t id = job->id;
    int result = 0;

    GORD_ASSERT(job->body != NULL); /* it has run */
    if (job->body->cancel != NULL) {
        result = gord_bus_emit(
            runner->bus,
            gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 0, job->body->cancel->text),
            NULL);
    } else {
        result = gord_gates_enter(&runner->gates, job);
        GORD_CRASHPOINT(RETRY_WAITS);
        result = result == 0 ? gord_runner_queue(runner, job, NULL) : result;
    }
    if (result < 0) {
        gord_runner_fail_to_start(runner, id, "cannot wait for the retry", result);
    }
}

/* A gate keeps the job that was changed, or it will never run. */
static int stay_behind(struct gord_runner *runner, struct gord_job *job, bool tell,
                       uint64_t *out_seq)
{
    char why[GORD_GATE_TEXT];
    int result = 0;

    if (tell) {
        result = gord_bus_emit(runner->bus,
                               gord_event_new(GORD_EVENT_GATED, job->id, gord_gates_why(job, why)),
                               out_seq);
    }
    if (result == 0) {
        gord_gates_look(&runner->gates, job);
    }
    return result;
}

static int enter_update(struct gord_runner *runner, struct gord_job *job,
                        const struct gord_runner_update *update, uint64_t *out_seq)
{
    struct gord_event *event =
        gord_event_standing(GORD_EVENT_UPDATED, job->id, update->standing, update->text);

    if (event == NULL) {
        return -ENOMEM;
    }
    event->spec = gord_spec_ref(update->spec);
    return gord_bus_emit(runner->bus, event, out_seq);
}

int gord_runner_update(struct gord_runner *runner, struct gord_job *job,
                       const struct gord_runner_update *update, uint64_t *out_seq)
{
    struct gord_after *after = NULL;
    int result = job->taken ? -EBUSY : job->state == GOR__V1__JOB_STATE__TERMINATED ? -EINVAL : 0;

    if (result == 0 && update->after) {
        result = gord_gates_plan(&runner->gates, job, update->spec, &after);
    }
    if (result != 0) {
        gord_standing_unref(update->standing);
        return result;
    }
    result = enter_update(runner, job, update, out_seq);
    if (result != 0) {
        gord_gates_give_up(&runner->gates, after);
        return result;
    }
    if (update->after) {
        gord_gates_adopt(&runner->gates, job, after);
    }
    GORD_CRASHPOINT(UPDATE_ENTERED);
    result = gord_gates_enter(&runner->gates, job);
    if (result > 0) {
        return stay_behind(runner, job, update->after, out_seq);
    }
    return result == 0 ? gord_runner_queue(runner, job, out_seq) : result;
}

/* As it stands before it runs again: the times that it was to start by belong to its first run. */
static struct gord_standing *standing_of_revived(const struct gord_row *row, int64_t delay_ns)
{
    struct gord_standing *standing = gord_standing_copy(NULL);

    if (standing == NULL) {
        return NULL;
    }
    if (row->standing != NULL) {
        standing->attempt = row->standing->attempt;
        standing->losses = row->standing->losses;
        standing->version = row->standing->version;
    }
    standing->attempt += row->started_ns != 0;
    if (delay_ns > 0) {
        gord_clock_delay(standing, delay_ns);
    }
    return standing;
}

static int emit_revived(struct gord_runner *runner, const struct gord_row *row, int64_t delay_ns,
                        const char *cause, uint64_t *out_seq)
{
    struct gord_event *event =
        gord_event_standing(GORD_EVENT_REVIVED, row->id, standing_of_revived(row, delay_ns), cause);

    if (event == NULL) {
        return -ENOMEM;
    }
    event->spec = gord_spec_ref(row->spec);
    event->job_kind = row->kind;
    event->parent_id = row->parent_id;
    event->uid = row->uid;
    event->prev_seq = row->last_seq;
    event->started_ns = row->created_ns;
    return gord_bus_emit(runner->bus, event, out_seq);
}

int gord_runner_revive(struct gord_runner *runner, const struct gord_row *row, int64_t delay_ns,
                       const char *cause, uint64_t *out_seq)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    int result = emit_revived(runner, row, delay_ns, cause, out_seq);

    if (result != 0) {
        return result;
    }
    struct gord_job *job = gord_job_find(table, row->id);
    struct gord_job *group = gord_group_of(table, job);
    if (group != NULL) { /* which has counted its end, or read of it */
        gord_group_uncount_ended(group, row->outcome);
    }
    return gord_runner_admit(runner, job, out_seq);
}

int gord_runner_revive_group(struct gord_runner *runner, const struct gord_row *row,
                             const char *cause, uint64_t *out_seq)
{
    uint64_t ended[GORD_OUTCOME_COUNT];
    uint64_t kept = 0;
    int result = gord_reader_tasks_ended(gord_bus_reader(runner->bus), row->id, ended);

    for (int i = 0; i < GORD_OUTCOME_COUNT && result == 0; i++) {
        kept += ended[i];
    }
    if (result == 0 && kept != row->spec->array_count) {
        return -ESTALE;
    }
    result = result != 0 ? result : emit_revived(runner, row, 0, cause, out_seq);
    if (result != 0) {
        return result;
    }
    struct gord_job *group = gord_job_find(gord_bus_table(runner->bus), row->id);
    gord_group_set_ended(group, ended);
    group->body->tasks->entering = true;
    GORD_CRASHPOINT(GROUP_REVIVED);
    return gord_runner_admit(runner, group, out_seq);
}

/* A job that came back from the store with a gate, or on its way to one when the last daemon died. */
static int take_back(void *arg, struct gord_job *job)
{
    struct gord_runner *runner = arg;

    if (job->kind == GORD_GROUP && job->state == GOR__V1__JOB_STATE__WAITING) {
        return 0;
    }
    if (!job->taken && gord_group_is_shut(gord_bus_table(runner->bus), job) &&
        (job->state == GOR__V1__JOB_STATE__RUNNABLE || job->body->standing == NULL)) {
        return job->state == GOR__V1__JOB_STATE__CREATED
                   ? 0
                   : gord_runner_wait_for_group(runner, job, NULL);
    }
    if (job->taken || job->state == GOR__V1__JOB_STATE__RUNNING ||
        (job->state == GOR__V1__JOB_STATE__RUNNABLE &&
         (job->body == NULL || job->body->standing == NULL))) {
        return 0;
    }
    if (job->body->standing == NULL) {
        return gord_runner_queue(runner, job, NULL);
    }
    int result = gord_gates_enter(&runner->gates, job);
    if (result == 0 && job->state != GOR__V1__JOB_STATE__RUNNABLE) {
        return gord_runner_queue(runner, job, NULL);
    }
    gord_gates_look(&runner->gates, job);
    return result < 0 ? result : 0;
}

static int take_back_group(void *arg, struct gord_job *job)
{
    return job->kind == GORD_GROUP ? gord_runner_take_back_group(arg, job) : 0;
}

/* First what has ended already, for the rest may end groups. */
int gord_runner_take_back(struct gord_runner *runner)
{
    int result = gord_job_each(gord_bus_table(runner->bus), take_back_group, runner);

    return result != 0 ? result : gord_job_each(gord_bus_table(runner->bus), take_back, runner);
}

int gord_runner_open_gates(struct gord_runner *runner)
{
    int result = gord_gates_open(&runner->gates, runner->bus);

    runner->gates.opened = gate_opened;
    runner->gates.failed = gate_failed;
    runner->gates.expired = gate_expired;
    runner->gates.arg = runner;
    return result;
}

static int leave_gate(void *arg, struct gord_job *job)
{
    struct gord_runner *runner = arg;

    gord_gates_leave(&runner->gates, job);
    return 0;
}

void gord_runner_close_gates(struct gord_runner *runner)
{
    gord_job_each(gord_bus_table(runner->bus), leave_gate, runner);
    gord_gates_close(&runner->gates);
}
