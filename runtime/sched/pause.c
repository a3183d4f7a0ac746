/* SPDX-License-Identifier: MIT */
/* pause.c - see pause.h. */
#include "runtime/sched/pause.h"

#include <errno.h>
#include <stddef.h>

#include "runtime/sched/asleep.h"
#include "runtime/sched/door.h"
#include "runtime/sched/quota.h"
#include "runtime/sched/ready.h"

uint32_t gor__pauses;

/* Under the lock of its line. */
static void put_aside(struct gor_quota *quota, struct gor__g *g)
{
    /* The time until it is resumed is none that the scheduler had it wait for. */
    gor__g_clear_flag(g, GOR__G_STAMPED);
    g->waiting_since = gor__coarse_now();
    g->next = NULL;
    *(quota->aside_last != NULL ? &quota->aside_last->next : &quota->aside) = g;
    quota->aside_last = g;
    quota->aside_count++;
    gor__g_set_state(g, GOR_WAITING, GOR_WAIT_PAUSED);
}

bool gor__pause_sets_aside(struct gor__g *g)
{
    struct gor_quota *quota = gor__g_has_flag(g, GOR__G_COUNTED) ? g->quota : NULL;
    for (; quota != NULL; quota = quota->above) {
        if (!__atomic_load_n(&quota->paused, __ATOMIC_RELAXED)) {
            continue;
        }
        gor__spin_lock(&quota->line.lock);
        bool paused = quota->paused;
        if (paused) {
            put_aside(quota, g);
        }
        gor__spin_unlock(&quota->line.lock);
        if (paused) {
            return true;
        }
    }
    return false;
}

/* Under the lock of its line, or as the last who knows of it. Whether it was not so before. */
static bool set_paused(struct gor_quota *quota, bool paused)
{
    bool changed = quota->paused != paused;
    if (changed) {
        __atomic_store_n(&quota->paused, paused, __ATOMIC_RELAXED);
        (void)__atomic_fetch_add(&gor__pauses, paused ? 1 : (uint32_t)-1, __ATOMIC_SEQ_CST);
    }
    return changed;
}

int gor_quota_pause(struct gor_quota *quota)
{
    struct gor__m *m = gor__enter_any();
    gor__spin_lock(&quota->line.lock);
    bool changed = set_paused(quota, true);
    gor__spin_unlock(&quota->line.lock);
    if (changed) {
        gor__call_attention();
    }
    gor__leave_any(m);
    return changed ? 0 : -EALREADY;
}

int gor_quota_resume(struct gor_quota *quota)
{
    struct gor__m *m = gor__enter_any();
    gor__spin_lock(&quota->line.lock);
    bool changed = set_paused(quota, false);
    struct gor__g *aside = quota->aside;
    uint32_t count = quota->aside_count;
    quota->aside = quota->aside_last = NULL;
    quota->aside_count = 0;
    gor__spin_unlock(&quota->line.lock);
    if (aside != NULL) {
        gor__ready_list(aside, count);
    } else if (changed && !gor__pauses_any()) {
        /* Nothing runs for it; but as long as there was a pause, no deadlock was one. */
        gor__asleep_notice_again();
    }
    gor__leave_any(m);
    return changed ? 0 : -EALREADY;
}

void gor__pause_destroy(struct gor_quota *quota)
{
    /* A goroutine, which may be outside here, has a P or gets one again; when that becomes idle, it is noticed. */
    if (set_paused(quota, false) && !gor__pauses_any() && gor__m_self() == NULL) {
        gor__asleep_notice_again();
    }
}

void gor__pause_forget(struct gor_quota *quota)
{
    quota->aside = quota->aside_last = NULL;
    quota->aside_count = 0;
}
