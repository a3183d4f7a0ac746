/* SPDX-License-Identifier: MIT */
/* runner.h - starts jobs as slots allow, each on a goroutine, and ends them when asked.
 *
 * Invariants  a job is launched only after its STARTED event is committed, so never twice, in the
 *             order of submission of its kind; never while starting is paused, the store refuses,
 *             or the daemon drains.
 * Threads     loop thread; the runtime must run.
 * Ownership   start/stop; what it is given is borrowed until stop.
 * See also    docs/job-lifecycle.md
 */
#ifndef GORD_RUNNER_RUNNER_H
#define GORD_RUNNER_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include "daemon/base/config.h"
#include "daemon/runner/bus.h"
#include "daemon/runner/gates.h"
#include "daemon/runner/run.h"

struct gord_job_ask;
struct gord_handed;
struct gord_plugins;
struct gord_runner;

/* Of each process that runs: its job's, those that read its output and its reports, and the one that
 * awaits its end. */
enum { GORD_EXEC_GOROUTINES = 6 };

struct gord_runner_opts {
    struct gord_bus *bus;
    const char *log_root;              /* exists */
    unsigned exec_slots;               /* processes at a time */
    unsigned native_slots;             /* native jobs at a time */
    unsigned lua_slots;                /* Lua jobs at a time */
    uint64_t max_goroutines;           /* of native and Lua jobs, see admission.h; 0: no quota */
    bool refuse_at_ceiling;            /* see gord_runner_refuses */
    int64_t grace_ns;                  /* of a job that names none */
    enum gord_stop_policy stop_policy; /* of a job that names none */
    enum gord_new_privs new_privs;     /* of programs that start from now on */
    uint64_t log_cap_bytes;            /* of one job's output */
    bool paused;                       /* begin paused */
    struct rlimit nofile;              /* descriptor limit for processes */
    const char *finish_hook;     /* program to run when any job has ended; NULL: none; borrowed */
    const char *finish_hook_url; /* where to tell of it; NULL: nowhere; borrowed */
    struct gord_signer *signer;  /* of webhooks; NULL: they are not signed; borrowed for the call */
    const char *plugin_folder;   /* NULL: none */
    const char *plugin_copies;   /* where copies of plug-ins are kept */
    const char *cgroup;          /* see gord_cgroups_open; borrowed for the call */
    struct gord_handed *handed;  /* programs from the daemon that we were; taken; NULL: none */
};

/* Settle what a dead daemon left running, then begin. -ENOMEM, or the error of the runtime, or of the
 * control group that was named, which has been logged then. */
int gord_runner_start(const struct gord_runner_opts *opts, struct gord_runner **out_runner);

/* Is it still looked, on threads of libuv's, where runs stand that give no sign? Until that is over the loop
 * is to run, and neither the runtime may stop nor anything be freed. */
bool gord_runner_is_looking(const struct gord_runner *runner);

/* After the bus is closed; its jobs' goroutines must have ended, or never run again. The loop must
 * run once more before free. NULL is fine. */
void gord_runner_stop(struct gord_runner *runner);
void gord_runner_free(struct gord_runner *runner);

/* Cancel a live job and, soon after, all below it. A queued one ends at once. 0 with the seq of the
 * last event this caused in *out_seq; -EINVAL: it has ended; -ENOMEM. */
int gord_runner_cancel(struct gord_runner *runner, struct gord_job *job, const char *cause,
                       uint64_t *out_seq);

/* End a live job, and soon after all below it, by force: its processes are killed at once. As above;
 * -EALREADY: that is under way. */
int gord_runner_terminate(struct gord_runner *runner, struct gord_job *job, const char *cause,
                          uint64_t *out_seq);

/* A job that was entered: into the queue, or to its gate. Its spec must be there. 0 with the seq of
 * the last event in *out_seq; -ENOMEM. */
int gord_runner_admit(struct gord_runner *runner, struct gord_job *job, uint64_t *out_seq);

/* A task of a group that waits for all of them is there; the last of them lets it begin. */
void gord_runner_task_came(struct gord_runner *runner, struct gord_job *group);

/* What would keep a job with that spec from the queue; see gord_gates_would. */
int gord_runner_would_gate(struct gord_runner *runner, const struct gord_spec *spec,
                           char out[GORD_GATE_TEXT]);

/* What its conditions on other jobs come to; see gord_gates_would_hold. */
int gord_runner_would_hold(struct gord_runner *runner, const struct gord_spec *spec,
                           enum gord_after_verdict *out_verdict);

/* Who knows of jobs that have ended and are not in the store, see struct gord_gates. NULL: nobody. */
void gord_runner_on_recall(struct gord_runner *runner,
                           bool (*fn)(void *arg, uint64_t id, struct gord_after_facts *out),
                           void *arg);

/* Keep a live job that has not started from starting, or no longer. 0 as above; -EALREADY: it is so
 * already; -EBUSY: it has started; -EINVAL: it has ended; -ENOMEM, or the reader's error. */
int gord_runner_hold(struct gord_runner *runner, struct gord_job *job, const char *cause,
                     uint64_t *out_seq);
int gord_runner_release(struct gord_runner *runner, struct gord_job *job, const char *cause,
                        uint64_t *out_seq);

/* Between these two the tasks of a group are entered. What becomes of it meanwhile, it comes to with the
 * second: it ends if all of them have ended, or if what it is to run after can no longer come. */
void gord_runner_enter_tasks(struct gord_runner *runner, uint64_t group_id);
void gord_runner_tasks_entered(struct gord_runner *runner, uint64_t group_id);

/* The first task of a group, which may not be on disk yet, that is kept. -ENOENT; the reader's error. */
int gord_runner_first_task(struct gord_runner *runner, uint64_t group_id, uint64_t *out_id);

/* What the live group has come to, as a report and as the reason it waits. NULL: out of memory. */
struct gord_report *gord_runner_group_report(const struct gord_job *group);
const char *gord_runner_group_why(const struct gord_job *group, char *out, size_t out_bytes);
/* When a live job is over at the latest, by the wall clock, and whose timeout or deadline that is;
 * 0: there is no such time. */
int64_t gord_runner_deadline(const struct gord_job *job, uint64_t *out_of);

/* By what is on record, from which jobs below it have their deadline: is the time of job `id` over? */
bool gord_runner_is_overdue(struct gord_bus *bus, uint64_t id);

/* Have a job that is about to be entered below `parent` inherit that one's deadline, if it is earlier.
 * -ENOMEM. */
int gord_runner_inherit(const struct gord_job *parent, struct gord_standing **standing);

/* Of a job that is not there yet: "it would never run: ..." if it must have started, or be over, before
 * it may start at all; else "". -ENOMEM. */
int gord_runner_too_late(const struct gord_spec *spec, const struct gord_job *parent, char *out,
                         size_t bytes);

/* "the deadline of job 7, 2026-03-01 12:30:00 +0100, passed" */
void gord_runner_deadline_text(const struct gord_standing *standing, char *out, size_t bytes);

/* What a live job that has not started is to do now. */
struct gord_runner_update {
    struct gord_spec *spec;         /* borrowed; it must be right */
    struct gord_standing *standing; /* its reference is taken over */
    const char *text;               /* of what has changed */
    bool
        after; /* what it is to run after has: that is looked at anew, and may let it go or end it */
};

/* It goes to the end of its queue, unless a gate keeps it. 0 as above; -EBUSY: it has started; -EINVAL: it
 * has ended; -ENOMEM, or the reader's error. */
int gord_runner_update(struct gord_runner *runner, struct gord_job *job,
                       const struct gord_runner_update *update, uint64_t *out_seq);

/* Have a job that has ended, and is as `row` says (with its env), run again, after a delay. Its
 * attempts count on. 0 as above; -EINVAL: it is still, or again, in memory; -ENOMEM. */
int gord_runner_revive(struct gord_runner *runner, const struct gord_row *row, int64_t delay_ns,
                       const char *cause, uint64_t *out_seq);

/* The same of a group all of whose tasks have ended; from now on its tasks are entered as by
 * gord_runner_enter_tasks(), and brought back one by one. -ESTALE: not all of them are kept; the reader's
 * error. */
int gord_runner_revive_group(struct gord_runner *runner, const struct gord_row *row,
                             const char *cause, uint64_t *out_seq);

/* What can change while it runs. */
struct gord_runner_change {
    unsigned slots[GORD_KIND_COUNT]; /* at a time; fewer than run end none of them */
    bool refuse_at_ceiling;
    int64_t grace_ns;                  /* of a job that names none and is told to end from now on */
    enum gord_stop_policy stop_policy; /* of a job that names none */
    enum gord_new_privs new_privs;     /* of programs that start from now on */
    uint64_t log_cap_bytes;            /* of the output of a job that starts from now on */
    const char *finish_hook;           /* borrowed, as at the start */
    const char *finish_hook_url;       /* the same */
    struct gord_signer *signer; /* of webhooks that are sent from now on; borrowed for the call */
};

/* Whether webhooks are signed otherwise now. */
bool gord_runner_change(struct gord_runner *runner, const struct gord_runner_change *change);

/* Stop or go on starting jobs. */
void gord_runner_set_paused(struct gord_runner *runner, bool paused);
bool gord_runner_is_paused(const struct gord_runner *runner);

/* A queue or a pool is not as it was: see what may start now, and wake when a pause ends. */
void gord_runner_queues_changed(struct gord_runner *runner);

/* What a job that is queued again for a stop says for a reason. */
#define GORD_STOP_REQUEUES "the daemon stops; it is queued again"

/* What one says that came over an upgrade. */
#define GORD_TAKEN_OVER "the daemon was replaced by another version of itself; it goes on"

/* Start nothing any more, and treat what runs as its policy says: ended with that cause (borrowed),
 * queued again, or awaited. emptied(arg) is called once nothing runs. */
void gord_runner_drain(struct gord_runner *runner, const char *cause, void (*emptied)(void *arg),
                       void *arg);

/* What becomes of the jobs of a kind when the daemon is replaced. */
struct gord_ends {
    uint64_t cancelled;
    uint64_t requeued;
    uint64_t awaited; /* may end by themselves, or did */
};

/* What an upgrade that began now would do to what runs; programs go on, and are counted as awaited. */
void gord_runner_plan_leave(struct gord_runner *runner, struct gord_ends out[GORD_KIND_COUNT]);

/* Whether an upgrade still awaits native jobs and scripts; then what is below them is taken and started, for
 * they may wait for it. */
bool gord_runner_is_awaiting(const struct gord_runner *runner);

/* Whether it does, and what is handed in below that job (0: none) is such. */
bool gord_runner_takes_below(const struct gord_runner *runner, uint64_t parent_id);

/* Whether there is a job that a drain lets go on. */
bool gord_runner_awaits(struct gord_runner *runner);

/* What a drain awaits is ended as well now. */
void gord_runner_wait_no_longer(struct gord_runner *runner);

/* How many jobs run, without those that have been left to the next daemon. */
uint64_t gord_runner_running(const struct gord_runner *runner);

/* Do not wait out the grace of processes being ended. */
void gord_runner_hurry(struct gord_runner *runner);

/* The daemon ends without the jobs that still run: enter them as CANCELLED, or queued again, with that
 * detail. Programs that a hand-over was to leave stay on record as running, for the next one. */
void gord_runner_abandon(struct gord_runner *runner, const char *detail);

/* Once the runtime has stopped, quiet or not: no program outlives the daemon that no other one knows of, as one
 * whose start hung until now would. Those of `handed` (NULL: none) are another's. */
void gord_runner_kill_rest(struct gord_runner *runner, const struct gord_handed *handed,
                           bool quiet);

/* Why a queued job of that kind, below that one (0: none), waits; what a QUEUED event says. */
const char *gord_runner_why_queued(const struct gord_runner *runner, enum gord_job_kind kind,
                                   uint64_t parent_id, char *out, size_t out_bytes);

/* Why that queued job waits. */
const char *gord_runner_why(const struct gord_runner *runner, const struct gord_job *job, char *out,
                            size_t out_bytes);

/* Whether `count` more jobs of that kind are too many, since some would have to wait for a place, and the
 * daemon was told to refuse those; why, in that case. */
bool gord_runner_refuses(const struct gord_runner *runner, enum gord_job_kind kind, uint64_t count,
                         char *out, size_t out_bytes);

/* Whether a program that asks so may gain rights, or what a strict job asks for can be held; else a
 * sentence in `out`. */
bool gord_runner_can_gain(const struct gord_runner *runner, Gor__V1__NewPrivs asked, char *out,
                          size_t out_bytes);
bool gord_runner_can_hold(const struct gord_runner *runner, const Gor__V1__Limits *limits,
                          char *out, size_t out_bytes);

/* What native and Lua jobs have of goroutines; false: there is no quota. */
bool gord_runner_quota(const struct gord_runner *runner, struct gor_quota_stats *out_stats);

/* Tries to send webhooks since the start, by what became of them. */
void gord_runner_webhooks(const struct gord_runner *runner,
                          uint64_t out_counts[GORD_WEBHOOK_RESULTS]);

/* Jobs that have been started and wait for a place. */
uint64_t gord_runner_in_line(const struct gord_runner *runner);

/* The run of a job, while it has one; borrowed. */
struct gord_run *gord_runner_run_of(const struct gord_job *job);

struct gord_bus *gord_runner_bus(const struct gord_runner *runner);

/* Borrowed; loop. */
struct gord_plugins *gord_runner_plugins(const struct gord_runner *runner);

const struct gord_cgroups *gord_runner_cgroups(const struct gord_runner *runner);

/* A job has begun to tell of itself; on the loop. */
void gord_runner_add_reporter(struct gord_runner *runner, struct gord_reporter *reporter);

/* Those of running jobs; borrowed. */
struct gord_reporters *gord_runner_reporters(struct gord_runner *runner);

/* Have fn(arg, id) called on the loop when a job's run begins, and soon after a followed one wrote to its
 * log. */
void gord_runner_on_log(struct gord_runner *runner, void (*fn)(void *arg, uint64_t id), void *arg);

/* Have fn(arg, ask) called on the loop for what running jobs ask about others; it ends with
 * gord_job_ask_answer, now or later. Before, and once the runner has stopped, they are refused. */
void gord_runner_on_ask(struct gord_runner *runner, void (*fn)(void *arg, struct gord_job_ask *ask),
                        void *arg);
void gord_runner_ask(struct gord_runner *runner, struct gord_job_ask *ask);

/* A job's spec, read from the store if it is not in memory. -ENOENT, or the reader's error. */
int gord_runner_need_spec(struct gord_runner *runner, struct gord_job *job);

unsigned gord_runner_slots(const struct gord_runner *runner, enum gord_job_kind kind);

/* Where the logs are; borrowed. */
const char *gord_runner_log_root(const struct gord_runner *runner);

#endif
