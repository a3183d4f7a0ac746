/* SPDX-License-Identifier: MIT */
/* spawn.h - start a program as the leader of a process group of its own.
 *
 * posix_spawn cannot set a umask and tells only that something failed, so this does what it does
 * inside (clone with shared memory, parent held until exec) and reports the step that failed.
 *
 * Invariants  the child has the given stdin (or /dev/null), stdout and stderr, the report pipes, no
 *             other descriptor, no blocked signal, every signal at its default.
 * Threads     any thread or goroutine; holds the calling thread until the exec, about a
 *             millisecond.
 * Ownership   the caller owns the pidfd it gets and has to reap the child.
 */
#ifndef GORD_RUNNER_SPAWN_H
#define GORD_RUNNER_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/runner/placement.h"
#include "daemon/runner/rlimits.h"
#include "daemon/runner/user.h"

struct gord_spawn {
    char *const *argv; /* borrowed, ends with NULL, at least one */
    char *const *env;  /* borrowed, ends with NULL; its PATH is the one searched */
    const char *cwd;   /* borrowed; "" or NULL: "/" */
    bool has_umask;    /* else the daemon's */
    mode_t umask;
    bool has_stdin;
    int stdin_fd;                           /* borrowed, 5 or above; with has_stdin */
    int stdout_fd;                          /* borrowed, 5 or above */
    int stderr_fd;                          /* borrowed, 5 or above */
    const int *report_fds;                  /* borrowed, 5 or above: become 3 and 4; NULL: none */
    const struct gord_rlimits *rlimits;     /* borrowed; NULL: as the daemon has them */
    const struct gord_placement *placement; /* borrowed; NULL: as the daemon's */
    bool no_new_privs;            /* neither it nor what it starts gains rights by an exec */
    const struct gord_user *user; /* borrowed: as whom it runs; NULL: as the daemon */
    bool has_cgroup;
    int cgroup_fd; /* borrowed: cgroup.procs of the control group it enters */
};

/* Start it: 0 with *out_pid and *out_pidfd, else a negative errno and a sentence in `error` that
 * names program and cause. The failed child is reaped already. */
int gord_spawn_start(const struct gord_spawn *spec, pid_t *out_pid, int *out_pidfd, char *error,
                     size_t error_bytes);

#endif
