/* SPDX-License-Identifier: MIT */
/* quota.c - see quota.h. */
#include "runtime/sched/quota.h"

#include <errno.h>
#include <stdlib.h>

#include "runtime/sched/door.h"

struct gor_quota *gor_quota_new(uint64_t max_goroutines)
{
    struct gor_quota *quota = calloc(1, sizeof *quota);
    if (quota != NULL) {
        quota->most = max_goroutines;
        quota->refs = 1;
    }
    return quota;
}

struct gor_quota *gor_quota_ref(struct gor_quota *quota)
{
    __atomic_add_fetch(&quota->refs, 1, __ATOMIC_RELAXED);
    return quota;
}

/* True: that was the last one. */
static bool drop(struct gor_quota *quota)
{
    /* Acquire and release: the last one sees what the others did. */
    return __atomic_sub_fetch(&quota->refs, 1, __ATOMIC_ACQ_REL) == 0;
}

void gor_quota_unref(struct gor_quota *quota)
{
    if (quota != NULL && drop(quota)) {
        free(quota);
    }
}

static void free_trashed(struct gor__trash *trash)
{
    free((char *)trash - offsetof(struct gor_quota, trash));
}

/* With the lock held: those who wait, as far as there is room. */
static void serve(struct gor_quota *quota, struct gor__line_taken *served)
{
    while (quota->live < quota->most && !gor__line_is_empty(&quota->line) &&
           gor__line_take(&quota->line, served)) {
        quota->live++;
    }
}

int gor__quota_enter(struct gor_quota *quota, const struct gor__patience *patience)
{
    int result = 0;
    (void)gor_quota_ref(quota);
    gor__spin_lock(&quota->line.lock);
    if (quota->live < quota->most && gor__line_is_empty(&quota->line)) {
        quota->live++;
        gor__spin_unlock(&quota->line.lock);
    } else if (!patience->waits) {
        result = gor__line_refuse(&quota->line);
    } else {
        const struct gor__g *g = gor__g_self();
        bool within = g != NULL && gor__g_has_flag(g, GOR__G_COUNTED) && g->quota == quota;
        __atomic_fetch_add(&gor__sched.quota_waiting, 1, __ATOMIC_RELAXED);
        result = gor__line_wait(&quota->line, within ? quota->live : 0, patience->limit);
        __atomic_fetch_sub(&gor__sched.quota_waiting, 1, __ATOMIC_RELAXED);
    }
    if (result != 0) {
        __atomic_fetch_add(&gor__sched.quota_refused, 1, __ATOMIC_RELAXED);
        /* Those behind us were held up as long as we were the first. */
        struct gor__line_taken served = {NULL, NULL};
        gor__spin_lock(&quota->line.lock);
        serve(quota, &served);
        gor__spin_unlock(&quota->line.lock);
        gor__line_wake(&served);
        (void)drop(quota); /* not the last: the caller has one, or counts in it */
    }
    return result;
}

void gor__quota_leave(struct gor_quota *quota)
{
    struct gor__line_taken served = {NULL, NULL};
    gor__spin_lock(&quota->line.lock);
    quota->live--;
    serve(quota, &served);
    gor__spin_unlock(&quota->line.lock);
    gor__line_wake(&served);
    if (drop(quota)) {
        gor__free_later(&quota->trash, free_trashed);
    }
}

void gor_quota_stats_get(struct gor_quota *quota, struct gor_quota_stats *out_stats)
{
    struct gor__m *m = gor__enter_any();
    gor__spin_lock(&quota->line.lock);
    struct gor_quota_stats stats = {
        .max_goroutines = quota->most,
        .goroutines = quota->live,
        .waiting = quota->line.count,
        .refused = gor__counted(&quota->line.refused),
        .waits = gor__counted(&quota->line.waits),
        .waited_ns = (int64_t)gor__counted(&quota->line.waited_ns),
    };
    gor__spin_unlock(&quota->line.lock);
    gor__leave_any(m);
    *out_stats = stats;
}
