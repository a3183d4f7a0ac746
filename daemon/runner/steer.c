/* SPDX-License-Identifier: MIT */
/* steer.c - see steer.h. */
#include "daemon/runner/steer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "daemon/runner/run.h"
#include "daemon/runner/runner.h"

/* The run of a job, in *out_run. */
static int find_run(const struct gord_job *job, struct gord_run **out_run)
{
    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        return -EINVAL;
    }
    *out_run = gord_runner_run_of(job);
    return *out_run != NULL ? 0 : -ESRCH;
}

static int emit_state(struct gord_bus *bus, struct gord_job *job, Gor__V1__JobState state,
                      const char *what, const char *cause, uint64_t *out_seq)
{
    char reason[512];

    snprintf(reason, sizeof(reason), "%s%s", what, cause);
    return gord_bus_emit(bus, gord_event_state(job->id, state, reason), out_seq);
}

/* A program's processes, or the goroutines of another job. */
static int set_paused(struct gord_run *run, bool paused)
{
    if (run->quota == NULL) {
        return paused ? gord_process_pause(&run->process) : gord_process_resume(&run->process);
    }
    run->paused = paused;
    run->shown = paused ? GOR__V1__JOB_STATE__WAITING : GOR__V1__JOB_STATE__RUNNING;
    return paused ? gor_quota_pause(run->quota) : gor_quota_resume(run->quota);
}

int gord_steer_pause(struct gord_bus *bus, struct gord_job *job, const char *cause,
                     uint64_t *out_seq)
{
    struct gord_run *run = NULL;
    int result = find_run(job, &run);

    if (result == 0) {
        result = set_paused(run, true);
    }
    if (result == 0) {
        gord_heartbeat_pause(run->env->heartbeats, run);
        gord_run_poke(run);
        result = emit_state(bus, job, GOR__V1__JOB_STATE__WAITING, "paused ", cause, out_seq);
    }
    return result;
}

int gord_steer_resume(struct gord_bus *bus, struct gord_job *job, const char *cause,
                      uint64_t *out_seq)
{
    struct gord_run *run = NULL;
    int result = find_run(job, &run);

    if (result == 0) {
        result = set_paused(run, false);
    }
    if (result == 0) {
        gord_heartbeat_resume(run->env->heartbeats, run);
        gord_run_poke(run);
        result = emit_state(bus, job, GOR__V1__JOB_STATE__RUNNING, "resumed ", cause, out_seq);
    }
    return result;
}

int gord_steer_signal(struct gord_bus *bus, struct gord_job *job, int sig, const char *cause,
                      uint64_t *out_seq)
{
    struct gord_run *run = NULL;
    int result = find_run(job, &run);
    bool paused = false;

    if (result == 0 && job->kind != GORD_EXEC) {
        result = -EOPNOTSUPP;
    }
    if (result == 0) {
        gord_process_paused_ns(&run->process, &paused);
        result = gord_process_signal(&run->process, sig);
    }
    if (result == 0) {
        result = gord_bus_emit(bus, gord_event_signalled(job->id, sig, cause), out_seq);
    }
    if (result == 0 && sig == SIGCONT && paused) {
        gord_heartbeat_resume(run->env->heartbeats, run);
        gord_run_poke(run);
        result = emit_state(bus, job, GOR__V1__JOB_STATE__RUNNING, "resumed ", cause, out_seq);
    }
    return result;
}
