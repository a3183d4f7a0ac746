/* SPDX-License-Identifier: MIT */
/* tree.c - see tree.h. */
#include "daemon/runner/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/runner/children.h"
#include "daemon/runner/proc.h"
#include "runtime/gor.h"

/* For one that was killed to be gone; only a sick device takes longer. */
#define KILLED_WITHIN_NS (5 * GOR_SECOND)
/* For one to become another program: moments, unless its file comes from afar. At the end of a job
 * nobody is kept waiting; while it is stopped, the loop is. */
#define EXEC_WITHIN_NS (5 * GOR_SECOND)
#define EXEC_WITHIN_STOP_NS (20 * GOR_MILLISECOND)
/* More than any process may start while it is being stopped, less than for ever. */
enum { STOP_ROUNDS = 16 };

void gord_tree_signal(const struct gord_tree *tree, int sig)
{
    kill(-tree->leader, sig);
}

/* Of a child of ours that is not the leader. */
static bool is_ours(const struct gord_tree *tree, pid_t pid, int64_t within_ns,
                    int (*rest)(int64_t ns), struct gord_proc *out_proc)
{
    if (pid == tree->leader || gord_proc_read(pid, out_proc) != 0 || out_proc->parent != getpid()) {
        return false;
    }
    return out_proc->group == tree->leader || out_proc->session == tree->leader ||
           gord_proc_carries_id(pid, tree->job_id, within_ns, rest);
}

/* ------------------------------------------------------------------ the end */

struct ending {
    const struct gord_tree *tree;
    struct gord_use *use;
    size_t ended; /* in this round */
};

static bool reap(struct ending *ending, pid_t pid)
{
    struct rusage rusage;

    if (gord_children_wait(pid, NULL, WNOHANG, &rusage) <= 0) {
        return false; /* the reaper had it, or it lives */
    }
    gord_use_add(ending->use, &rusage, 0);
    ending->ended++;
    return true;
}

/* Kill it, by a descriptor, since the number might be somebody else's by now. */
static int end_orphan(void *arg, pid_t pid)
{
    struct ending *ending = arg;
    struct gord_proc proc;
    int fd = pid != ending->tree->leader ? pidfd_open(pid, 0) : -1;

    if (fd < 0) {
        return 0;
    }
    if (is_ours(ending->tree, pid, EXEC_WITHIN_NS, gor_sleep, &proc)) {
        bool lived = proc.state != 'Z' && pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;
        if (lived) {
            gor_fd_wait(fd, GOR_FD_READ, gor_after(KILLED_WITHIN_NS));
        }
        ending->use->left_processes += reap(ending, pid) && lived;
    }
    gor_close(fd);
    return 0;
}

/* On a thread of its own, for it waits. */
static int kill_group(void *arg)
{
    return gord_cgroup_kill(*(const int *)arg);
}

void gord_tree_end(const struct gord_tree *tree, struct gord_use *use)
{
    struct ending ending = {.tree = tree, .use = use};

    gord_tree_signal(tree, SIGKILL);
    if (tree->group >= 0) {
        (void)gor_blocking(kill_group, (void *)(uintptr_t)&tree->group);
    }
    /* The children of one that ends become ours before it is seen to have ended. */
    do {
        ending.ended = 0;
        gord_children_each_orphan(tree->children, end_orphan, &ending);
    } while (ending.ended > 0);
}

/* ------------------------------------------------------------------ stopping */

/* Processes found, each once. */
struct found {
    const struct gord_tree *tree;
    pid_t pids[GORD_TREE_MAX];
    size_t count;
    int sig;
};

static void add(struct found *found, pid_t pid)
{
    for (size_t i = 0; i < found->count; i++) {
        if (found->pids[i] == pid) {
            return;
        }
    }
    if (found->count < GORD_TREE_MAX) {
        found->pids[found->count++] = pid;
        if (found->sig != 0) {
            kill(pid, found->sig);
        }
    }
}

static int add_child(void *arg, pid_t pid)
{
    add(arg, pid);
    return 0;
}

static int add_orphan(void *arg, pid_t pid)
{
    struct found *found = arg;
    struct gord_proc proc;

    if (is_ours(found->tree, pid, EXEC_WITHIN_STOP_NS, NULL, &proc)) {
        add(found, pid);
    }
    return 0;
}

/* All of the job's, its leader first. Each is signalled when it is found; one that is stopped starts nobody
 * any more, so the rounds end when one finds nobody new. NULL: out of memory. */
static struct found *find_all(const struct gord_tree *tree, int sig)
{
    struct found *found = malloc(sizeof(*found));
    size_t before = 0;
    size_t at = 0;

    if (found == NULL) {
        return NULL;
    }
    found->tree = tree;
    found->count = 0;
    found->sig = sig;
    add(found, tree->leader);
    for (int round = 0; round < STOP_ROUNDS && before < found->count; round++) {
        before = found->count;
        gord_children_each_orphan(tree->children, add_orphan, found);
        for (at = 0; at < found->count; at++) {
            gord_proc_each_child(found->pids[at], add_child, found);
        }
    }
    return found;
}

static void signal_all(const struct gord_tree *tree, int sig)
{
    gord_tree_signal(tree, sig);
    free(find_all(tree, sig));
}

size_t gord_tree_list(const struct gord_tree *tree, pid_t *out_pids, size_t room)
{
    struct found *found = find_all(tree, 0);
    size_t count = found != NULL ? found->count : 0;

    if (count > 0) {
        memcpy(out_pids, found->pids, (count < room ? count : room) * sizeof(*out_pids));
    }
    free(found);
    return count;
}

void gord_tree_stop(const struct gord_tree *tree)
{
    if (tree->group < 0 || gord_cgroup_freeze(tree->group, true) != 0) {
        signal_all(tree, SIGSTOP);
    }
}

void gord_tree_go_on(const struct gord_tree *tree)
{
    if (tree->group < 0 || gord_cgroup_freeze(tree->group, false) != 0) {
        signal_all(tree, SIGCONT);
    }
}
