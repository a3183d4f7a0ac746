/* SPDX-License-Identifier: MIT */
#include "daemon/runner/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/assert.h"
#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/job/queues.h"
#include "daemon/runner/finish.h"
#include "daemon/runner/runner_inside.h"

/* ------------------------------------------------------------------ following the ring */

static void end_run(struct gord_runner *runner, struct gord_job *job)
{
    struct gord_run *run = gord_runner_run_of(job);

    if (run != NULL) {
        gord_sampler_remove(&runner->sampler, run);
        gord_heartbeat_end(&runner->heartbeats, run);
        gord_reporters_remove(atomic_load(&run->reporter));
        gord_plugins_end(runner->plugins, run->job);
        job->body->run = NULL;
        gord_run_unref(run);
        runner->admission.counted_running -= job->kind != GORD_EXEC;
    }
}

/* Its end was asked for after its run had ended. */
static void end_if_cancelled(struct gord_runner *runner, const struct gord_job *job)
{
    const struct gord_event *cancel = job->body != NULL ? job->body->cancel : NULL;

    if (cancel != NULL) {
        gord_bus_emit(runner->bus,
                      gord_event_finished(job->id, GOR__V1__OUTCOME__CANCELLED, 0, 0, cancel->text),
                      NULL);
    }
}

static void on_applied(void *arg, struct gord_event *event, struct gord_job *job)
{
    struct gord_runner *runner = arg;

    if (job->body != NULL && job->body->gate != NULL &&
        (event->kind == GORD_EVENT_FINISHED || event->kind == GORD_EVENT_STARTED)) {
        gord_gates_leave(&runner->gates, job);
    }
    if (runner->gates.index.count > 0 &&
        (event->kind == GORD_EVENT_FINISHED || event->kind == GORD_EVENT_STARTED) &&
        gord_gates_tell(&runner->gates, job) != 0) {
        gord_log_of(GORD_LOG_ERROR, job->id, gord_queues_of(gord_bus_table(runner->bus), job->id),
                    "out of memory: jobs that wait for it learn it late");
    }
    if ((event->kind == GORD_EVENT_FINISHED || event->kind == GORD_EVENT_STARTED) &&
        event->spec != NULL && event->spec->array_id != 0) {
        gord_runner_task_moved(runner, job, event);
    }
    if (event->kind == GORD_EVENT_FINISHED || event->kind == GORD_EVENT_RETRYING) {
        end_run(runner, job);
        gord_cascade_add(&runner->cascade, gord_bus_table(runner->bus), job->id, "ended", false);
        if (event->kind == GORD_EVENT_RETRYING) {
            gord_runner_wait_for_retry(runner, job);
        }
    } else if (event->kind == GORD_EVENT_REQUEUED) {
        end_run(runner, job);
        end_if_cancelled(runner, job);
    } else if (event->kind == GORD_EVENT_CANCEL_REQUESTED ||
               event->kind == GORD_EVENT_TERMINATE_REQUESTED) {
        bool force = event->kind == GORD_EVENT_TERMINATE_REQUESTED;
        char what[256];
        snprintf(what, sizeof(what), "was %s: %s", force ? "terminated" : "cancelled", event->text);
        gord_cascade_add(&runner->cascade, gord_bus_table(runner->bus), job->id, what, force);
    }
    if (event->kind == GORD_EVENT_FINISHED) {
        gord_finish_hooks(runner, event, job);
    }
}

static void on_committed(void *arg, struct gord_event *const *events, size_t count)
{
    struct gord_runner *runner = arg;

    for (size_t i = 0; i < count; i++) {
        if (events[i]->kind != GORD_EVENT_STARTED || events[i]->pid != 0) {
            continue;
        }
        struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), events[i]->job_id);
        if (job != NULL && job->state == GOR__V1__JOB_STATE__RUNNING &&
            gord_runner_is_to_launch(job)) {
            GORD_CRASHPOINT(START_COMMITTED);
            gord_runner_launch(runner, job);
            GORD_CRASHPOINT(START_LAUNCHED);
        }
    }
}

static void on_health(void *arg, int error, const char *text)
{
    struct gord_runner *runner = arg;

    (void)text;
    runner->store_error = error;
}

/* There may be places now. */
static void on_places(void *arg)
{
    struct gord_runner *runner = arg;

    gord_bus_wake(runner->bus);
}

static void cancel_child(void *arg, uint64_t id, const char *cause, bool force)
{
    struct gord_runner *runner = arg;
    struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), id);

    if (job != NULL && force) {
        gord_runner_terminate(runner, job, cause, NULL);
    } else if (job != NULL) {
        gord_runner_cancel(runner, job, cause, NULL);
    }
}

static void on_flush(void *arg)
{
    struct gord_runner *runner = arg;

    gord_cascade_run(&runner->cascade, gord_bus_table(runner->bus), cancel_child, runner);
    if (runner->gates.news_count > 0) {
        gord_gates_flush(&runner->gates);
    }
    if (runner->awaiting && gord_runner_goes_on_awaiting(runner)) {
        return;
    }
    if (runner->draining) {
        if (runner->emptied != NULL && gord_runner_running(runner) == 0) {
            void (*emptied)(void *) = runner->emptied;
            runner->emptied = NULL;
            emptied(runner->emptied_arg);
        }
        return;
    }
    gord_runner_serve_line(runner);
    if (!runner->paused && runner->store_error == 0) {
        gord_runner_start_jobs(runner);
        gord_runner_await_token(runner);
    }
}

/* ------------------------------------------------------------------ looking in */

struct gord_run *gord_runner_run_of(const struct gord_job *job)
{
    return job->body != NULL ? job->body->run : NULL;
}

struct gord_bus *gord_runner_bus(const struct gord_runner *runner)
{
    return runner->bus;
}

struct gord_plugins *gord_runner_plugins(const struct gord_runner *runner)
{
    return runner->plugins;
}

const struct gord_cgroups *gord_runner_cgroups(const struct gord_runner *runner)
{
    return &runner->env.cgroups;
}

unsigned gord_runner_slots(const struct gord_runner *runner, enum gord_job_kind kind)
{
    return runner->slots[kind];
}

const char *gord_runner_log_root(const struct gord_runner *runner)
{
    return runner->env.log_root;
}

/* ------------------------------------------------------------------ life cycle */

static void fill(struct gord_runner *runner, const struct gord_runner_opts *opts)
{
    runner->bus = opts->bus;
    runner->paused = opts->paused;
    runner->env = (struct gord_run_env){.bus = opts->bus,
                                        .notes = &runner->notes,
                                        .errands = &runner->errands,
                                        .heartbeats = &runner->heartbeats,
                                        .written = &runner->written,
                                        .log_root = opts->log_root};
    gord_runner_set(runner,
                    &(struct gord_runner_change){.slots = {[GORD_EXEC] = opts->exec_slots,
                                                           [GORD_NATIVE] = opts->native_slots,
                                                           [GORD_LUA] = opts->lua_slots},
                                                 .refuse_at_ceiling = opts->refuse_at_ceiling,
                                                 .grace_ns = opts->grace_ns,
                                                 .stop_policy = opts->stop_policy,
                                                 .new_privs = opts->new_privs,
                                                 .log_cap_bytes = opts->log_cap_bytes,
                                                 .finish_hook = opts->finish_hook,
                                                 .finish_hook_url = opts->finish_hook_url,
                                                 .signer = opts->signer});
    gord_rlimits_read_own(&runner->env.rlimits, &opts->nofile);
    gord_children_init(&runner->env.children);
    gord_reporters_init(&runner->reporters);
    gord_sparing_init(&runner->env.refusals);
    runner->hook = (struct gord_bus_hook){.applied = on_applied,
                                          .committed = on_committed,
                                          .health = on_health,
                                          .flush = on_flush,
                                          .arg = runner};
}

/* What jobs run in: control groups, contexts, ways to the loop. */
static int open_env(struct gord_runner *runner, const struct gord_runner_opts *opts)
{
    int result = gord_cgroups_open(&runner->env.cgroups, opts->cgroup, opts->handed);

    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "%s", runner->env.cgroups.why);
        return result;
    }
    result = gord_run_env_open(&runner->env);
    return result != 0 ? result : gord_runner_open_inboxes(runner);
}

/* Where they get their places and functions from. */
static int open_supplies(struct gord_runner *runner, const struct gord_runner_opts *opts)
{
    const struct gord_plugins_opts plugins = {.loop = gord_bus_loop(opts->bus),
                                              .folder = opts->plugin_folder,
                                              .copies = opts->plugin_copies};
    int result =
        gord_admission_open(&runner->admission, opts->max_goroutines, gord_bus_loop(opts->bus),
                            gord_job_counts(gord_bus_table(opts->bus)));

    if (result != 0) {
        gord_runner_close_inboxes(runner);
        return result;
    }
    result = gord_runner_open_control(runner);
    if (result != 0) {
        gord_runner_close_inboxes(runner);
        return result;
    }
    result = gord_runner_open_gates(runner);
    return result != 0 ? result : gord_plugins_open(&plugins, &runner->plugins);
}

int gord_runner_start(const struct gord_runner_opts *opts, struct gord_runner **out_runner)
{
    struct gord_runner *runner = calloc(1, sizeof(*runner));

    if (runner == NULL) {
        return -ENOMEM;
    }
    fill(runner, opts);
    int result = open_env(runner, opts);
    if (result != 0) {
        gord_cgroups_close(&runner->env.cgroups);
        gord_children_fini(&runner->env.children);
        gord_sparing_fini(&runner->env.refusals);
        free(runner);
        return result;
    }
    result = open_supplies(runner, opts);
    if (result != 0) {
        return result; /* its handles are open: the process is about to end, so the memory stays */
    }
    gord_admission_on_look(&runner->admission, on_places, runner);
    gord_sampler_init(&runner->sampler, opts->bus);
    gord_bus_follow(opts->bus, &runner->hook);
    result = opts->handed != NULL ? gord_runner_expect(runner, opts->handed) : 0;
    gord_reaper_start(&runner->reaper, gord_bus_loop(opts->bus), &runner->env.children);
    if (result == 0) {
        result = gord_runner_settle(runner, opts->handed);
    }
    if (result != 0) {
        gord_runner_stop(runner);
        return result; /* as above */
    }
    gord_bus_wake(opts->bus);
    *out_runner = runner;
    return 0;
}

bool gord_runner_is_looking(const struct gord_runner *runner)
{
    return runner->heartbeats.looks > 0;
}

void gord_runner_stop(struct gord_runner *runner)
{
    if (runner == NULL || runner->stopped) {
        return;
    }
    runner->stopped = true;
    gord_runner_close_inboxes(runner);
    gord_admission_close(&runner->admission);
    gord_plugins_close(runner->plugins);
    gord_runner_close_gates(runner);
    gord_runner_close_control(runner);
    gord_sampler_close(&runner->sampler);
    gord_reaper_stop(&runner->reaper);
}

void gord_runner_free(struct gord_runner *runner)
{
    if (runner == NULL) {
        return;
    }
    GORD_ASSERT(runner->stopped);
    gord_plugins_free(runner->plugins);
    gord_cascade_fini(&runner->cascade);
    gord_admission_fini(&runner->admission);
    gord_gates_fini(&runner->gates);
    gord_runner_fini_control(runner);
    gord_children_fini(&runner->env.children);
    gord_sparing_fini(&runner->env.refusals);
    gord_cgroups_close(&runner->env.cgroups);
    gord_run_env_close(&runner->env);
    gord_signer_unref(runner->env.signer);
    free(runner);
}
