/* SPDX-License-Identifier: MIT */
/* exec.c - an exec job's goroutine: starts the process and sees it to its end; see exec.h. */
#include "daemon/runner/exec.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/crashpoint.h"
#include "daemon/runner/limits.h"
#include "daemon/runner/proc.h"
#include "daemon/runner/spawn.h"
#include "daemon/runner/text.h"

/* The start is on record already; this adds which process it became. */
static void post_process(struct gord_exec *exec)
{
    struct gord_proc proc = {0};

    gord_proc_read(exec->tree.leader, &proc);
    gord_bus_post(exec->run->env->bus, gord_event_started(exec->run->id, exec->run->goroutine,
                                                          exec->tree.leader, proc.start_ticks));
}

/* ------------------------------------------------------------------ the whole */

/* What of the limits it asked for holds. */
static void post_limits(struct gord_exec *exec)
{
    char text[GORD_LIMITS_TEXT];

    if (gord_limits_are_asked(exec->spec)) {
        gord_limits_text(exec->spec, &exec->run->env->cgroups, exec->tree.leader, text);
        gord_bus_post(exec->run->env->bus,
                      gord_event_state(exec->run->id, GOR__V1__JOB_STATE__RUNNING, text));
    }
}

/* The process runs: to its end, or until it is left to the next daemon. */
static void live(struct gord_exec *exec, struct gor_ctx *ctx, struct gord_result *out_result)
{
    int result = gord_exec_start_readers(exec);

    if (result == 0) {
        gord_exec_wait_or_end(exec, ctx);
    } else {
        /* Without somebody to read its pipes and to see it end it cannot run. */
        snprintf(exec->run->detail, sizeof(exec->run->detail), "cannot watch the process: %s",
                 strerror(-result));
        exec->stopped = GOR__V1__OUTCOME__SPAWN_ERROR;
        gord_tree_signal(&exec->tree, SIGKILL);
    }
    if (exec->left) {
        gord_exec_hand_over(exec);
        out_result->left = true;
        return;
    }
    gord_exec_end_leftovers(exec);
    gor_close(exec->pidfd);
    GORD_CRASHPOINT(EXIT_SEEN);
    gord_exec_reap(exec, out_result);
    if (exec->webhook != NULL) {
        gord_exec_take_answer(exec, out_result);
    }
    GORD_CRASHPOINT(EXIT_REAPED);
}

/* A new process is there: tell of it. */
static void begin(struct gord_exec *exec)
{
    gord_process_begin(&exec->run->process, &exec->tree);
    post_process(exec);
    GORD_CRASHPOINT(SPAWN_POSTED);
    post_limits(exec);
}

static int prepare(struct gord_exec *exec, struct gor_ctx **out_ctx)
{
    int result;

    *out_ctx = gord_run_ctx(exec->run);
    exec->exited = gor_chan_new(0, 0);
    result = *out_ctx != NULL && exec->exited != NULL ? 0 : -ENOMEM;
    result = result != 0 ? result : gor_ctx_with_cancel(gor_ctx_background(), &exec->over);
    if (result == 0) {
        result =
            exec->run->taken_over != NULL ? gord_exec_take_over(exec) : gord_exec_open_pipes(exec);
    }
    if (result != 0) {
        snprintf(exec->run->detail, sizeof(exec->run->detail), "cannot start a process: %s",
                 strerror(-result));
    }
    return result;
}

/* Has nobody ended it between its turn and now, nor is to queue it again? From here on it is not. */
static bool may_start(struct gord_run *run, struct gord_result *out_result)
{
    Gor__V1__Outcome stopped = gord_run_stopped(run);

    if (gord_run_is_left(run, stopped)) {
        (void)gord_run_keep(run);
        stopped = gord_run_kept(run);
    } else if (stopped == GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED && !gord_run_starts(run)) {
        stopped = gord_run_kept(run);
    }
    if (stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        gord_result_stop(out_result, stopped);
    }
    return stopped == GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED;
}

void gord_exec_run(struct gord_run *run, struct gord_result *out_result)
{
    struct gord_exec exec = {.run = run,
                             .child_fds = {-1, -1},
                             .stdin_fd = -1,
                             .pipes = {{.fd = -1}, {.fd = -1}},
                             .report = {.fds = {-1, -1}, .child_fds = {-1, -1}}};
    Gor__V1__JobSpec *spec = gord_spec_to_wire(run->spec, 1);
    struct gor_ctx *ctx = NULL;

    exec.tree = (struct gord_tree){.children = &run->env->children, .job_id = run->id, .group = -1};
    out_result->outcome = GOR__V1__OUTCOME__SPAWN_ERROR;
    if (spec == NULL || spec->kind_case != GOR__V1__JOB_SPEC__KIND_EXEC) {
        snprintf(run->detail, sizeof(run->detail), "out of memory");
        goto free_spec;
    }
    exec.spec = spec->exec;
    exec.cron = spec->cron;
    exec.webhook = gord_webhook_is(spec) ? spec->hook_of : NULL;
    if (prepare(&exec, &ctx) != 0) {
        goto close_all;
    }
    if (run->taken_over != NULL) {
        live(&exec, ctx, out_result);
        goto close_all;
    }
    int opened = gord_exec_open_stdin(&exec, ctx);
    if (!may_start(run, out_result)) {
        goto close_all;
    }
    GORD_CRASHPOINT(SPAWN_BEFORE);
    /* Only now somebody can write to it: what one that is queued again was sent would be lost. */
    opened = opened == 0 && exec.spec->stdin_pipe ? gord_exec_open_input(&exec) : opened;
    if (opened == 0 && gord_exec_start(&exec) == 0) {
        gord_exec_close_child_ends(&exec);
        GORD_CRASHPOINT(SPAWN_AFTER);
        begin(&exec);
        live(&exec, ctx, out_result);
    }
close_all:
    if (exec.tree.group >= 0) {
        gord_cgroup_remove(&run->env->cgroups, run->id, exec.tree.group);
    }
    gord_input_shut(&run->input);
    gord_exec_close_child_ends(&exec);
    gord_exec_close_pipes(&exec);
    gord_exec_report_end(&exec.report);
    gor_chan_unref(exec.exited);
    if (exec.over != NULL) {
        gor_ctx_unref(exec.over);
    }
free_spec:
    if (spec != NULL) {
        gor__v1__job_spec__free_unpacked(spec, NULL);
    }
}
