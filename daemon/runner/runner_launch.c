/* SPDX-License-Identifier: MIT */
/* runner_launch.c - queued jobs onto goroutines of their own, as slots and places allow. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/job/queues.h"
#include "daemon/lua/script.h"
#include "daemon/runner/runner_inside.h"

#define SPECS_PER_READ 1024

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
    gord_log_of(GORD_LOG_ERROR, id, gord_queues_of(gord_bus_table(runner->bus), id), "%s", detail);
    gord_bus_emit(runner->bus, gord_event_finished(id, GOR__V1__OUTCOME__SPAWN_ERROR, 0, 0, detail),
                  NULL);
}

/* The job above, past a group, which has no context; NULL: there is none that lives. */
static struct gord_job *parent_of(struct gord_runner *runner, const struct gord_spec *spec)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    struct gord_job *parent = spec->parent_id != 0 ? gord_job_find(table, spec->parent_id) : NULL;

    if (parent != NULL && parent->kind == GORD_GROUP) {
        uint64_t id = gord_job_parent_id(parent);
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

/* Those who follow its log join it before it can write anything: of some no event comes later, and who
 * holds it is to miss nothing. */
static void announce_run(struct gord_runner *runner, struct gord_job *job, struct gord_run *run)
{
    job->body->run = run;
    gord_runner_tell_of_log(runner, job->id);
}

/* It was not started. They let go of it, and join the next one; the note is the caller's still. */
static void withdraw_run(struct gord_runner *runner, struct gord_job *job, struct gord_run *run)
{
    run->taken_over = NULL;
    run->withdrawn = true;
    job->body->run = NULL;
    gord_runner_tell_of_log(runner, job->id);
    gord_run_unref(run);
}

int gord_runner_launch_from(struct gord_runner *runner, struct gord_job *job,
                            Gor__Handover__Run *note)
{
    struct gord_spec *spec = job->body->spec;
    struct gord_run *run = gord_run_new(&runner->env, job, run_above(runner, spec));

    if (run == NULL) {
        return -ENOMEM;
    }
    if (note != NULL) {
        gord_run_take_over(run, note);
    }
    announce_run(runner, job, run);
    int result = start_run(runner, run);
    if (result != 0) {
        withdraw_run(runner, job, run);
        return result;
    }
    if (runner->draining) {
        gord_runner_open_hold(runner, job, NULL);
    }
    gord_heartbeat_begin(&runner->heartbeats, run);
    if (spec->kind != GORD_EXEC) {
        runner->admission.counted_running++;
        gord_sampler_add(&runner->sampler, run);
    }
    return 0;
}

static int launch(struct gord_runner *runner, struct gord_job *job)
{
    return gord_runner_launch_from(runner, job, NULL);
}

bool gord_runner_is_to_launch(const struct gord_job *job)
{
    return job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED && job->body != NULL &&
           job->body->run == NULL;
}

void gord_runner_launch(struct gord_runner *runner, struct gord_job *job)
{
    static const char reason[] = "a place for its goroutine";
    uint64_t id = job->id;
    int result = -EAGAIN;

    if (gord_admission_first(&runner->admission) == 0) {
        result = launch(runner, job);
    }
    if (result == -EAGAIN && runner->draining && !runner->awaiting) {
        gord_runner_requeue(runner, job); /* nobody is served in that line any more */
        return;
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

void gord_runner_serve_line(struct gord_runner *runner)
{
    uint64_t id = 0;

    while ((id = gord_admission_first(&runner->admission)) != 0) {
        struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), id);
        int result = gord_runner_is_to_launch(job) ? launch(runner, job) : -ENOENT;
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

void gord_runner_start_below(struct gord_runner *runner)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    const struct gord_job_counts *counts = gord_job_counts(table);
    uint64_t room[GORD_KIND_COUNT];
    unsigned kinds = 0;
    size_t count = 0;
    uint64_t *ids = NULL;

    for (int kind = 0; kind < GORD_KIND_COUNT; kind++) {
        kinds |= counts->queued[kind] > 0 ? 1U << kind : 0;
    }
    kinds = kinds != 0 ? kinds & kinds_with_room(runner, room) : 0;
    gord_job_leave_turns(table);
    if (kinds != 0) {
        ids = gord_runner_list_below(runner, &count);
    }
    for (size_t i = 0; i < count && kinds != 0; i++) {
        struct gord_job *job = gord_job_find(table, ids[i]);
        if (job == NULL || (kinds & 1U << job->kind) == 0 || !gord_job_take_this(table, job)) {
            continue;
        }
        unsigned kind = job->kind;
        start_job(runner, job);
        if (--room[kind] == 0) {
            kinds &= ~(1U << kind);
        }
    }
    free(ids);
}

void gord_runner_start_jobs(struct gord_runner *runner)
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
