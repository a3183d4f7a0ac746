/* SPDX-License-Identifier: MIT */
/* A native job's goroutine: calls the function, turns its end into an outcome. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/event/ask.h"
#include "daemon/runner/native.h"

static void decide(struct gord_run *run, int code, struct gord_result *out_result)
{
    Gor__V1__Outcome stopped = gord_run_stopped(run);

    out_result->exit_code = code;
    if (atomic_load(&run->panicked)) {
        out_result->outcome = GOR__V1__OUTCOME__PANICKED;
    } else if (stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        gord_result_stop(out_result, stopped);
    } else {
        out_result->outcome = code == 0 ? GOR__V1__OUTCOME__SUCCEEDED : GOR__V1__OUTCOME__FAILED;
    }
}

/* ------------------------------------------------------------------ builtin */

static void fini(void *arg)
{
    gord_native_fini(arg);
}

void gord_native_run(struct gord_run *run, struct gord_result *out_result)
{
    struct gor_job job = {.run = run, .spec = gord_spec_to_wire(run->spec, 0)};

    if (job.spec == NULL || job.spec->kind_case != GOR__V1__JOB_SPEC__KIND_NATIVE) {
        snprintf(run->detail, sizeof(run->detail), "out of memory");
        out_result->outcome = GOR__V1__OUTCOME__FAILED;
        out_result->exit_code = 1;
        gord_native_fini(&job);
        return;
    }
    struct gor_defer fini_later; /* a panic leaves by another door */
    gor_defer(&fini_later, fini, &job);
    job.function = gord_native_builtin(job.spec->native->function);
    if (job.function == NULL) {
        /* Accepted by an earlier version that had it, or when its plug-in was there. */
        snprintf(run->detail, sizeof(run->detail), "there is no native function '%.200s' any more",
                 job.spec->native->function);
        out_result->outcome = GOR__V1__OUTCOME__SPAWN_ERROR;
    } else {
        decide(run, job.function->run(&job), out_result);
    }
    gor_undefer(&fini_later, true);
}

/* ------------------------------------------------------------------ plug-ins */

/* Once: whoever comes first tells how the job ended. */
static bool end_job(struct gor_job *job)
{
    return !atomic_exchange(&job->over, true);
}

/* The goroutines of the job, those it left behind too, have this one. Where too little stack is left for it
 * they panic anew, on another. */
static void on_panic(void *arg, const char *message)
{
    struct gor_job *job = arg;
    struct gord_run *run = job->run;

    gor_stack_need(GORD_NATIVE_END_STACK_BYTES);
    if (gor_self() == run->goroutine && end_job(job)) {
        gord_run_end_by_panic(run, message);
        gord_run_unref(run);
    } else if (!atomic_load(&job->over)) {
        gord_run_note_panic(run, message);
    } else {
        gord_log_of(GORD_LOG_WARNING, run->id, gord_ask_queue(run->spec->lane),
                    "a goroutine that it left behind panicked, and has ended: %s", message);
    }
}

/* The last deferred call of its goroutine. A panic is the handler's to tell; but its function may have
 * left by gor_exit, or panicked with a handler of its own. */
static void on_leave(void *arg)
{
    struct gor_job *job = arg;
    struct gord_result result = {.outcome = GOR__V1__OUTCOME__FAILED, .exit_code = 1};

    gor_stack_need(GORD_NATIVE_END_STACK_BYTES);
    if (atomic_load(&job->over) || gord_run_is_panicking()) {
        return;
    }
    if (end_job(job)) {
        snprintf(job->run->detail, sizeof(job->run->detail),
                 "its goroutine ended without a return from %s (gor_exit)", job->function->name);
        gord_run_end(job->run, &result);
        gord_run_unref(job->run);
    }
}

void gord_plugin_job_main(struct gor_job *job)
{
    struct gord_run *run = job->run;
    struct gord_result result = {0};

    gor_on_panic(on_panic, job);
    gor_defer(&job->leave, on_leave, job);
    int code = job->function->run(job);
    if (end_job(job)) {
        decide(run, code, &result);
        gord_run_end(run, &result);
        gord_run_unref(run);
    }
}

/* The job may be gone by now: its end may have been entered without this one, as when the daemon stops. */
static void end_lost(void *arg)
{
    struct gord_run *run = arg;
    struct gord_result result = {.outcome = GOR__V1__OUTCOME__PANICKED};

    gord_run_end(run, &result);
    gord_run_unref(run);
}

/* The end of a run waits for its log, which only goroutines may. This one is none of the job's, whose quota
 * may be paused: it is given the reference of the one that was lost, and nothing else. */
void gord_plugin_job_lost(struct gor_job *job)
{
    struct gor_go_opts opts = {.name = "end", .at_ceiling = GOR_CEILING_EXEMPT, .no_quota = true};

    if (job == NULL || !end_job(job)) {
        return;
    }
    snprintf(job->run->detail, sizeof(job->run->detail),
             "it panicked, and %s has set a handler of its own for that", job->function->name);
    if (gor_go_with(&opts, end_lost, job->run) != 0) {
        atomic_store(&job->over, false); /* no memory: it is looked for again */
    }
}
