/* SPDX-License-Identifier: MIT */
#include "daemon/runner/children.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/base/grow.h"
#include "daemon/runner/proc.h"
#include "runtime/gor.h"

void gord_children_init(struct gord_children *children)
{
    pthread_condattr_t attributes;
    char path[64];

    memset(children, 0, sizeof(*children));
    pthread_mutex_init(&children->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&children->settled, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    /* Who loses its parent gets our first thread for one; that thread starts nobody itself. */
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
    children->list_fd = open(path, O_RDONLY | O_CLOEXEC);
}

void gord_children_fini(struct gord_children *children)
{
    free(children->items);
    if (children->list_fd >= 0) {
        close(children->list_fd);
    }
    (void)pthread_cond_destroy(&children->settled);
    pthread_mutex_destroy(&children->lock);
}

void gord_children_begin(struct gord_children *children)
{
    pthread_mutex_lock(&children->lock);
    if (children->spawning == 0) {
        children->none_since_ns = gor_now();
    }
    children->spawning++;
    pthread_mutex_unlock(&children->lock);
}

static int remember(struct gord_children *children, pid_t pid)
{
    if (gord_grow(&children->items, children->count, &children->room, sizeof(*children->items)) !=
        0) {
        return -ENOMEM;
    }
    children->items[children->count++] = (struct gord_child){.pid = pid};
    return 0;
}

int gord_children_end(struct gord_children *children, pid_t pid)
{
    int result = 0;

    pthread_mutex_lock(&children->lock);
    if (pid > 0) {
        result = remember(children, pid);
    }
    children->spawning--;
    if (children->spawning == 0) {
        pthread_cond_broadcast(&children->settled);
    }
    pthread_mutex_unlock(&children->lock);
    return result;
}

static struct timespec at(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / GOR_SECOND, .tv_nsec = ns % GOR_SECOND};
}

bool gord_children_await_spawns(struct gord_children *children, int64_t patience_ns)
{
    struct timespec until = at(gor_after(patience_ns));
    int result = 0;

    pthread_mutex_lock(&children->lock);
    while (children->spawning > 0 && result == 0) {
        result = pthread_cond_timedwait(&children->settled, &children->lock, &until);
    }
    bool settled = children->spawning == 0;
    pthread_mutex_unlock(&children->lock);
    return settled;
}

/* Caller holds the lock. NULL: it is no job's. */
static struct gord_child *find_child(const struct gord_children *children, pid_t pid)
{
    for (size_t i = 0; i < children->count; i++) {
        if (children->items[i].pid == pid) {
            return &children->items[i];
        }
    }
    return NULL;
}

void gord_children_forget(struct gord_children *children, pid_t pid, struct gord_use *use)
{
    pthread_mutex_lock(&children->lock);
    struct gord_child *child = find_child(children, pid);
    if (child != NULL) {
        gord_use_merge(use, &child->left);
        *child = children->items[--children->count];
    }
    pthread_mutex_unlock(&children->lock);
}

void gord_children_each(struct gord_children *children, void (*visit)(void *arg, pid_t pid),
                        void *arg)
{
    pthread_mutex_lock(&children->lock);
    for (size_t i = 0; i < children->count; i++) {
        visit(arg, children->items[i].pid);
    }
    pthread_mutex_unlock(&children->lock);
}

/* ------------------------------------------------------------------ orphans */

enum { LIST_TRIES = 16 };

/* Of this process, as the children are. */
static _Atomic uint64_t reaps_begun;
static _Atomic uint64_t reaps_done;

pid_t gord_children_wait(pid_t pid, int *out_status, int flags, struct rusage *out_rusage)
{
    atomic_fetch_add(&reaps_begun, 1);
    pid_t got = wait4(pid, out_status, flags, out_rusage);
    atomic_fetch_add(&reaps_done, 1);
    return got;
}

struct list {
    pid_t *pids; /* owned */
    size_t count;
    size_t room;
};

static int add_to_list(void *arg, pid_t pid)
{
    struct list *list = arg;

    if (gord_grow(&list->pids, list->count, &list->room, sizeof(*list->pids)) != 0) {
        return -ENOMEM;
    }
    list->pids[list->count++] = pid;
    return 0;
}

/* All of them, read while none was reaped: the kernel goes on from the last it told, and if that is gone
 * by the number of those before, which are fewer then. False: it did not come about. */
static bool read_list(const struct gord_children *children, struct list *list)
{
    for (int i = 0; i < LIST_TRIES; i++) {
        uint64_t done = atomic_load(&reaps_done);
        uint64_t begun = atomic_load(&reaps_begun);
        list->count = 0;
        if (gord_proc_each_listed(children->list_fd, add_to_list, list) != 0) {
            return false;
        }
        if (begun == done && atomic_load(&reaps_begun) == begun) {
            return true;
        }
    }
    return false;
}

int gord_children_each_orphan(struct gord_children *children, int (*visit)(void *arg, pid_t pid),
                              void *arg)
{
    struct list list = {NULL, 0, 0};
    int result = 0;

    if (children->list_fd < 0 || !read_list(children, &list)) {
        result = gord_proc_each(visit, arg);
    } else {
        for (size_t i = 0; i < list.count && result == 0; i++) {
            result = visit(arg, list.pids[i]);
        }
    }
    free(list.pids);
    return result;
}

/* ------------------------------------------------------------------ reaping */

struct sweep {
    struct gord_orphan found[GORD_ORPHANS_MAX];
    size_t count;
};

/* Collect zombies of ours that are no job's. */
static int look_at(void *arg, pid_t pid)
{
    struct sweep *sweep = arg;
    struct gord_proc proc;

    if (gord_proc_read(pid, &proc) == 0 && proc.state == 'Z' && proc.parent == getpid() &&
        sweep->count < GORD_ORPHANS_MAX) {
        sweep->found[sweep->count++] =
            (struct gord_orphan){pid, proc.group, proc.start_ticks, gor_now()};
    }
    return 0;
}

static int64_t first_seen(const struct gord_children *children, const struct gord_orphan *orphan)
{
    for (size_t i = 0; i < children->orphan_count; i++) {
        const struct gord_orphan *old = &children->orphans[i];
        if (old->pid == orphan->pid && old->start_ticks == orphan->start_ticks) {
            return old->seen_ns;
        }
    }
    return orphan->seen_ns;
}

/* Caller holds the lock. */
static void reap_orphan(struct gord_children *children, const struct gord_orphan *orphan)
{
    struct gord_child *child = find_child(children, orphan->group);
    struct rusage rusage;

    if (gord_children_wait(orphan->pid, NULL, WNOHANG, &rusage) > 0 && child != NULL) {
        gord_use_add(&child->left, &rusage, 0);
    }
}

size_t gord_children_reap(struct gord_children *children)
{
    struct sweep *sweep = calloc(1, sizeof(*sweep));
    size_t kept = 0;

    if (sweep == NULL) {
        return 1;
    }
    gord_proc_each(look_at, sweep);
    pthread_mutex_lock(&children->lock);
    int64_t settled = children->spawning == 0 ? gor_now() : children->none_since_ns;
    for (size_t i = 0; i < sweep->count; i++) {
        struct gord_orphan *orphan = &sweep->found[i];
        if (find_child(children, orphan->pid) != NULL) {
            continue;
        }
        orphan->seen_ns = first_seen(children, orphan);
        /* Every spawn that could have made it had ended, and so been entered, since we first saw
         * it unclaimed. */
        if (settled > orphan->seen_ns) {
            reap_orphan(children, orphan);
        } else {
            sweep->found[kept++] = *orphan;
        }
    }
    memcpy(children->orphans, sweep->found, kept * sizeof(*sweep->found));
    children->orphan_count = kept;
    pthread_mutex_unlock(&children->lock);
    free(sweep);
    return kept;
}
