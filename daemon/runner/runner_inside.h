/* SPDX-License-Identifier: MIT */
/* runner_inside.h - what runner.c, runner_gates.c and runner_control.c share.
 *
 * Threads     loop thread.
 */
#ifndef GORD_RUNNER_RUNNER_INSIDE_H
#define GORD_RUNNER_RUNNER_INSIDE_H

#include "daemon/runner/admission.h"
#include "daemon/runner/cascade.h"
#include "daemon/runner/gates.h"
#include "daemon/runner/plugins.h"
#include "daemon/runner/reaper.h"
#include "daemon/runner/runner.h"
#include "daemon/runner/sampler.h"

struct gord_runner {
    struct gord_run_env env;
    struct gord_bus *bus;
    struct gord_bus_hook hook;
    struct gord_sampler sampler;
    struct gord_cascade cascade;
    struct gord_admission admission;
    struct gord_gates gates;
    struct gord_inbox notes;
    struct gord_inbox errands;
    struct gord_inbox written;
    struct gord_reporters reporters;
    struct gord_plugins *plugins;       /* owned */
    struct gord_child_request *waiting; /* owned list: for jobs to end */
    void (*on_child)(void *arg, struct gord_child_request *request);
    void *on_child_arg;
    unsigned slots[GORD_KIND_COUNT];
    bool refuse_at_ceiling;
    bool paused;
    bool draining;
    bool stopped;
    int store_error;
    void (*emptied)(void *arg); /* NULL: not draining, or told already */
    void *emptied_arg;
    void (*on_log)(void *arg, uint64_t id);
    void *on_log_arg;
    struct gord_subjob_handler subjobs;
    struct gord_reaper reaper;
};

/* Enter a live job as one that could not be started. */
void gord_runner_fail_to_start(struct gord_runner *runner, uint64_t id, const char *what,
                               int error);

/* To the end of the queue. As gord_runner_admit. */
int gord_runner_queue(struct gord_runner *runner, struct gord_job *job, uint64_t *out_seq);

/* A run has ended, and the job is to run again. */
void gord_runner_wait_for_retry(struct gord_runner *runner, struct gord_job *job);

int gord_runner_open_gates(struct gord_runner *runner);

/* All jobs from the store: to their gates, or on their way if that is where the last daemon left them.
 * 0, or what ended it. */
int gord_runner_take_back(struct gord_runner *runner);

void gord_runner_close_gates(struct gord_runner *runner);

#endif
