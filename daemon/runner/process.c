/* SPDX-License-Identifier: MIT */
/* process.c - see process.h. */
#include "daemon/runner/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "runtime/gor.h"

void gord_process_init(struct gord_process *process)
{
    memset(process, 0, sizeof(*process));
    pthread_mutex_init(&process->lock, NULL);
}

void gord_process_fini(struct gord_process *process)
{
    pthread_mutex_destroy(&process->lock);
}

void gord_process_begin(struct gord_process *process, const struct gord_tree *tree)
{
    pthread_mutex_lock(&process->lock);
    process->tree = *tree;
    pthread_mutex_unlock(&process->lock);
}

void gord_process_end(struct gord_process *process)
{
    pthread_mutex_lock(&process->lock);
    process->tree.leader = 0;
    pthread_mutex_unlock(&process->lock);
}

/* Caller holds the lock. */
static void go_on(struct gord_process *process)
{
    gord_tree_go_on(&process->tree);
    process->paused = false;
    process->paused_ns += gor_now() - process->paused_at;
}

int gord_process_signal(struct gord_process *process, int sig)
{
    int result = -ESRCH;

    pthread_mutex_lock(&process->lock);
    if (process->tree.leader != 0) {
        gord_tree_signal(&process->tree, sig);
        if (sig == SIGCONT && process->paused) {
            go_on(process);
        }
        result = 0;
    }
    pthread_mutex_unlock(&process->lock);
    return result;
}

size_t gord_process_list(struct gord_process *process, pid_t *out_pids, size_t room)
{
    size_t count = 0;

    pthread_mutex_lock(&process->lock);
    if (process->tree.leader != 0) {
        count = gord_tree_list(&process->tree, out_pids, room);
    }
    pthread_mutex_unlock(&process->lock);
    return count;
}

int gord_process_pause(struct gord_process *process)
{
    int result = -ESRCH;

    pthread_mutex_lock(&process->lock);
    if (process->tree.leader != 0 && process->paused) {
        result = -EALREADY;
    } else if (process->tree.leader != 0) {
        gord_tree_stop(&process->tree);
        process->paused = true;
        process->paused_at = gor_now();
        result = 0;
    }
    pthread_mutex_unlock(&process->lock);
    return result;
}

int gord_process_resume(struct gord_process *process)
{
    int result = -ESRCH;

    pthread_mutex_lock(&process->lock);
    if (process->tree.leader != 0) {
        result = process->paused ? 0 : -EALREADY;
        if (process->paused) {
            go_on(process);
        }
    }
    pthread_mutex_unlock(&process->lock);
    return result;
}

int64_t gord_process_paused_ns(struct gord_process *process, bool *out_paused)
{
    pthread_mutex_lock(&process->lock);
    int64_t paused_ns = process->paused_ns;
    *out_paused = process->paused;
    pthread_mutex_unlock(&process->lock);
    return paused_ns;
}

int64_t gord_process_pauses(struct gord_process *process, int *out_paused, int64_t *out_paused_at)
{
    pthread_mutex_lock(&process->lock);
    int64_t paused_ns = process->paused_ns;
    *out_paused = process->paused;
    *out_paused_at = process->paused_at;
    pthread_mutex_unlock(&process->lock);
    return paused_ns;
}

void gord_process_set_pauses(struct gord_process *process, bool paused, int64_t paused_at,
                             int64_t paused_ns)
{
    pthread_mutex_lock(&process->lock);
    process->paused = paused;
    process->paused_at = paused_at;
    process->paused_ns = paused_ns;
    pthread_mutex_unlock(&process->lock);
}
