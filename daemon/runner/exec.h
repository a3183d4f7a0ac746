/* SPDX-License-Identifier: MIT */
/* exec.h - an exec job's run from inside; for the files exec*.c of this room only.
 *
 * The process stays a zombie until everything about it is over: as long as it does, its pid and its
 * group cannot be taken by others, so that a signal can never hit a stranger.
 * Threads     the job's goroutine, but for the pipes' readers.
 */
#ifndef GORD_RUNNER_EXEC_H
#define GORD_RUNNER_EXEC_H

#include "daemon/runner/exec_report.h"
#include "daemon/runner/run.h"
#include "daemon/runner/tree.h"
#include "daemon/runner/webhook.h"

/* One of the two pipes. */
struct gord_exec_pipe {
    struct gord_exec *exec;
    enum gord_stream stream;
    int fd; /* owned by the goroutine of the job */
};

struct gord_exec {
    struct gord_run *run;
    const Gor__V1__ExecSpec *spec;
    const Gor__V1__CronFire *cron;  /* borrowed; NULL: no entry of the calendar made the job */
    const Gor__V1__HookOf *webhook; /* borrowed; what it is to send; NULL: it is none */
    struct gord_tree tree;
    int pidfd;
    uint64_t floor_bytes;    /* what the process had for a peak before it was itself */
    struct gor_chan *exited; /* closed when the process has ended */
    struct gor_waitgroup readers;
    struct gor_ctx *over; /* owned: ends the reading of the pipes, which are closed after it */
    struct gord_exec_pipe pipes[2];
    int child_fds[2];               /* -1 once the child has them */
    int stdin_fd;                   /* the same; -1: /dev/null */
    struct gord_exec_report report; /* of how far it is, and its result */
    Gor__V1__Outcome stopped;       /* why we ended it; 0: we did not */
    bool left;                      /* to the next daemon; run->handed has what there is to know */
    uint32_t stop_step;             /* of the signals that end it */
    int64_t stop_until_ns;          /* how long that one may take; 0: it has not been sent */
    bool oom;                       /* the kernel killed it for want of memory */
    struct gord_use use;
    struct gord_webhook_line last_line; /* that a webhook's process said; its reader's, then ours */
};

/* ------------------------------------------------------------------ exec_start.c */

/* Start the process: in a control group if it asks for one, with its limits. 0, or -errno with the
 * run's detail. */
int gord_exec_start(struct gord_exec *exec);

/* ------------------------------------------------------------------ exec_pipes.c */

int gord_exec_open_pipes(struct gord_exec *exec);
void gord_exec_close_child_ends(struct gord_exec *exec);
void gord_exec_close_pipes(struct gord_exec *exec);

/* What it is to read: a file, what a webhook is to send, or nothing. 0, or a negative errno with the run's
 * detail. */
int gord_exec_open_stdin(struct gord_exec *exec, struct gor_ctx *ctx);

/* A pipe for it to read, of which run->input gets the other end. As above. */
int gord_exec_open_input(struct gord_exec *exec);

/* Have the pipes read and the end of the process told, by goroutines in exec->readers. The runtime's
 * errors. */
int gord_exec_start_readers(struct gord_exec *exec);

/* ------------------------------------------------------------------ exec_webhook.c */

/* Have ready what a webhook's process is to read. As gord_exec_open_stdin. */
int gord_exec_open_webhook(struct gord_exec *exec);

/* Its process has ended so: what was answered goes to the run's detail, and to how it is tried again. */
void gord_exec_take_answer(struct gord_exec *exec, struct gord_result *result);

/* ------------------------------------------------------------------ exec_end.c */

/* Until the process has ended, by itself or by us; or is to be left to the next daemon: exec->left. */
void gord_exec_wait_or_end(struct gord_exec *exec, struct gor_ctx *ctx);

/* It has ended: end and close whatever is left of it. */
void gord_exec_end_leftovers(struct gord_exec *exec);

/* Take its status, and tell what it used. */
void gord_exec_reap(struct gord_exec *exec, struct gord_result *out_result);

/* ------------------------------------------------------------------ exec_handover.c */

/* Leave the process alone, with a note in run->handed. */
void gord_exec_hand_over(struct gord_exec *exec);

/* What run->taken_over says: the process runs already. -ENOMEM. */
int gord_exec_take_over(struct gord_exec *exec);

#endif
