/* SPDX-License-Identifier: MIT */
/* cgroup.h - control groups (version 2) of jobs: limits for all of a job's processes together, the
 * sure way to find them all, and what they used.
 *
 * A job has a group if it asks for a limit that needs one; another pays nothing for them. Groups
 * lie in <place>/jobs/<id>, where <place> is the daemon's own group if that was delegated to it
 * (systemd: Delegate=yes), or the one it was told. Its own processes move to <place>/gord then, for
 * a group with limits below it may have no processes.
 * Threads     open, close: loop thread. The rest: any.
 * Ownership   a group is made and removed by its job's goroutine; what a dead daemon left is
 *             removed by open.
 */
#ifndef GORD_RUNNER_CGROUP_H
#define GORD_RUNNER_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/event/use.h"

enum {
    GORD_CGROUP_MEMORY = 1,
    GORD_CGROUP_CPU = 2,
    GORD_CGROUP_PIDS = 4,
    GORD_CGROUP_CPUS = 8,
    GORD_CGROUP_IO = 16
};

struct gord_handed;

struct gord_cgroups {
    int jobs_fd;              /* owned; the folder of the groups; -1: there are none */
    unsigned can;             /* limits that groups can hold */
    char why[PATH_MAX + 160]; /* why there are no groups, or not all limits; for people */
};

/* Find the place: `where` is "auto" (the daemon's own group, if it is delegated), "off", or a path.
 * Groups of jobs that are there are removed with what is in them, but for those of `handed` (NULL: none).
 * 0, also when there is none; a negative errno with `why` when the path cannot be used. */
int gord_cgroups_open(struct gord_cgroups *groups, const char *where,
                      const struct gord_handed *handed);
void gord_cgroups_close(struct gord_cgroups *groups);

/* What a group is to hold; 0: no limit. */
struct gord_cgroup_limits {
    uint64_t memory_bytes;
    uint32_t cpu_milli;
    uint32_t processes;
    const char *cpus; /* NULL: all; some that are not there hold nothing */
    uint32_t io_weight;
};

/* Make the group of a job with what of `limits` can be held: its folder, or a negative errno. */
int gord_cgroup_make(const struct gord_cgroups *groups, uint64_t job_id,
                     const struct gord_cgroup_limits *limits);

/* The descriptor that a process enters by, as gord_spawn wants it; -errno. */
int gord_cgroup_door(int group);

/* Hold all its processes, or let them go on. */
int gord_cgroup_freeze(int group, bool frozen);

/* Kill all its processes, and wait until they have gone. -EBUSY: they do not, for seconds. Blocks
 * the thread. */
int gord_cgroup_kill(int group);

/* Take over what its processes used, all together. */
void gord_cgroup_use(int group, struct gord_use *use);

/* Whether the kernel has killed in it for want of memory. */
bool gord_cgroup_was_oom(int group);

/* Close it and remove it; it must be empty. */
void gord_cgroup_remove(const struct gord_cgroups *groups, uint64_t job_id, int group);

#endif
