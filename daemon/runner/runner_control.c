/* SPDX-License-Identifier: MIT */
/* runner_control.c - starting jobs, or those of a queue, is paused, and jobs are asked, or forced, to
 * end. */
#include <errno.h>

#include "daemon/base/crashpoint.h"
#include "daemon/job/queues.h"
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
    } else if (result == 0 && job->kind == GORD_GROUP) { /* which ends after its tasks */
        gord_runner_end_if_over(runner, job);
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
    } else if (result == 0 && job->kind == GORD_GROUP) {
        gord_runner_end_if_over(runner, job);
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

static void on_pause_over(uv_timer_t *timer)
{
    gord_runner_queues_changed(timer->data);
}

void gord_runner_queues_changed(struct gord_runner *runner)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    int64_t next_ns = gord_queues_next_resume(table);
    int64_t wait_ms = (next_ns - gord_event_clock()) / GOR_MILLISECOND + 1;

    uv_timer_stop(&runner->pause_over);
    if (next_ns != 0) {
        /* A clock that is set on must not make it late for long. */
        wait_ms = wait_ms < 60000 ? wait_ms : 60000;
        uv_timer_start(&runner->pause_over, on_pause_over, wait_ms > 0 ? (uint64_t)wait_ms : 1, 0);
    }
    gord_queues_touch(table);
    gord_bus_wake(runner->bus);
}

static void on_token(void *arg, struct gord_alarm_entry *entry)
{
    struct gord_runner *runner = arg;

    (void)entry;
    gord_queues_touch(gord_bus_table(runner->bus));
    gord_bus_wake(runner->bus);
}

void gord_runner_await_token(struct gord_runner *runner)
{
    int64_t when_ns = gord_queues_next_token(gord_bus_table(runner->bus));

    if (when_ns == 0) {
        gord_alarm_clear(&runner->tokens, &runner->next_token);
    } else if (gord_alarm_set(&runner->tokens, &runner->next_token, when_ns) != 0) {
        gord_log(GORD_LOG_ERROR, 0,
                 "out of memory: jobs that wait for a rate start with the next change");
    }
}

int gord_runner_open_control(struct gord_runner *runner)
{
    int result = gord_alarm_open(&runner->tokens, gord_bus_loop(runner->bus), CLOCK_BOOTTIME,
                                 on_token, runner);

    if (result == 0) {
        result = gord_heartbeats_open(&runner->heartbeats, runner->bus);
    }
    if (result != 0) {
        return result;
    }
    uv_timer_init(gord_bus_loop(runner->bus), &runner->pause_over);
    runner->pause_over.data = runner;
    gord_runner_queues_changed(runner);
    return 0;
}

void gord_runner_set(struct gord_runner *runner, const struct gord_runner_change *change)
{
    for (int kind = 0; kind < GORD_KIND_COUNT; kind++) {
        runner->slots[kind] = change->slots[kind];
        gord_queues_set_slots(gord_bus_table(runner->bus), (enum gord_job_kind)kind,
                              change->slots[kind]);
    }
    runner->refuse_at_ceiling = change->refuse_at_ceiling;
    runner->stop_policy = change->stop_policy;
    atomic_store_explicit(&runner->env.new_privs, change->new_privs, memory_order_relaxed);
    runner->finish_hook = change->finish_hook;
    runner->finish_hook_url = change->finish_hook_url;
    gord_bus_join_ends(runner->bus, change->finish_hook != NULL || change->finish_hook_url != NULL);
    runner->env.log_cap_bytes = change->log_cap_bytes;
    gord_signer_unref(runner->env.signer);
    runner->env.signer = gord_signer_ref(change->signer);
    atomic_store_explicit(&runner->env.grace_ns, change->grace_ns, memory_order_relaxed);
}

bool gord_runner_change(struct gord_runner *runner, const struct gord_runner_change *change)
{
    bool signs_otherwise = !gord_signer_equal(runner->env.signer, change->signer);

    gord_runner_set(runner, change);
    gord_runner_queues_changed(runner);
    return signs_otherwise;
}

void gord_runner_close_control(struct gord_runner *runner)
{
    uv_close((uv_handle_t *)&runner->pause_over, NULL);
    gord_alarm_close(&runner->tokens);
    gord_heartbeats_close(&runner->heartbeats);
}

void gord_runner_fini_control(struct gord_runner *runner)
{
    gord_alarm_fini(&runner->tokens);
    gord_heartbeats_fini(&runner->heartbeats);
}
