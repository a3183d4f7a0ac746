/* SPDX-License-Identifier: MIT */
/* process.h - the process of a run, for those who steer it from outside: signals and pauses.
 *
 * Invariants  between begin and end the process is not reaped, so its pid and group are its own.
 * Threads     init, begin, end: whoever owns the run. The others: any thread; guarded by `lock`,
 *             which is held while a tree of processes is stopped: some microseconds for each.
 * Ownership   part of a run.
 */
#ifndef GORD_RUNNER_PROCESS_H
#define GORD_RUNNER_PROCESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/runner/tree.h"

struct gord_process {
    pthread_mutex_t lock;
    struct gord_tree tree; /* its leader is 0 before and after */
    bool paused;
    int64_t paused_at; /* gor_now(), while paused */
    int64_t paused_ns; /* of pauses that are over */
};

void gord_process_init(struct gord_process *process);
void gord_process_fini(struct gord_process *process);

/* It runs from here on; it is about to be reaped. */
void gord_process_begin(struct gord_process *process, const struct gord_tree *tree);
void gord_process_end(struct gord_process *process);

/* Send a signal to its group. SIGCONT ends a pause. 0, or -ESRCH: there is no process. */
int gord_process_signal(struct gord_process *process, int sig);

/* Those there are now, its leader first, as far as there is room: how many; 0: there is no process. */
size_t gord_process_list(struct gord_process *process, pid_t *out_pids, size_t room);

/* Hold all its processes, let them go on. 0; -ESRCH; -EALREADY: it is so. */
int gord_process_pause(struct gord_process *process);
int gord_process_resume(struct gord_process *process);

/* How long it has been paused so far, and whether it is now. */
int64_t gord_process_paused_ns(struct gord_process *process, bool *out_paused);

/* The same, and since when it is paused if it is; to be set again by whoever takes the process over. */
int64_t gord_process_pauses(struct gord_process *process, int *out_paused, int64_t *out_paused_at);
void gord_process_set_pauses(struct gord_process *process, bool paused, int64_t paused_at,
                             int64_t paused_ns);

#endif
