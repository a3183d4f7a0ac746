/* SPDX-License-Identifier: MIT */
/* runner_handover.c - see handover.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "daemon/base/grow.h"
#include "daemon/base/log.h"
#include "daemon/job/queues.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/proc.h"
#include "daemon/runner/runner_inside.h"
#include "daemon/runner/sweep.h"

#define STILL_PAUSED "paused since before the daemon was replaced by another version of itself"

/* ------------------------------------------------------------------ giving */

static int keep(struct gord_handed *handed, Gor__Handover__Run *note)
{
    if (gord_grow(&handed->items, handed->count, &handed->room, sizeof(*handed->items)) != 0) {
        return -ENOMEM;
    }
    handed->items[handed->count++] = note;
    return 0;
}

static void on_handed(struct gord_runner *runner, struct gord_errand *errand)
{
    struct gord_run *run = CONTAINER_OF(errand, struct gord_run, handed_errand);

    if (run->handed != NULL && keep(&runner->handed, run->handed) == 0) {
        run->handed = NULL;
    }
    runner->handed_count++;
    gord_run_unref(run);
    gord_bus_wake(runner->bus);
}

void gord_run_post_handed(struct gord_run *run)
{
    run->handed_errand.fn = on_handed;
    gord_run_ref(run);
    gord_errand_post(run->env->errands, &run->handed_errand);
}

struct gord_handed gord_runner_take_notes(struct gord_runner *runner)
{
    struct gord_handed handed = runner->handed;

    runner->handed = (struct gord_handed){0};
    return handed;
}

void gord_handed_free(struct gord_handed *handed)
{
    for (size_t i = 0; i < handed->count; i++) {
        gor__handover__run__free_unpacked(handed->items[i], NULL);
    }
    free(handed->items);
    *handed = (struct gord_handed){0};
}

/* ------------------------------------------------------------------ taking */

bool gord_handed_has(const struct gord_handed *handed, uint64_t job_id)
{
    for (size_t i = 0; handed != NULL && i < handed->count; i++) {
        if (handed->items[i]->job_id == job_id) {
            return true;
        }
    }
    return false;
}

bool gord_handed_has_process(const struct gord_handed *handed, pid_t pid)
{
    for (size_t i = 0; handed != NULL && i < handed->count; i++) {
        if (handed->items[i]->pid == pid) {
            return true;
        }
    }
    return false;
}

int gord_runner_expect(struct gord_runner *runner, const struct gord_handed *handed)
{
    int result = 0;

    for (size_t i = 0; i < handed->count && result == 0; i++) {
        gord_children_begin(&runner->env.children);
        result = gord_children_end(&runner->env.children, handed->items[i]->pid);
    }
    return result;
}

/* Nobody goes on with it: as after a death of the daemon. */
static void give_up(struct gord_runner *runner, Gor__Handover__Run *note)
{
    struct gord_use use = {0};
    const int fds[] = {note->pidfd,     note->stdout_fd, note->stderr_fd, note->progress_fd,
                       note->result_fd, note->input_fd,  note->group_fd};

    gord_log_of(GORD_LOG_ERROR, note->job_id,
                gord_queues_of(gord_bus_table(runner->bus), note->job_id),
                "the program that was handed over cannot go on, and is killed");
    (void)kill(-note->pid, SIGKILL);
    gord_children_forget(&runner->env.children, note->pid, &use);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    gor__handover__run__free_unpacked(note, NULL);
}

/* Its number is on the record, unless the former daemon had no time for that. */
static void post_process(struct gord_runner *runner, const struct gord_job *job, pid_t pid)
{
    struct gord_proc proc = {0};

    if (job->body->pid != pid && gord_proc_read(pid, &proc) == 0) {
        gord_bus_emit(runner->bus, gord_event_started(job->id, 0, pid, proc.start_ticks), NULL);
    }
}

/* Its end may have been asked for after it was left. */
static void cancel_if_asked(struct gord_runner *runner, struct gord_job *job)
{
    struct gord_run *run = gord_runner_run_of(job);
    struct gord_event *cancel = NULL;

    if (gord_sweep_cause(runner->bus, job->id, &cancel) == 0 && cancel != NULL) {
        if (cancel->kind == GORD_EVENT_TERMINATE_REQUESTED) {
            gord_run_force(run, cancel->text);
        } else {
            gord_run_cancel(run, cancel->text);
        }
    }
    gord_event_unref(cancel);
}

static int go_on(struct gord_runner *runner, struct gord_job *job, Gor__Handover__Run *note)
{
    int result = gord_runner_need_spec(runner, job);

    if (result == 0) {
        result = gord_runner_launch_from(runner, job, note);
    }
    if (result == 0) {
        job->body->goroutine = gord_runner_run_of(job)->goroutine;
        post_process(runner, job, note->pid);
        cancel_if_asked(runner, job);
        gord_bus_emit(runner->bus, gord_event_new(GORD_EVENT_RECOVERED, job->id, GORD_TAKEN_OVER),
                      NULL);
        if (gord_runner_run_of(job)->taken_over->paused) {
            gord_bus_emit(runner->bus,
                          gord_event_state(job->id, GOR__V1__JOB_STATE__WAITING, STILL_PAUSED),
                          NULL);
        }
    }
    return result;
}

static int by_id(const void *a, const void *b)
{
    const Gor__Handover__Run *left = *(Gor__Handover__Run *const *)a;
    const Gor__Handover__Run *right = *(Gor__Handover__Run *const *)b;

    return (left->job_id > right->job_id) - (left->job_id < right->job_id);
}

void gord_runner_take_over(struct gord_runner *runner, struct gord_handed *handed)
{
    /* Parents first, for a run lives under its parent's context. */
    if (handed->count > 0) {
        qsort(handed->items, handed->count, sizeof(*handed->items), by_id);
    }
    for (size_t i = 0; i < handed->count; i++) {
        Gor__Handover__Run *note = handed->items[i];
        struct gord_job *job = gord_job_find(gord_bus_table(runner->bus), note->job_id);
        bool runs = job != NULL && job->taken && job->state != GOR__V1__JOB_STATE__TERMINATED;
        if (!runs || go_on(runner, job, note) != 0) {
            give_up(runner, note);
            if (runs) {
                gord_bus_emit(runner->bus,
                              gord_event_finished(job->id, GOR__V1__OUTCOME__LOST, 0, 0,
                                                  "the daemon could not take it over"),
                              NULL);
            }
        }
    }
    free(handed->items);
    *handed = (struct gord_handed){0};
}

/* ------------------------------------------------------------------ all that was left */

static int settle(struct gord_runner *runner, const struct gord_handed *handed)
{
    struct gord_swept swept = {0};
    int result = gord_runner_count_groups(runner);

    if (result == 0) {
        result = gord_sweep(runner->bus, handed, &swept);
    }
    if (result == 0 && swept.lost + swept.requeued + swept.cancelled > 0) {
        gord_log(GORD_LOG_WARNING, 0,
                 "of jobs that were running when the last daemon ended, %zu settled as lost, %zu "
                 "queued again, %zu cancelled as somebody had asked",
                 swept.lost, swept.requeued, swept.cancelled);
    }
    return result;
}

int gord_runner_settle(struct gord_runner *runner, struct gord_handed *handed)
{
    int result = settle(runner, handed);

    if (result == 0) {
        result = gord_runner_take_back(runner);
    }
    if (result == 0 && handed != NULL) {
        gord_runner_take_over(runner, handed);
    }
    return result;
}
