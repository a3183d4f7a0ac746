/* SPDX-License-Identifier: MIT */
/* runner_control.c - starting jobs is paused, and jobs are asked, or forced, to end. */
#include <errno.h>

#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/runner/runner_inside.h"

int gord_runner_cancel(struct gord_runner *runner, struct gord_job *job, const char *cause,
                       uint64_t *out_seq)
{
    uint64_t id = job->id;
    uint64_t seq = job->last_seq;
    int result = 0;

    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        return -EINVAL;
    }
    if (job->body == NULL || job->body->cancel == NULL) {
        result = gord_bus_emit(runner->bus, gord_event_new(GORD_EVENT_CANCEL_REQUESTED, id, cause),
                               &seq);
    }
    GORD_CRASHPOINT(CANCEL_ENTERED);
    struct gord_run *run = gord_runner_run_of(job);
    if (result == 0 && run != NULL) {
        gord_run_cancel(run, cause);
    } else if (result == 0) {
        /* Queued, or its start is still on its way to the disk: it never runs. */
        result = gord_bus_emit(
            runner->bus, gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 0, cause), &seq);
    }
    if (result == 0 && out_seq != NULL) {
        *out_seq = seq;
    }
    return result;
}

int gord_runner_terminate(struct gord_runner *runner, struct gord_job *job, const char *cause,
                          uint64_t *out_seq)
{
    uint64_t id = job->id;

    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        return -EINVAL;
    }
    if (job->body != NULL && job->body->cancel != NULL &&
        job->body->cancel->kind == GORD_EVENT_TERMINATE_REQUESTED) {
        return -EALREADY;
    }
    int result = gord_bus_emit(runner->bus,
                               gord_event_new(GORD_EVENT_TERMINATE_REQUESTED, id, cause), out_seq);
    struct gord_run *run = gord_runner_run_of(job);
    if (result == 0 && run != NULL) {
        gord_run_force(run, cause);
    } else if (result == 0) {
        result = gord_bus_emit(runner->bus,
                               gord_event_finished(id, GOR__V1__OUTCOME__CANCELLED, 0, 0, cause),
                               out_seq);
    }
    return result;
}

void gord_runner_set_paused(struct gord_runner *runner, bool paused)
{
    runner->paused = paused;
    gord_bus_wake(runner->bus);
}

bool gord_runner_is_paused(const struct gord_runner *runner)
{
    return runner->paused;
}

struct each_cancel {
    struct gord_runner *runner;
    const char *cause;
    bool abandon;
};

static int cancel_taken(void *arg, struct gord_job *job)
{
    struct each_cancel *each = arg;

    if (each->abandon) {
        gord_log(GORD_LOG_WARNING, job->id, "%s", each->cause);
        gord_bus_emit(each->runner->bus,
                      gord_event_finished(job->id, GOR__V1__OUTCOME__CANCELLED, 0, 0, each->cause),
                      NULL);
    } else {
        gord_runner_cancel(each->runner, job, each->cause, NULL);
    }
    return 0;
}

void gord_runner_drain(struct gord_runner *runner, const char *cause, void (*emptied)(void *arg),
                       void *arg)
{
    struct each_cancel each = {runner, cause, false};

    runner->draining = true;
    runner->emptied = emptied;
    runner->emptied_arg = arg;
    runner->cascade.off = true; /* what is queued stays for the next start */
    gord_job_each_taken(gord_bus_table(runner->bus), cancel_taken, &each);
    gord_bus_wake(runner->bus);
}

void gord_runner_hurry(struct gord_runner *runner)
{
    gor_ctx_cancel_async(runner->env.hurry, "the daemon is in a hurry");
}

void gord_runner_abandon(struct gord_runner *runner, const char *detail)
{
    struct each_cancel each = {runner, detail, true};

    gord_job_each_taken(gord_bus_table(runner->bus), cancel_taken, &each);
}
