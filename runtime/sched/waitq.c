/* SPDX-License-Identifier: MIT */
/* waitq.c - see waitq.h. */
#include "runtime/sched/waitq.h"

#include <errno.h>

#include "runtime/sched/sched.h"

void gor__waiter_wake(struct gor__waiter *w)
{
    struct gor__g *g = w->g;
    g->woken_by = w;
    gor__ready(g);
}

int gor__waitq_wait(struct gor__waitq *q, struct gor__lock *lock, enum gor_wait_reason reason,
                    int64_t deadline)
{
    struct gor__g *g = gor__g_self();
    struct gor__waiter *w = &g->waiter;
    w->g = g;
    w->token = deadline == GOR_NEVER ? 0 : gor__wake_arm(g);
    g->woken_by = NULL;
    gor__waitq_push(q, w);
    gor__deadline_start(g, w->token, deadline);
    gor__park(lock, reason);
    gor__deadline_stop(g, deadline);
    if (GOR_LIKELY(g->woken_by != NULL)) {
        return w->result;
    }
    gor__lock(lock);
    gor__waitq_remove(q, w);
    gor__unlock(lock);
    return -ETIMEDOUT;
}
