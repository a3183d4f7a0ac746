/* SPDX-License-Identifier: MIT */
/* children.h - which child processes are jobs, and the reaping of those that are not.
 *
 * gord is a sub-reaper: processes that a job left behind become its children when their parent
 * dies, and somebody has to reap them. A job's own process is reaped by its goroutine, which needs
 * its status; so the two must never be mixed up.
 *
 * Threads     any thread or goroutine; guarded by `lock`, held for moments.
 */
#ifndef GORD_RUNNER_CHILDREN_H
#define GORD_RUNNER_CHILDREN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "daemon/event/use.h"

enum { GORD_ORPHANS_MAX = 256 };

/* A zombie that nobody claims (yet). */
struct gord_orphan {
    pid_t pid;
    pid_t group;
    uint64_t start_ticks;
    int64_t seen_ns;
};

/* The process of a job. */
struct gord_child {
    pid_t pid;
    struct gord_use left; /* of what it left behind in its group, as far as that is reaped */
};

struct gord_children {
    pthread_mutex_t lock;
    pthread_cond_t settled;   /* no spawn is under way any more */
    struct gord_child *items; /* owned */
    size_t count;
    size_t room;
    unsigned spawning;     /* spawns between begin and end */
    int64_t none_since_ns; /* when `spawning` was 0 last */
    struct gord_orphan orphans[GORD_ORPHANS_MAX];
    size_t orphan_count;
    int list_fd; /* owned: the kernel's list of orphans that came to us; -1: it has none */
};

void gord_children_init(struct gord_children *children);
void gord_children_fini(struct gord_children *children);

/* Around each spawn: pid is the child's, 0 if there is none. end: -ENOMEM with nothing kept. */
void gord_children_begin(struct gord_children *children);
int gord_children_end(struct gord_children *children, pid_t pid);

/* Wait for so long until no spawn is between begin and end, so that each that came about is entered; whether it is
 * so. [not on a goroutine] */
bool gord_children_await_spawns(struct gord_children *children, int64_t patience_ns);

/* A job's process has been reaped; what of its group was reaped before is added to *use. */
void gord_children_forget(struct gord_children *children, pid_t pid, struct gord_use *use);

/* Call visit(arg, pid) for the process of each job that is not reaped, under the lock. */
void gord_children_each(struct gord_children *children, void (*visit)(void *arg, pid_t pid),
                        void *arg);

/* wait4, by which alone children are reaped: the kernel's list of them leaves some out when others are
 * reaped while it is read. */
pid_t gord_children_wait(pid_t pid, int *out_status, int flags, struct rusage *out_rusage);

/* Call visit(arg, pid) for each child of ours that we did not start, and for some that we did, until
 * it answers non-zero; answers that, else 0. Where the kernel has no list of them (no
 * CONFIG_PROC_CHILDREN), or cannot be read without children being reaped, for every process. */
int gord_children_each_orphan(struct gord_children *children, int (*visit)(void *arg, pid_t pid),
                              void *arg);

/* Reap processes left behind by jobs. One that a spawn under way might still claim waits for a later
 * call. Answers how many wait. Reads /proc. One caller at a time. */
size_t gord_children_reap(struct gord_children *children);

#endif
