/* SPDX-License-Identifier: MIT */
/* proc.h - a child process: what starting one (spawn.c) leaves to its owner (proc.c).
 *
 * Threads     goroutines; what is not fixed from the start is guarded by the mutex.
 * Ownership   counted: the maker's reference, one of the function that the end of the context calls.
 */
#ifndef GOR_OS_PROC_H
#define GOR_OS_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "runtime/gor.h"

struct gor_proc {
    uint32_t refs; /* atomic */
    pid_t pid;
    int pidfd; /* owned, known to the poller */
    bool has_group;
    int64_t grace_ns;

    struct gor_mutex lock;
    int pipes[3]; /* owned ends of ours; -1: none, or handed over */
    bool ended;   /* and reaped: the number may be another process's now */
    int error;    /* somebody else reaped it: -ECHILD */
    int status;
    struct rusage usage;
    struct gor_ctx_after *after; /* owned; NULL: no context, or it is done with */
};

/* What the child is to be; `file` and `argv` as in gor_proc_spawn. */
struct gor__spawn_request {
    const char *file;
    char *const *argv;
    const struct gor_proc_opts *opts;
    struct gor_proc *proc;
};

/* Start it, and fill pid and pipes of its struct gor_proc; `arg` is the request. On any thread that may
 * block; negative errno. */
int gor__spawn_child(void *arg);

#endif
