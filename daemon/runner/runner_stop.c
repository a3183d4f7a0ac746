/* SPDX-License-Identifier: MIT */
/* runner_stop.c - what becomes of running jobs when the daemon stops.
 *
 * A job that is to be queued again says so on record, if memory is left for that, before it is asked to end:
 * if the daemon is killed meanwhile, the next one queues it and counts no loss (sweep.c).
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/job/queues.h"
#include "daemon/runner/runner_inside.h"
#include "daemon/runner/unborn.h"

#define LEFT_AS_IT_IS "its program was not handed over in time; unless it still is, it is killed"

/* So long a start may take, once what hangs is killed, to say which process it made. */
#define BIRTH_NS (100 * GOR_MILLISECOND)

struct ids {
    uint64_t *items; /* owned */
    size_t count;
    size_t room;
};

static int note_id(void *arg, struct gord_job *job)
{
    struct ids *ids = arg;

    if (ids->count < ids->room) {
        ids->items[ids->count++] = job->id;
    }
    return 0;
}

static uint64_t count_taken(const struct gord_runner *runner)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(runner->bus));

    return counts->taken[GORD_EXEC] + counts->taken[GORD_NATIVE] + counts->taken[GORD_LUA];
}

/* Each job that runs, once: events that a visit causes move it in the table's list, behind the others. */
static void each_running(struct gord_runner *runner,
                         void (*visit)(struct gord_runner *runner, struct gord_job *job, void *arg),
                         void *arg)
{
    struct gord_job_table *table = gord_bus_table(runner->bus);
    struct ids ids = {.room = (size_t)count_taken(runner)};

    ids.items = calloc(ids.room + 1, sizeof(*ids.items));
    if (ids.items == NULL) {
        gord_log(GORD_LOG_ERROR, 0, "out of memory: running jobs are not told of the stop");
        return;
    }
    gord_job_each_taken(table, note_id, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        struct gord_job *job = gord_job_find(table, ids.items[i]);
        if (job != NULL && job->taken) {
            visit(runner, job, arg);
        }
    }
    free(ids.items);
}

struct gord_leave_plan {
    const struct gord_runner *runner;
    struct gord_ends *ends; /* of each kind */
};

static enum gord_stop_policy policy_of(const struct gord_runner *runner, const struct gord_job *job)
{
    const struct gord_spec *spec = job->body->spec;
    enum gord_stop_policy policy = spec->on_stop != GOR__V1__ON_STOP__ON_STOP_DEFAULT
                                       ? (enum gord_stop_policy)(spec->on_stop - 1)
                                       : runner->stop_policy;

    if (policy != GORD_STOP_LEAVE) {
        return policy;
    }
    return job->kind == GORD_EXEC ? GORD_STOP_WAIT : GORD_STOP_KILL;
}

static int queue_again(struct gord_runner *runner, const struct gord_job *job, const char *text)
{
    return gord_bus_emit(runner->bus,
                         gord_event_standing(GORD_EVENT_REQUEUED, job->id,
                                             gord_standing_copy(job->body->standing), text),
                         NULL);
}

void gord_runner_requeue(struct gord_runner *runner, struct gord_job *job)
{
    struct gord_run *run = gord_runner_run_of(job);

    if (job->body->cancel != NULL) {
        return;
    }
    if (run == NULL) {
        (void)queue_again(runner, job, GORD_STOP_REQUEUES);
    } else {
        /* Where no memory is left to note it first, its end notes it. It must come to that: one that is kept
         * from its start would do nothing else any more. */
        (void)gord_bus_emit(
            runner->bus,
            gord_event_state(job->id, (Gor__V1__JobState)job->state, GORD_STOP_REQUEUES), NULL);
        gord_run_requeue(run, GORD_STOP_REQUEUES);
    }
}

/* Its start is on record, and that is all: it has found no place for its goroutine yet. */
static bool stands_in_line(const struct gord_job *job)
{
    return job->state == GOR__V1__JOB_STATE__WAITING && gord_runner_run_of(job) == NULL;
}

static void put_back(struct gord_runner *runner, struct gord_job *job)
{
    bool has_started =
        job->state == GOR__V1__JOB_STATE__RUNNING || job->state == GOR__V1__JOB_STATE__WAITING;
    bool is_left = runner->leaving && job->kind == GORD_EXEC;

    if (has_started && (is_left || policy_of(runner, job) != GORD_STOP_KILL)) {
        gord_runner_requeue(runner, job);
    }
}

/* Nobody is served there any more: who was to go on has not begun, and so is queued again. Where no memory was
 * left to note that it waits, its place alone tells so. */
static void break_up_line(struct gord_runner *runner)
{
    uint64_t id = 0;

    while ((id = gord_admission_first(&runner->admission)) != 0) {
        struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), id);
        gord_admission_drop_first(&runner->admission);
        if (gord_runner_is_to_launch(job)) {
            put_back(runner, job);
        }
    }
}

static void stop_job(struct gord_runner *runner, struct gord_job *job, void *arg)
{
    (void)arg;
    if (runner->leaving && job->kind == GORD_EXEC) {
        return;
    }
    if (runner->patient) {
        return;
    }
    switch (policy_of(runner, job)) {
    case GORD_STOP_REQUEUE:
        gord_runner_requeue(runner, job);
        break;
    case GORD_STOP_KILL:
        gord_runner_cancel(runner, job, runner->stop_cause, NULL);
        break;
    default: /* it may go on for now */
        break;
    }
}

static int plan_leave(void *arg, struct gord_job *job)
{
    const struct gord_leave_plan *plan = arg;
    struct gord_ends *ends = &plan->ends[job->kind];

    if (job->kind == GORD_EXEC) {
        ends->requeued += stands_in_line(job);
        ends->awaited += !stands_in_line(job);
    } else if (job->body->cancel != NULL) {
        ends->cancelled++;
    } else {
        enum gord_stop_policy policy = policy_of(plan->runner, job);
        if (policy == GORD_STOP_WAIT && stands_in_line(job)) {
            policy = GORD_STOP_REQUEUE;
        }
        ends->requeued += policy == GORD_STOP_REQUEUE;
        ends->cancelled += policy == GORD_STOP_KILL;
        ends->awaited += policy == GORD_STOP_WAIT;
    }
    return 0;
}

void gord_runner_plan_leave(struct gord_runner *runner, struct gord_ends out[GORD_KIND_COUNT])
{
    struct gord_leave_plan plan = {runner, out};

    memset(out, 0, GORD_KIND_COUNT * sizeof(*out));
    gord_job_each_taken(gord_bus_table(runner->bus), plan_leave, &plan);
}

static int find_awaited(void *arg, struct gord_job *job)
{
    const struct gord_runner *runner = arg;

    return policy_of(runner, job) == GORD_STOP_WAIT;
}

bool gord_runner_awaits(struct gord_runner *runner)
{
    return gord_job_each_taken(gord_bus_table(runner->bus), find_awaited, runner) != 0;
}

static uint64_t count_inside(const struct gord_runner *runner)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(runner->bus));

    return counts->taken[GORD_NATIVE] + counts->taken[GORD_LUA];
}

/* Each program is the next daemon's from here on, and so is what is queued. Comes before anything else is
 * told to end, as gord_run_is_left() needs it. */
static void leave_programs(struct gord_runner *runner)
{
    runner->awaiting = false;
    runner->cascade.off = true;
    atomic_store(&runner->env.leaving, true);
    gor_ctx_cancel_async(runner->env.leave, runner->stop_cause);
    break_up_line(runner);
}

/* A program that a native job or a script waits for must be seen to end, so none is left before those have
 * ended; and with one that ends by itself the jobs below it end as ever. */
static void begin_to_leave(struct gord_runner *runner)
{
    if (runner->patient && count_inside(runner) > 0) {
        runner->awaiting = true;
    } else {
        leave_programs(runner);
    }
}

bool gord_runner_goes_on_awaiting(struct gord_runner *runner)
{
    if (count_inside(runner) == 0) {
        leave_programs(runner);
        return false;
    }
    gord_runner_serve_line(runner);
    if (!runner->paused && runner->store_error == 0) {
        gord_runner_start_below(runner);
        gord_runner_await_token(runner);
    }
    return true;
}

/* Would its process be the next daemon's? One that is awaited first would not, nor what is below such. */
static bool is_to_be_left(const struct gord_runner *runner, const struct gord_job *job)
{
    return runner->leaving && job->kind == GORD_EXEC &&
           !gord_runner_takes_below(runner, gord_job_parent_id(job));
}

void gord_runner_open_hold(struct gord_runner *runner, struct gord_job *job, void *unused)
{
    struct gord_run *run = gord_runner_run_of(job);

    (void)unused;
    if (run != NULL && !is_to_be_left(runner, job)) {
        gord_hold_open_async(run);
    }
}

void gord_runner_hand_over(struct gord_runner *runner, bool patient, const char *cause,
                           void (*emptied)(void *arg), void *arg)
{
    runner->leaving = true;
    runner->patient = patient;
    gord_runner_drain(runner, cause, emptied, arg);
}

void gord_runner_drain(struct gord_runner *runner, const char *cause, void (*emptied)(void *arg),
                       void *arg)
{
    runner->draining = true;
    runner->emptied = emptied;
    runner->emptied_arg = arg;
    runner->stop_cause = cause;
    if (runner->leaving) {
        begin_to_leave(runner);
    } else {
        break_up_line(runner);
    }
    runner->cascade.off = !runner->awaiting; /* what is queued stays for the next start */
    each_running(runner, gord_runner_open_hold, NULL);
    each_running(runner, stop_job, NULL);
    GORD_CRASHPOINT(STOP_ASKED);
    gord_bus_wake(runner->bus);
}

static void end_awaited(struct gord_runner *runner, struct gord_job *job, void *arg)
{
    struct gord_run *run = gord_runner_run_of(job);
    const bool *patient = arg;

    if (runner->leaving && job->kind == GORD_EXEC) {
        /* It is kept from its start, and loses nothing. One that starts, or has, is left, or was: whether
         * there is a process of it to see, or a note, says nothing of that meanwhile. */
        if (run == NULL || gord_run_keep(run)) {
            gord_runner_requeue(runner, job);
        }
    } else if (policy_of(runner, job) == GORD_STOP_WAIT) {
        gord_runner_cancel(runner, job, runner->stop_cause, NULL);
    } else if (*patient) {
        stop_job(runner, job, NULL);
    }
}

void gord_runner_wait_no_longer(struct gord_runner *runner)
{
    bool was_patient = runner->patient;

    runner->patient = false;
    if (runner->awaiting) {
        leave_programs(runner);
    }
    each_running(runner, end_awaited, &was_patient);
}

uint64_t gord_runner_running(const struct gord_runner *runner)
{
    return count_taken(runner) - runner->handed_count;
}

void gord_runner_hurry(struct gord_runner *runner)
{
    gor_ctx_cancel_async(runner->env.hurry, "the daemon is in a hurry");
}

static void abandon(struct gord_runner *runner, struct gord_job *job, void *arg)
{
    const char *detail = arg;
    struct gord_run *run = gord_runner_run_of(job);
    /* It may have a process that outlives us, as where its start hangs: only the next daemon can say what
     * becomes of it. Without a run there is none. */
    bool is_left = runner->leaving && job->kind == GORD_EXEC;
    bool runs_again = run != NULL ? atomic_load(&run->requeued) : is_left;

    if (gord_handed_has(&runner->handed, job->id)) {
        return;
    }
    gord_log_of(GORD_LOG_WARNING, job->id, gord_queues_of(gord_bus_table(runner->bus), job->id),
                "%s", is_left && !runs_again ? LEFT_AS_IT_IS : detail);
    if (runs_again) {
        (void)queue_again(runner, job, detail);
    } else if (!is_left) {
        gord_bus_emit(runner->bus,
                      gord_event_finished(job->id, GOR__V1__OUTCOME__CANCELLED, 0, 0, detail),
                      NULL);
    }
}

void gord_runner_abandon(struct gord_runner *runner, const char *detail)
{
    each_running(runner, abandon, (void *)(uintptr_t)detail);
}

static void kill_program(void *arg, pid_t pid)
{
    const struct gord_handed *handed = arg;

    if (!gord_handed_has_process(handed, pid)) {
        gord_log(GORD_LOG_WARNING, 0, "process group %d outlives its job, and is killed", pid);
        (void)kill(-pid, SIGKILL);
    }
}

void gord_runner_kill_rest(struct gord_runner *runner, const struct gord_handed *handed, bool quiet)
{
    if (!quiet) {
        gord_unborn_kill(handed);
        /* One that had become its program by then, unknown to us as yet, is no less ours. */
        (void)gord_children_await_spawns(&runner->env.children, BIRTH_NS);
    }
    gord_children_each(&runner->env.children, kill_program, (void *)(uintptr_t)handed);
}
