/* SPDX-License-Identifier: MIT */
/* quota.c - see quota.h. */
#include "runtime/sched/quota.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/base/futex.h"
#include "runtime/sched/door.h"
#include "runtime/sched/pause.h"

/* All quotas. The lock is taken outside only, before that of a line. */
static struct {
    struct gor__mutex lock;
    struct gor_quota *first;
} all;

/* ---- the list */

static void enlist(struct gor_quota *quota)
{
    gor__mutex_lock(&all.lock);
    quota->next = all.first;
    if (all.first != NULL) {
        all.first->prev = quota;
    }
    all.first = quota;
    gor__mutex_unlock(&all.lock);
}

/* With the lock. */
static void destroy_listed(struct gor_quota *quota)
{
    if (quota->prev != NULL) {
        quota->prev->next = quota->next;
    } else {
        all.first = quota->next;
    }
    if (quota->next != NULL) {
        quota->next->prev = quota->prev;
    }
    gor__pause_destroy(quota);
    free(quota);
}

/* True: that was the last reference. */
static bool drop(struct gor_quota *quota)
{
    /* Acquire and release: the last one sees what the others did. */
    return __atomic_sub_fetch(&quota->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

/* Give up a reference, and with the last one that on the one above; with the lock. */
static void unref_listed(struct gor_quota *quota)
{
    while (quota != NULL && drop(quota)) {
        struct gor_quota *above = quota->above;
        destroy_listed(quota);
        quota = above;
    }
}

/* Its last reference is gone. */
static void destroy(struct gor_quota *quota)
{
    struct gor_quota *above = quota->above;
    gor__mutex_lock(&all.lock);
    destroy_listed(quota);
    unref_listed(above);
    gor__mutex_unlock(&all.lock);
}

/* ---- references */

struct gor_quota *gor_quota_new(uint64_t max_goroutines)
{
    struct gor_quota *quota = calloc(1, sizeof *quota);
    if (quota != NULL) {
        quota->most = max_goroutines;
        quota->refs = 1;
        enlist(quota);
    }
    return quota;
}

struct gor_quota *gor_quota_new_below(struct gor_quota *above, uint64_t max_goroutines)
{
    struct gor_quota *quota = gor_quota_new(max_goroutines);
    if (quota != NULL && above != NULL) {
        quota->above = gor_quota_ref(above);
    }
    return quota;
}

struct gor_quota *gor_quota_ref(struct gor_quota *quota)
{
    __atomic_add_fetch(&quota->refs, 1, __ATOMIC_RELAXED);
    return quota;
}

void gor_quota_unref(struct gor_quota *quota)
{
    if (quota != NULL && drop(quota)) {
        destroy(quota);
    }
}

static void destroy_trashed(struct gor__trash *trash)
{
    destroy((struct gor_quota *)(void *)((char *)trash - offsetof(struct gor_quota, trash)));
}

/* ---- places */

/* With the lock held. */
static void take(struct gor_quota *quota)
{
    if (quota->live++ == 0) {
        (void)gor_quota_ref(quota);
    }
}

/* With the lock held: those who wait, as far as there is room. */
static void serve(struct gor_quota *quota, struct gor__line_taken *served)
{
    while (quota->live < quota->most && gor__line_take(&quota->line, served)) {
        take(quota);
    }
}

/* Does the caller count in it, or in one below? */
static bool is_within(const struct gor_quota *quota)
{
    const struct gor__g *g = gor__g_self();
    const struct gor_quota *own = g != NULL && gor__g_has_flag(g, GOR__G_COUNTED) ? g->quota : NULL;
    while (own != NULL && own != quota) {
        own = own->above;
    }
    return own != NULL;
}

static int enter_one(struct gor_quota *quota, const struct gor__patience *patience)
{
    gor__spin_lock(&quota->line.lock);
    /* Nobody waits then: who leaves serves those who do before anybody else can come. */
    if (quota->live < quota->most) {
        take(quota);
        gor__spin_unlock(&quota->line.lock);
        return 0;
    }
    if (!patience->waits) {
        __atomic_fetch_add(&gor__sched.quota_refused, 1, __ATOMIC_RELAXED);
        return gor__line_refuse(&quota->line);
    }
    bool within = is_within(quota);
    gor__line_announce(&quota->line);
    __atomic_fetch_add(&gor__sched.quota_waiting, 1, __ATOMIC_RELAXED);
    int result = gor__line_wait(&quota->line, within ? quota->live : 0, patience->limit);
    if (result != -ESRCH) {
        __atomic_fetch_sub(&gor__sched.quota_waiting, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&gor__sched.quota_refused, result != 0, __ATOMIC_RELAXED);
    }
    return result;
}

static void leave_one(struct gor_quota *quota)
{
    struct gor__line_taken served = {NULL, NULL};
    gor__spin_lock(&quota->line.lock);
    bool last = --quota->live == 0;
    serve(quota, &served);
    gor__spin_unlock(&quota->line.lock);
    gor__line_wake(&served);
    /* If somebody was served, that is a reference of its own. */
    if (last && drop(quota)) {
        gor__free_later(&quota->trash, destroy_trashed);
    }
}

int gor__quota_enter(struct gor_quota *quota, const struct gor__patience *patience)
{
    int result = enter_one(quota, patience);
    if (result == 0 && quota->above != NULL) {
        result = gor__quota_enter(quota->above, patience);
        if (result < 0) {
            leave_one(quota);
        }
    }
    return result;
}

/* What is above lives as long as somebody has a place there. */
void gor__quota_leave(struct gor_quota *quota)
{
    while (quota != NULL) {
        struct gor_quota *above = quota->above;
        leave_one(quota);
        quota = above;
    }
}

/* ---- the end of the runtime */

void gor__quotas_stop(void)
{
    gor__mutex_lock(&all.lock);
    for (struct gor_quota *quota = all.first; quota != NULL; quota = quota->next) {
        gor__line_stop(&quota->line);
    }
    gor__mutex_unlock(&all.lock);
}

void gor__quotas_forget(void)
{
    gor__mutex_lock(&all.lock);
    struct gor_quota *quota = all.first != NULL ? gor_quota_ref(all.first) : NULL;
    while (quota != NULL) {
        /* The end of this one may be that of others, too, but not of the next. */
        struct gor_quota *next = quota->next != NULL ? gor_quota_ref(quota->next) : NULL;
        bool counted = quota->live > 0;
        quota->live = 0;
        gor__line_forget(&quota->line);
        gor__pause_forget(quota);
        if (counted) {
            (void)drop(quota);
        }
        unref_listed(quota);
        quota = next;
    }
    gor__mutex_unlock(&all.lock);
}

void gor_quota_stats_get(struct gor_quota *quota, struct gor_quota_stats *out_stats)
{
    struct gor__m *m = gor__enter_any();
    gor__spin_lock(&quota->line.lock);
    struct gor_quota_stats stats = {
        .max_goroutines = quota->most,
        .goroutines = quota->live,
        .paused = quota->aside_count,
        .waiting = quota->line.count,
        .refused = gor__counted(&quota->line.refused),
        .waits = gor__counted(&quota->line.waits),
        .waited_ns = (int64_t)gor__counted(&quota->line.waited_ns),
    };
    gor__spin_unlock(&quota->line.lock);
    gor__leave_any(m);
    *out_stats = stats;
}
