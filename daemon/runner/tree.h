/* SPDX-License-Identifier: MIT */
/* tree.h - all processes of one exec job: its process group, and those that have left the group.
 *
 * A process that has left (by setsid, say) is found where the kernel puts it when its parent ends:
 * among our own children, for we are the sub-reaper. It is the job's if it is still in the job's
 * group or session, or carries the job's id in its environment. What has shed all three is found by
 * a control group only.
 * Threads     end: the job's goroutine, after its process has ended and before it is reaped, so that
 *             its pid and group are nobody else's. stop, go_on, list: any thread, under the same condition.
 */
#ifndef GORD_RUNNER_TREE_H
#define GORD_RUNNER_TREE_H

#include <stdint.h>
#include <sys/types.h>

#include "daemon/event/use.h"
#include "daemon/runner/cgroup.h"
#include "daemon/runner/children.h"

struct gord_tree {
    struct gord_children *children; /* borrowed */
    uint64_t job_id;
    pid_t leader;
    int group; /* borrowed: its control group's folder; -1: it has none */
};

/* The most processes that are found. */
enum { GORD_TREE_MAX = 4096 };

/* To its process group. */
void gord_tree_signal(const struct gord_tree *tree, int sig);

/* Freeze or thaw its control group; without one SIGSTOP or SIGCONT to its group, to all that descend from its leader, and to those that left. */
void gord_tree_stop(const struct gord_tree *tree);
void gord_tree_go_on(const struct gord_tree *tree);

/* Its processes as they are now, the leader first, as far as there is room: how many there are. */
size_t gord_tree_list(const struct gord_tree *tree, pid_t *out_pids, size_t room);

/* The leader has ended: kill what is left and reap it; what that used is added to *use. One that the
 * kernel does not let go within some seconds is left behind. [goroutine] */
void gord_tree_end(const struct gord_tree *tree, struct gord_use *use);

#endif
