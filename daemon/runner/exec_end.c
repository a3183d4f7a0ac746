/* SPDX-License-Identifier: MIT */
/* exec_end.c - how a process ends: by itself or asked to, with all it left behind. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "daemon/runner/children.h"
#include "daemon/runner/exec.h"

/* After a process that we ended, or when the daemon goes: how long what it left behind may still write. */
#define STOPPED_LINGER_NS (100 * GOR_MILLISECOND)

/* After another: how often it is asked whether what is to come of its output does, and whether the daemon goes. */
#define LOOK_NS (100 * GOR_MILLISECOND)

/* So long at least what was in the pipes may not come on, or not come to its end, as on a machine that has much
 * else to do. */
#define OWED_NS GOR_SECOND

static int64_t grace_of(const struct gord_run *run)
{
    return run->spec->grace_ns > 0
               ? run->spec->grace_ns
               : atomic_load_explicit(&run->env->grace_ns, memory_order_relaxed);
}

enum { ENDED, HURRY, FORCED, LEFT };

/* What comes first: its end, a daemon in a hurry, force, a daemon that leaves it to the next, or the end
 * of that time. */
static int await_end(struct gord_exec *exec, struct gor_ctx *force, int64_t until_ns)
{
    struct gor_case cases[4] = {
        [ENDED] = {.chan = exec->exited, .op = GOR_RECV},
        [HURRY] = {.chan = gor_ctx_done(exec->run->env->hurry), .op = GOR_RECV},
        [FORCED] = {.chan = gor_ctx_done(force), .op = GOR_RECV},
        [LEFT] = {.chan = gor_ctx_done(exec->run->env->leave), .op = GOR_RECV}};

    return gor_select_until(cases, 4, until_ns);
}

static void send_step(struct gord_exec *exec, const Gor__V1__StopSignal *step)
{
    gord_tree_signal(&exec->tree, step->signal);
    /* One that is paused, or stopped by others, would not hear of it. */
    (void)gord_process_resume(&exec->run->process);
    gord_tree_signal(&exec->tree, SIGCONT);
    exec->stop_until_ns = gor_after(step->wait_ns > 0 ? step->wait_ns : grace_of(exec->run));
}

/* As the job says, TERM and its grace if it says nothing; from where the former daemon was, if one was.
 * Whether it has ended by that, or is left as it is. */
static bool ask_to_end(struct gord_exec *exec, struct gor_ctx *force)
{
    const Gor__V1__ExecSpec *spec = exec->spec;
    Gor__V1__StopSignal usual = GOR__V1__STOP_SIGNAL__INIT;
    size_t count = spec->n_stop_signals > 0 ? spec->n_stop_signals : 1;

    usual.signal = SIGTERM;
    for (; exec->stop_step < count; exec->stop_step++) {
        size_t i = exec->stop_step;
        if (exec->stop_until_ns == 0) {
            send_step(exec, spec->n_stop_signals > 0 ? spec->stop_signals[i] : &usual);
        }
        int came = await_end(exec, force, exec->stop_until_ns);
        exec->left = came == LEFT;
        if (came == ENDED || came == FORCED || came == LEFT) {
            return came != FORCED;
        }
        exec->stop_until_ns = 0;
    }
    return false;
}

/* Ask, unless it is forced; then KILL. */
static void end_process(struct gord_exec *exec)
{
    struct gor_ctx *force = gord_run_force_ctx(exec->run);

    gord_hold_open(exec->run); /* what it writes now must not keep it from ending */
    if (force == NULL || !ask_to_end(exec, force)) {
        gord_tree_signal(&exec->tree, SIGKILL);
        gor_chan_recv(exec->exited, NULL);
    }
}

/* When its own timeout is over, if pauses move that: then it is not its context's. */
static int64_t own_deadline(struct gord_exec *exec)
{
    const struct gord_run *run = exec->run;
    bool paused = false;

    if (run->poked == NULL) {
        return GOR_NEVER;
    }
    int64_t skipped = gord_process_paused_ns(&exec->run->process, &paused);
    int64_t left = GOR_NEVER - run->started_at - skipped;
    return paused || run->spec->timeout_ns > left
               ? GOR_NEVER
               : run->started_at + run->spec->timeout_ns + skipped;
}

/* It has run for a while: what it reports is read from now on. */
static void begin_reports(struct gord_exec *exec)
{
    if (gord_exec_report_start(&exec->report) != 0) {
        gord_logfile_remark(&exec->run->log, "out of memory: its progress is read at its end\n");
    }
}

void gord_exec_wait_or_end(struct gord_exec *exec, struct gor_ctx *ctx)
{
    enum { EXITED, STOPPED, LEAVE, WITHOUT_POKES, POKED = WITHOUT_POKES, CASES };
    struct gor_case cases[CASES] = {
        [EXITED] = {.chan = exec->exited, .op = GOR_RECV},
        [STOPPED] = {.chan = gor_ctx_done(ctx), .op = GOR_RECV},
        [LEAVE] = {.chan = gor_ctx_done(exec->run->env->leave), .op = GOR_RECV},
        [POKED] = {.chan = exec->run->poked, .op = GOR_RECV}};
    int64_t young = gor_after(GORD_REPORT_YOUTH_NS);
    int got = POKED;

    if (exec->stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        end_process(exec); /* the daemon that we have it from was about to */
        return;
    }
    while (got == POKED || (got == -ETIMEDOUT && gor_now() < own_deadline(exec))) {
        int64_t until = own_deadline(exec);
        if (young != GOR_NEVER && gor_now() >= young) {
            begin_reports(exec);
            young = GOR_NEVER;
        }
        until = until < young ? until : young;
        got = gor_select_until(cases, exec->run->poked != NULL ? CASES : WITHOUT_POKES, until);
    }
    if (got == -ETIMEDOUT) {
        exec->stopped = GOR__V1__OUTCOME__TIMED_OUT;
        gord_run_time_out(exec->run);
    } else if (got == STOPPED) {
        exec->stopped = gord_run_stopped(exec->run);
        if (gord_run_is_left(exec->run, exec->stopped)) {
            exec->stopped = GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED;
            exec->run->detail[0] = '\0';
            got = LEAVE;
        }
    }
    exec->left = got == LEAVE;
    if (got != EXITED && got != LEAVE) {
        end_process(exec);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static uint64_t count_come(const struct gord_run *run)
{
    uint64_t out = 0;
    uint64_t err = 0;

    gord_logfile_counts(&run->log, &out, &err);
    return out + err;
}

/* What will have come when all has that is in its pipes now. In this order: rather too much than too little. */
static uint64_t count_owed(const struct gord_exec *exec)
{
    uint64_t owed = 0;

    for (int i = 0; i < 2; i++) {
        int bytes = 0;
        owed += ioctl(exec->pipes[i].fd, FIONREAD, &bytes) == 0 ? (uint64_t)bytes : 0;
    }
    return owed + count_come(exec->run);
}

static bool daemon_goes(const struct gord_exec *exec)
{
    const struct gord_run_env *env = exec->run->env;

    return gor_ctx_err(env->leave) != 0 || gor_ctx_err(env->hurry) != 0;
}

/* The readers, for `linger`, or until shortly after the daemon goes, which is not to wait for them. What the
 * process itself has written has all the time that it takes while it comes, or until then while a follower holds
 * them; what others write behind it has not. Whether they are done. */
static bool await_readers(struct gord_exec *exec, int64_t linger)
{
    struct gord_run *run = exec->run;
    uint64_t owed = count_owed(exec);
    uint64_t come = count_come(run);
    int64_t patience = linger > OWED_NS ? linger : OWED_NS;
    int64_t until = gor_after(come < owed ? patience : linger);
    unsigned felt = 0;
    bool goes = false;
    bool done = false;

    (void)gord_hold_was_felt(&run->hold, &felt);
    while (!done) {
        uint64_t former = come;
        done = gor_waitgroup_wait_until(&exec->readers, earlier(until, gor_after(LOOK_NS))) == 0;
        come = count_come(run);
        if (!done && !goes && daemon_goes(exec)) {
            goes = true;
            gord_hold_open(run);
            patience = OWED_NS;
            until = earlier(until, gor_after(come < owed ? OWED_NS : STOPPED_LINGER_NS));
        }
        bool was_held = gord_hold_was_felt(&run->hold, &felt);
        if (former < owed && (was_held || come > former)) {
            until = gor_after(patience);
        } else if (!done && gor_now() >= until) {
            break;
        }
    }
    return done;
}

/* What the process left behind gets a moment to write its last words if it holds the pipes; then it
 * ends with its job, and whoever cannot be found loses the pipes. */
void gord_exec_end_leftovers(struct gord_exec *exec)
{
    struct gord_run *run = exec->run;
    bool stopped = exec->stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED;
    int64_t linger = stopped ? STOPPED_LINGER_NS : grace_of(run);

    if (!await_readers(exec, linger)) {
        gord_logfile_remark(&run->log, "processes that the job left behind hold its output; "
                                       "what they write from here on is not kept\n");
    }
    gord_tree_end(&exec->tree, &exec->use);
    if (exec->tree.group >= 0) {
        exec->oom = gord_cgroup_was_oom(exec->tree.group);
    }
    gord_input_shut(&run->input);
    gor_ctx_cancel(exec->over, "the job has ended");
    gor_waitgroup_wait(&exec->readers);
    gord_exec_close_pipes(exec);
    gord_exec_report_end(&exec->report);
}

void gord_exec_reap(struct gord_exec *exec, struct gord_result *out_result)
{
    struct gord_run *run = exec->run;
    struct rusage rusage;
    int status = 0;
    pid_t got;

    gord_process_end(&run->process);
    do {
        got = gord_children_wait(exec->tree.leader, &status, 0, &rusage);
    } while (got < 0 && errno == EINTR);
    gord_children_forget(&run->env->children, exec->tree.leader, &exec->use);
    if (got > 0) {
        gord_use_add(&exec->use, &rusage, exec->floor_bytes);
        if (exec->tree.group >= 0) {
            gord_cgroup_use(exec->tree.group, &exec->use);
        }
        gord_bus_post(run->env->bus, gord_event_used(run->id, &exec->use));
    }
    if (got < 0) {
        snprintf(run->detail, sizeof(run->detail), "cannot learn how process %d ended: %s",
                 exec->tree.leader, strerror(errno));
        out_result->outcome = GOR__V1__OUTCOME__LOST;
    } else if (WIFSIGNALED(status)) {
        out_result->outcome = GOR__V1__OUTCOME__SIGNALED;
        out_result->signal = WTERMSIG(status);
        out_result->core_dumped = WCOREDUMP(status);
        if (exec->oom && out_result->signal == SIGKILL) {
            out_result->outcome = GOR__V1__OUTCOME__OOM_KILLED;
            snprintf(run->detail, sizeof(run->detail),
                     "it wanted more than its memory limit, %" PRIu64 " bytes",
                     exec->spec->limits != NULL ? exec->spec->limits->memory_bytes : 0);
        }
    } else {
        out_result->exit_code = WEXITSTATUS(status);
        out_result->outcome =
            out_result->exit_code == 0 ? GOR__V1__OUTCOME__SUCCEEDED : GOR__V1__OUTCOME__FAILED;
    }
    if (exec->stopped != GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED) {
        gord_result_stop(out_result, exec->stopped);
    }
}
