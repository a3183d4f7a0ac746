/* SPDX-License-Identifier: MIT */
/* waitq.c - see waitq.h. */
#include "runtime/sched/waitq.h"

#include "runtime/sched/sched.h"

void gor__waiter_wake(struct gor__waiter *w)
{
    struct gor__g *g = w->g;
    g->woken_by = w;
    gor__ready(g);
}

static int wait_for_ever(struct gor__waitq *q, struct gor__lock *lock, enum gor_wait_reason reason)
{
    struct gor__g *g = gor__g_self();
    struct gor__waiter *w = &g->waiter;
    w->g = g;
    w->token = 0;
    gor__waitq_push(q, w);
    gor__park(lock, reason);
    return w->result;
}

static int wait_within(struct gor__waitq *q, struct gor__lock *lock, enum gor_wait_reason reason,
                       const struct gor__limit *limit)
{
    int over = gor__limit_over(limit);
    if (over != 0) {
        gor__unlock(lock);
        return over;
    }
    struct gor__g *g = gor__g_self();
    struct gor__waiter *w = &g->waiter;
    w->g = g;
    w->token = gor__limit_arm(g, limit);
    gor__waitq_push(q, w);
    gor__park(lock, reason);
    over = gor__limit_disarm(g, limit);
    if (GOR_LIKELY(g->woken_by != NULL)) {
        return w->result;
    }
    gor__lock(lock);
    gor__waitq_remove(q, w);
    gor__unlock(lock);
    return over;
}

int gor__waitq_wait(struct gor__waitq *q, struct gor__lock *lock, enum gor_wait_reason reason,
                    const struct gor__limit *limit)
{
    return GOR_LIKELY(limit == NULL) ? wait_for_ever(q, lock, reason)
                                     : wait_within(q, lock, reason, limit);
}
