/* SPDX-License-Identifier: MIT */
/* bind.c - goroutines that stay on one thread, and that thread runs nothing else.
 *
 * A bound goroutine is never on a run queue: made runnable, its thread waits for a P as one that
 * comes back from foreign code does (handoff.h). Whenever it does not run, the thread gives its P
 * away and sleeps.
 */
#include "runtime/gor.h"
#include "runtime/sched/door.h"
#include "runtime/sched/handoff.h"
#include "runtime/sched/seeded.h"

/* Where the list begins that the thread of `g` is on. Gs lie one behind the other. Under the lock, as all of
 * these. */
static struct gor__m **list_of(const struct gor__g *g)
{
    return &gor__sched.bound[(uintptr_t)g / sizeof *g % GOR__BOUND_LISTS];
}

/* The link to the thread of `g`, which is bound. */
static struct gor__m **link_to(const struct gor__g *g)
{
    struct gor__m **link = list_of(g);
    while ((*link)->bound != g) {
        link = &(*link)->next_bound;
    }
    return link;
}

void gor__ready_bound(struct gor__g *g)
{
    gor__g_set_state(g, GOR_RUNNABLE, GOR_WAIT_NONE);
    gor__mutex_lock(&gor__sched.lock);
    struct gor__m *m = *link_to(g);
    if (m->p != NULL) {
        /* It has not even gone to sleep. */
        m->lack = GOR__LACK_WAITS;
    } else {
        gor__wait_for_proc_locked(m, GOR__LACK_WAITS);
        gor__call_attention();
    }
    gor__mutex_unlock(&gor__sched.lock);
}

/* Under the lock: give the P of `m` to others. If the goroutine has yielded, it takes its turn. */
static void give_up_proc(struct gor__m *m)
{
    struct gor__p *p = gor__drop(m);
    __atomic_store_n(&m->taken, GOR__TAKEN, __ATOMIC_RELEASE);
    if (m->lack == GOR__LACK_WAITS) {
        gor__line_up(m);
    }
    gor__let_go(p);
}

struct gor__g *gor__wait_bound(struct gor__m *m)
{
    gor__mutex_lock(&gor__sched.lock);
    if (gor__sched.stopping) {
        /* It may come from a door, and without a P. */
        gor__mutex_unlock(&gor__sched.lock);
        return NULL;
    }
    struct gor__p *p = m->p;
    bool goes_on = m->lack == GOR__LACK_WAITS && p != NULL && !gor__is_wanted(p) &&
                   gor__sched.world_stopped == 0;
    if (goes_on) {
        m->lack = GOR__LACK_NOTHING;
    } else {
        give_up_proc(m);
    }
    gor__mutex_unlock(&gor__sched.lock);
    if (goes_on) {
        return m->bound;
    }
    gor__proc_came_free(p);
    return gor__wait_until_given(m) ? m->bound : NULL;
}

void gor_lock_os_thread(void)
{
    struct gor__m *m = gor__enter();
    GOR_ASSERT(m->g != NULL && m->g->thread_locks < UINT16_MAX);
    /* In the seeded mode there is one thread, for all. */
    if (!gor__seeded_on() && m->g->thread_locks++ == 0) {
        gor__mutex_lock(&gor__sched.lock);
        bool able = gor__is_able(m);
        m->bound = m->g;
        m->next_bound = *list_of(m->g);
        *list_of(m->g) = m;
        gor__count_able(m, able);
        gor__mutex_unlock(&gor__sched.lock);
        /* Every switch away from here goes over the scheduler's stack from now on. */
        __atomic_store_n(&m->p->attention, true, __ATOMIC_RELEASE);
    }
    gor__leave_machine(m);
}

void gor__unbind(struct gor__m *m, bool ends)
{
    gor__mutex_lock(&gor__sched.lock);
    bool able = gor__is_able(m);
    *link_to(m->bound) = m->next_bound;
    m->bound = NULL;
    m->ends = ends;
    gor__count_able(m, able);
    gor__mutex_unlock(&gor__sched.lock);
}

void gor_unlock_os_thread(void)
{
    struct gor__m *m = gor__enter();
    GOR_ASSERT(m->g != NULL);
    if (m->g->thread_locks > 0 && --m->g->thread_locks == 0) {
        gor__unbind(m, false);
    }
    gor__leave_machine(m);
}
