/* SPDX-License-Identifier: MIT */
#include "daemon/runner/runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/job/queues.h"
#include "daemon/lua/script.h"
#include "daemon/runner/child.h"
#include "daemon/runner/finish.h"
#include "daemon/runner/limits.h"
#include "daemon/runner/runner_inside.h"

#define SPECS_PER_READ 1024

/* ------------------------------------------------------------------ starting */

static int give_spec(void *arg, const struct gord_row *row)
{
    struct gord_runner *runner = arg;
    int result = gord_job_give_spec(gord_bus_table(runner->bus), row->id, row->spec, row->uid,
                                    row->created_ns);

    return result == -ENOENT ? 0 : result;
}

int gord_runner_need_spec(struct gord_runner *runner, struct gord_job *job)
{
    int result = 0;

    if (job->body == NULL || job->body->spec == NULL) {
        result = gord_reader_specs(gord_bus_reader(runner->bus), job->id, SPECS_PER_READ, give_spec,
                                   runner);
    }
    if (result == 0 && (job->body == NULL || job->body->spec == NULL)) {
        result = -ENOENT;
    }
    return result;
}

void gord_runner_fail_to_start(struct gord_runner *runner, uint64_t id, const char *what, int error)
{
    char detail[160];

    snprintf(detail, sizeof(detail), "cannot start: %s: %s", what, strerror(-error));
    gord_log(GORD_LOG_ERROR, id, "%s", detail);
    gord_bus_emit(runner->bus, gord_event_finished(id, GOR__V1__OUTCOME__SPAWN_ERROR, 0, 0, detail),
                  NULL);
}

/* The job above, past a group, which has no context; NULL: there is none that lives. */
static struct gord_job *parent_of(struct gord_runner *runner, const struct gord_spec *spec)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    struct gord_job *parent = spec->parent_id != 0 ? gord_job_find(table, spec->parent_id) : NULL;

    if (parent != NULL && parent->kind == GORD_GROUP) {
        uint64_t id = parent->body->spec->parent_id;
        parent = id != 0 ? gord_job_find(table, id) : NULL;
    }
    return parent;
}

/* The run under whose context it runs; NULL: its parent has none. */
static struct gord_run *run_above(struct gord_runner *runner, const struct gord_spec *spec)
{
    const struct gord_job *parent = parent_of(runner, spec);

    return parent != NULL ? gord_runner_run_of(parent) : NULL;
}

/* On the loop, which must not wait for a place. Long jobs mostly wait; but what a plug-in does with its stack
 * is not known. */
static int put_on_goroutine(struct gord_run *run)
{
    struct gor_go_opts opts = {.name = run->name,
                               .out_id = &run->goroutine,
                               .at_ceiling = GOR_CEILING_REFUSE,
                               .quota = run->quota};

    if (run->spec->kind != GORD_NATIVE) {
        opts.hibernation = GOR_HIBERNATE_MAY;
    }
    if (run->spec->kind == GORD_LUA) {
        opts.stack_bytes = GORD_LUA_STACK_BYTES;
    }
    int result = gor_go_with(&opts, gord_run_main, gord_run_ref(run));
    if (result != 0) {
        gord_run_unref(run);
    }
    return result;
}

/* What it starts counts in a quota of its own, by which it can be paused, below that of its kind. */
static int give_quota(struct gord_run *run, struct gor_quota *above)
{
    if (run->spec->kind == GORD_EXEC) {
        return 0;
    }
    run->quota =
        run->job != NULL ? gor_quota_ref(run->job->quota) : gor_quota_new_below(above, UINT64_MAX);
    return run->quota != NULL ? 0 : -ENOMEM;
}

static int start_run(struct gord_runner *runner, struct gord_run *run)
{
    struct gor_quota *quota = gord_admission_quota(&runner->admission, run->spec->kind);
    int result = 0;

    if (run->spec->is_plugin) {
        result = gord_plugins_begin(runner->plugins, run, quota);
    }
    if (result == 0) {
        result = give_quota(run, quota);
    }
    if (result == 0) {
        result = put_on_goroutine(run);
    }
    if (result != 0) {
        gord_plugins_withdraw(runner->plugins, run->job);
    }
    return result;
}

static void tell_of_log(struct gord_runner *runner, uint64_t id)
{
    if (runner->on_log != NULL && !runner->stopped) {
        runner->on_log(runner->on_log_arg, id);
    }
}

int gord_runner_launch_from(struct gord_runner *runner, struct gord_job *job,
                            Gor__Handover__Run *note)
{
    struct gord_spec *spec = job->body->spec;
    struct gord_run *run = gord_run_new(&runner->env, job, run_above(runner, spec));
    int result = -ENOMEM;

    if (run != NULL && note != NULL) {
        gord_run_take_over(run, note);
    }
    if (run != NULL) {
        result = start_run(runner, run);
    }
    if (result != 0) {
        if (run != NULL) {
            run->taken_over = NULL; /* the caller's still */
        }
        gord_run_unref(run);
        return result;
    }
    job->body->run = run;
    gord_heartbeat_begin(&runner->heartbeats, run);
    if (spec->kind != GORD_EXEC) {
        runner->admission.counted_running++;
        gord_sampler_add(&runner->sampler, run);
    }
    /* Those who follow its log from before its start join it now: of some no event comes later. */
    tell_of_log(runner, job->id);
    return 0;
}

static int launch(struct gord_runner *runner, struct gord_job *job)
{
    return gord_runner_launch_from(runner, job, NULL);
}

static bool is_to_launch(const struct gord_job *job)
{
    return job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED && job->body != NULL &&
           job->body->run == NULL;
}

/* In its turn: behind those that wait for a place. */
static void launch_or_line_up(struct gord_runner *runner, struct gord_job *job)
{
    static const char reason[] = "a place for its goroutine";
    uint64_t id = job->id;
    int result = -EAGAIN;

    if (gord_admission_first(&runner->admission) == 0) {
        result = launch(runner, job);
    }
    if (result == -EAGAIN) {
        result = gord_admission_line_up(&runner->admission, id);
        if (result == 0) {
            gord_bus_emit(runner->bus, gord_event_state(id, GOR__V1__JOB_STATE__WAITING, reason),
                          NULL);
        }
    }
    if (result != 0) {
        gord_runner_fail_to_start(runner, id, "no goroutine", result);
    }
}

/* Those who wait for a place, as far as there are any. */
static void serve_line(struct gord_runner *runner)
{
    uint64_t id = 0;

    while ((id = gord_admission_first(&runner->admission)) != 0) {
        struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), id);
        int result = is_to_launch(job) ? launch(runner, job) : -ENOENT;
        if (result == -EAGAIN) {
            gord_admission_want(&runner->admission);
            return;
        }
        gord_admission_drop_first(&runner->admission);
        if (result == 0) {
            gord_bus_emit(runner->bus, gord_event_state(id, GOR__V1__JOB_STATE__RUNNING, ""), NULL);
        } else if (result != -ENOENT) {
            gord_runner_fail_to_start(runner, id, "no goroutine", result);
        }
    }
}

/* The start is put on record first, and the job launched when that is on disk: after a crash it is
 * lost then, but never run twice. */
static void start_job(struct gord_runner *runner, struct gord_job *job)
{
    uint64_t id = job->id;
    int result = gord_runner_need_spec(runner, job);

    if (result == 0) {
        result = gord_bus_emit(runner->bus, gord_event_started(id, 0, 0, 0), NULL);
    }
    if (result != 0) {
        gord_runner_fail_to_start(runner, id, "cannot read what to do from the store", result);
    }
}

/* The kinds that have room for goroutines, as bits; *room of each is how much. */
static unsigned kinds_with_room(struct gord_runner *runner, uint64_t room[GORD_KIND_COUNT])
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(runner->bus));
    unsigned kinds = 0;

    for (int kind = 0; kind < GORD_KIND_COUNT; kind++) {
        room[kind] = UINT64_MAX;
        if (counts->queued[kind] > 0 && counts->taken[kind] < runner->slots[kind]) {
            room[kind] = gord_admission_room(&runner->admission, (enum gord_job_kind)kind);
        }
        if (room[kind] > 0) {
            kinds |= 1U << kind;
        } else {
            gord_admission_want(&runner->admission);
        }
    }
    return kinds;
}

static void start_jobs(struct gord_runner *runner)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    const struct gord_job_counts *counts = gord_job_counts(table);
    uint64_t room[GORD_KIND_COUNT];
    unsigned kinds = kinds_with_room(runner, room);
    struct gord_job *job;

    while (kinds != 0 && (job = gord_job_take_of(table, kinds)) != NULL) {
        unsigned kind = job->kind;
        start_job(runner, job);
        if (--room[kind] == 0) {
            kinds &= ~(1U << kind);
            if (counts->queued[kind] > 0) {
                gord_admission_want(&runner->admission);
            }
        }
    }
}

/* ------------------------------------------------------------------ following the ring */

static void end_run(struct gord_runner *runner, struct gord_job *job)
{
    struct gord_run *run = gord_runner_run_of(job);

    if (run != NULL) {
        gord_sampler_remove(&runner->sampler, run);
        gord_heartbeat_end(&runner->heartbeats, run);
        gord_reporters_remove(&runner->reporters, atomic_load(&run->reporter));
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
        gord_log(GORD_LOG_ERROR, job->id, "out of memory: jobs that wait for it learn it late");
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
        if (runner->waiting != NULL && events[i]->kind == GORD_EVENT_FINISHED) {
            gord_child_ended(&runner->waiting, events[i]);
        }
        if (events[i]->kind != GORD_EVENT_STARTED || events[i]->pid != 0) {
            continue;
        }
        struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), events[i]->job_id);
        if (job != NULL && job->state == GOR__V1__JOB_STATE__RUNNING && is_to_launch(job)) {
            GORD_CRASHPOINT(START_COMMITTED);
            launch_or_line_up(runner, job);
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
    if (runner->draining) {
        if (runner->emptied != NULL && gord_runner_running(runner) == 0) {
            void (*emptied)(void *) = runner->emptied;
            runner->emptied = NULL;
            emptied(runner->emptied_arg);
        }
        return;
    }
    serve_line(runner);
    if (!runner->paused && runner->store_error == 0) {
        start_jobs(runner);
        gord_runner_await_token(runner);
    }
}

static void on_note(void *arg, struct gord_inbox_item *item)
{
    struct gord_runner *runner = arg;
    struct gord_run *run = (struct gord_run *)((char *)item - offsetof(struct gord_run, note));

    /* First, so that what is written from here on makes a note of its own. */
    atomic_store(&run->noted, false);
    tell_of_log(runner, run->id);
    gord_run_unref(run);
}

static void on_errand(void *arg, struct gord_inbox_item *item)
{
    struct gord_errand *errand =
        (struct gord_errand *)((char *)item - offsetof(struct gord_errand, link));

    errand->fn(arg, errand);
}

static void on_written(void *arg, struct gord_inbox_item *item)
{
    struct gord_input_write *write =
        (struct gord_input_write *)((char *)item - offsetof(struct gord_input_write, link));
    struct gor_ctx *ctx = atomic_load(&write->ctx);

    (void)arg;
    gord_run_unref(write->run);
    write->run = NULL;
    if (ctx != NULL) {
        gor_ctx_unref(ctx);
    }
    write->done(write);
}

/* ------------------------------------------------------------------ looking in */

struct gord_run *gord_runner_run_of(const struct gord_job *job)
{
    return job->body != NULL ? job->body->run : NULL;
}

const char *gord_runner_why_queued(const struct gord_runner *runner, enum gord_job_kind kind,
                                   char *out, size_t out_bytes)
{
    static const char *const articles[] = {
        [GORD_EXEC] = "an exec", [GORD_NATIVE] = "a native", [GORD_LUA] = "a Lua"};
    uint64_t taken = gord_job_counts(gord_bus_table(runner->bus))->taken[kind];

    out[0] = '\0';
    if (runner->draining) {
        snprintf(out, out_bytes, "the daemon stops; it starts with the next one");
    } else if (runner->paused) {
        snprintf(out, out_bytes, "starting jobs is paused");
    } else if (runner->store_error != 0) {
        snprintf(out, out_bytes, "the store refuses to write: %s", strerror(-runner->store_error));
    } else if (taken >= runner->slots[kind]) {
        snprintf(out, out_bytes, "waits for %s slot (%" PRIu64 " of %u busy)", articles[kind],
                 taken, runner->slots[kind]);
    } else {
        gord_admission_why(&runner->admission, kind, out, out_bytes);
    }
    return out;
}

const char *gord_runner_why(const struct gord_runner *runner, const struct gord_job *job, char *out,
                            size_t out_bytes)
{
    struct gord_why why;

    if (!runner->draining && !runner->paused && runner->store_error == 0) {
        gord_queues_why_short(gord_bus_table(runner->bus), job, &why);
        if (why.text[0] != '\0') {
            snprintf(out, out_bytes, "%s", why.text);
            return out;
        }
    }
    return gord_runner_why_queued(runner, (enum gord_job_kind)job->kind, out, out_bytes);
}

bool gord_runner_refuses(const struct gord_runner *runner, enum gord_job_kind kind, uint64_t count,
                         char *out, size_t out_bytes)
{
    uint64_t queued = gord_job_counts(gord_bus_table(runner->bus))->queued[kind];
    uint64_t room = 0;

    if (!runner->refuse_at_ceiling || count == 0) {
        return false;
    }
    room = gord_admission_room(&runner->admission, kind);
    if (count <= room && queued <= room - count) {
        return false;
    }
    gord_admission_why(&runner->admission, kind, out, out_bytes);
    if (out[0] == '\0') {
        snprintf(out, out_bytes,
                 "there are places for %" PRIu64 " more jobs, and %" PRIu64 " are queued already",
                 room, queued);
    }
    return true;
}

bool gord_runner_can_hold(const struct gord_runner *runner, const Gor__V1__Limits *limits,
                          char *out, size_t out_bytes)
{
    return gord_limits_can_hold(limits, &runner->env.cgroups, out, out_bytes);
}

bool gord_runner_quota(const struct gord_runner *runner, struct gor_quota_stats *out_stats)
{
    if (runner->admission.quota == NULL) {
        return false;
    }
    gor_quota_stats_get(runner->admission.quota, out_stats);
    return true;
}

uint64_t gord_runner_in_line(const struct gord_runner *runner)
{
    return runner->admission.line_count;
}

/* The job may have ended since it said its first word. */
void gord_runner_add_reporter(struct gord_runner *runner, struct gord_reporter *reporter)
{
    struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), reporter->run->id);

    if (job != NULL && gord_runner_run_of(job) == reporter->run) {
        gord_reporters_add(&runner->reporters, reporter);
    }
}

struct gord_reporters *gord_runner_reporters(struct gord_runner *runner)
{
    return &runner->reporters;
}

void gord_runner_on_child(struct gord_runner *runner,
                          void (*fn)(void *arg, struct gord_child_request *request), void *arg)
{
    runner->on_child = fn;
    runner->on_child_arg = arg;
}

void gord_runner_submit_child(struct gord_runner *runner, struct gord_child_request *request)
{
    if (runner->on_child != NULL && !runner->stopped) {
        runner->on_child(runner->on_child_arg, request);
    } else {
        gord_child_answer(request, -ECANCELED);
    }
}

void gord_runner_add_waiting(struct gord_runner *runner, struct gord_child_request *request)
{
    request->next = runner->waiting;
    runner->waiting = request;
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

void gord_runner_on_log(struct gord_runner *runner, void (*fn)(void *arg, uint64_t id), void *arg)
{
    runner->on_log = fn;
    runner->on_log_arg = arg;
}

void gord_runner_on_subjob(struct gord_runner *runner, const struct gord_subjob_handler *handler)
{
    runner->subjobs = *handler;
}

void gord_runner_ask(struct gord_runner *runner, struct gord_subjob *subjob)
{
    if (runner->subjobs.ask == NULL || runner->stopped) {
        gord_subjob_refuse(subjob, -ESRCH, "the daemon takes no jobs just now");
    } else {
        runner->subjobs.ask(runner->subjobs.arg, subjob);
    }
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
                                                 .log_cap_bytes = opts->log_cap_bytes,
                                                 .finish_hook = opts->finish_hook});
    gord_rlimits_read_own(&runner->env.rlimits, &opts->nofile);
    gord_children_init(&runner->env.children);
    runner->hook = (struct gord_bus_hook){.applied = on_applied,
                                          .committed = on_committed,
                                          .health = on_health,
                                          .flush = on_flush,
                                          .arg = runner};
}

static int open_inboxes(struct gord_runner *runner)
{
    uv_loop_t *loop = gord_bus_loop(runner->bus);
    int result = gord_inbox_init(&runner->notes, loop, on_note, runner);

    if (result != 0) {
        return result;
    }
    result = gord_inbox_init(&runner->errands, loop, on_errand, runner);
    if (result == 0) {
        result = gord_inbox_init(&runner->written, loop, on_written, runner);
        if (result != 0) {
            gord_inbox_close(&runner->errands);
        }
    }
    if (result != 0) {
        gord_inbox_close(&runner->notes);
    }
    return result;
}

static void close_inboxes(struct gord_runner *runner)
{
    gord_inbox_close(&runner->notes);
    gord_inbox_close(&runner->errands);
    gord_inbox_close(&runner->written);
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
    return result != 0 ? result : open_inboxes(runner);
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
        close_inboxes(runner);
        return result;
    }
    result = gord_runner_open_control(runner);
    if (result != 0) {
        close_inboxes(runner);
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

void gord_runner_stop(struct gord_runner *runner)
{
    if (runner == NULL || runner->stopped) {
        return;
    }
    runner->stopped = true;
    close_inboxes(runner);
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
    while (runner->waiting != NULL) {
        struct gord_child_request *request = runner->waiting;
        runner->waiting = request->next;
        gord_child_answer(request, -ECANCELED);
    }
    gord_plugins_free(runner->plugins);
    gord_cascade_fini(&runner->cascade);
    gord_admission_fini(&runner->admission);
    gord_gates_fini(&runner->gates);
    gord_runner_fini_control(runner);
    gord_children_fini(&runner->env.children);
    gord_cgroups_close(&runner->env.cgroups);
    gord_run_env_close(&runner->env);
    free(runner);
}
