/* SPDX-License-Identifier: MIT */
/* proc.h - what /proc tells of a process. Any thread. */
#ifndef GORD_RUNNER_PROC_H
#define GORD_RUNNER_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gord_proc {
    char state; /* 'R', 'S', 'Z', ... */
    pid_t parent;
    pid_t group;
    pid_t session;
    uint64_t start_ticks; /* since boot; with the pid it names a process uniquely */
};

/* 0, or -ESRCH when there is no such process, or another errno of reading /proc. */
int gord_proc_read(pid_t pid, struct gord_proc *out_proc);

/* Call visit(arg, pid) for every process until it answers non-zero; answers that, else 0, else the
 * errno of opening /proc. */
int gord_proc_each(int (*visit)(void *arg, pid_t pid), void *arg);

/* The same for the children that each thread of `pid` has; where the kernel has no such list, none. */
int gord_proc_each_child(pid_t pid, int (*visit)(void *arg, pid_t pid), void *arg);

/* Call visit(arg, pid) for each number in an open file of /proc that lists some with a blank behind
 * each, until it answers non-zero; answers that, else 0. */
int gord_proc_each_listed(int fd, int (*visit)(void *arg, pid_t pid), void *arg);

/* Copy the value of `name` in the environment the process was started with. 0; -ENOENT: it is not
 * there; -ENODATA: there is no environment at all, which is so for a moment while the process becomes
 * another program; else the errno of reading. */
int gord_proc_env(pid_t pid, const char *name, char *out, size_t out_bytes);

/* Whether it was started with GOR_JOB_ID=id. Of one that becomes another program at this moment that
 * cannot be told yet: it is looked at again and again for `within_ns` at most, with rest(ns) between
 * two looks, or the thread sleeping if that is NULL. */
bool gord_proc_carries_id(pid_t pid, uint64_t id, int64_t within_ns, int (*rest)(int64_t ns));

#endif
