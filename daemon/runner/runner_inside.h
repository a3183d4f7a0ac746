/* SPDX-License-Identifier: MIT */
/* runner_inside.h - what runner.c and runner_*.c share.
 *
 * Threads     loop thread.
 */
#ifndef GORD_RUNNER_RUNNER_INSIDE_H
#define GORD_RUNNER_RUNNER_INSIDE_H

#include "daemon/runner/admission.h"
#include "daemon/runner/alarm.h"
#include "daemon/runner/cascade.h"
#include "daemon/runner/gates.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/heartbeat.h"
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
    struct gord_heartbeats heartbeats;
    struct gord_plugins *plugins; /* owned */
    unsigned slots[GORD_KIND_COUNT];
    struct gord_alarm tokens; /* of rates, that jobs wait for */
    struct gord_alarm_entry next_token;
    uv_timer_t pause_over;       /* the next pause of a queue to end by itself */
    const char *finish_hook;     /* borrowed; NULL: none */
    const char *finish_hook_url; /* the same */
    bool refuse_at_ceiling;
    bool paused;
    bool draining;
    enum gord_stop_policy stop_policy;
    const char *stop_cause;    /* borrowed; while draining */
    bool leaving;              /* programs are left to the next daemon */
    bool patient;              /* meanwhile others are awaited, whatever their policies say */
    bool awaiting;             /* first of all others are awaited, and what is below them goes on */
    struct gord_handed handed; /* notes of those that are */
    uint64_t handed_count;     /* how many are, with a note or not */
    bool stopped;
    int store_error;
    void (*emptied)(void *arg); /* NULL: not draining, or told already */
    void *emptied_arg;
    void (*on_log)(void *arg, uint64_t id);
    void *on_log_arg;
    void (*on_ask)(void *arg, struct gord_job_ask *ask);
    void *on_ask_arg;
    struct gord_reaper reaper;
};

/* Enter a live job as one that could not be started. */
void gord_runner_fail_to_start(struct gord_runner *runner, uint64_t id, const char *what,
                               int error);

/* A job whose start is on record: onto a goroutine of its own, with a process that is there already if
 * there is a note of one, which is the run's then. -EAGAIN: there is no place for it; -ENOMEM. */
int gord_runner_launch_from(struct gord_runner *runner, struct gord_job *job,
                            Gor__Handover__Run *note);

/* Whether the job's start is on record, and no more: it has no run. NULL is fine. */
bool gord_runner_is_to_launch(const struct gord_job *job);

/* Such a job, in its turn: behind those that wait for a place. */
void gord_runner_launch(struct gord_runner *runner, struct gord_job *job);

/* While the daemon drains: the job is to run again with the next one, unless it is being ended already, which
 * stays so. */
void gord_runner_requeue(struct gord_runner *runner, struct gord_job *job);

/* Launch those that wait for a place, as far as there are any. */
void gord_runner_serve_line(struct gord_runner *runner);

/* Put the starts of as many queued jobs on record as there are slots and places for. */
void gord_runner_start_jobs(struct gord_runner *runner);

/* The same, out of their turns, for jobs below native ones and scripts that run. */
void gord_runner_start_below(struct gord_runner *runner);

/* The daemon drains, and waits for that job, or may: who follows its output is not to decide how long. */
void gord_runner_open_hold(struct gord_runner *runner, struct gord_job *job, void *unused);

/* The daemon awaits native jobs and scripts before it leaves programs: start what is below them. False:
 * that is over now. */
bool gord_runner_goes_on_awaiting(struct gord_runner *runner);

/* The ids of all live jobs below native ones and scripts that run, in their order; the caller frees them.
 * NULL: there are none, or no memory. */
uint64_t *gord_runner_list_below(struct gord_runner *runner, size_t *out_count);

/* How jobs on their goroutines reach the loop. 0, or a negative errno with nothing open. */
int gord_runner_open_inboxes(struct gord_runner *runner);
void gord_runner_close_inboxes(struct gord_runner *runner);

/* A job has a run now, or has none after all, or wrote to its log. */
void gord_runner_tell_of_log(struct gord_runner *runner, uint64_t id);

/* To the end of the queue. As gord_runner_admit. */
int gord_runner_queue(struct gord_runner *runner, struct gord_job *job, uint64_t *out_seq);

/* A run has ended, and the job is to run again. */
void gord_runner_wait_for_retry(struct gord_runner *runner, struct gord_job *job);

/* Nothing keeps the group any more: it waits for its tasks, which go to the queue, or to gates of their
 * own. As gord_runner_admit. */
int gord_runner_open_group(struct gord_runner *runner, struct gord_job *group, uint64_t *out_seq);

/* It is held: those of its tasks that are queued leave the queue. */
int gord_runner_shut_group(struct gord_runner *runner, struct gord_job *group);

/* A task waits for its group to begin, or to be let go on. As gord_runner_admit. */
int gord_runner_wait_for_group(struct gord_runner *runner, struct gord_job *task,
                               uint64_t *out_seq);

/* A task has started or ended: the first start is that of its group, the last end its end. */
void gord_runner_task_moved(struct gord_runner *runner, const struct gord_job *task,
                            const struct gord_event *event);

/* What a task of the group is to do, with its environment: the first that is kept, all are alike. A
 * reference. -ENOENT: none is kept; the reader's error. */
int gord_runner_task_spec(struct gord_runner *runner, uint64_t group_id,
                          struct gord_spec **out_spec);
/* None of its tasks lives, and none is to come: it ends. */
void gord_runner_end_if_over(struct gord_runner *runner, const struct gord_job *group);

/* At start, before anything ends: count the tasks of groups that have ended. 0, or the reader's error. */
int gord_runner_count_groups(struct gord_runner *runner);

/* A group that came back from the store may be over. */
int gord_runner_take_back_group(struct gord_runner *runner, struct gord_job *group);

/* gord_runner_change, before anything can start. */
void gord_runner_set(struct gord_runner *runner, const struct gord_runner_change *change);

/* What ends pauses of queues that have an end, and tells when tokens of rates have come. -errno. */
int gord_runner_open_control(struct gord_runner *runner);
void gord_runner_close_control(struct gord_runner *runner);
void gord_runner_fini_control(struct gord_runner *runner);

/* As many were started as can: be woken when the next one that waits for a token has it. */
void gord_runner_await_token(struct gord_runner *runner);

/* What the last daemon left: on record, and of those it handed over (NULL: none, else they are taken), their
 * processes too. 0, or what ended it. */
int gord_runner_settle(struct gord_runner *runner, struct gord_handed *handed);

int gord_runner_open_gates(struct gord_runner *runner);

/* All jobs from the store: to their gates, or on their way if that is where the last daemon left them.
 * 0, or what ended it. */
int gord_runner_take_back(struct gord_runner *runner);

void gord_runner_close_gates(struct gord_runner *runner);

#endif
