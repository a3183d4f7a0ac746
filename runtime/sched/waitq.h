/* SPDX-License-Identifier: MIT */
/* waitq.h - first come, first served: the waiters of one channel direction, mutex, ...
 *
 * Invariants  waiter->queue says which queue it is on; a popped waiter's goroutine is the
 *             popper's to wake.
 * Threads     guarded by the lock of the object the queue belongs to.
 * Ownership   waiters belong to their goroutines (g->waiter, g->cases).
 */
#ifndef GOR_SCHED_WAITQ_H
#define GOR_SCHED_WAITQ_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/sched/goroutine.h"
#include "runtime/sched/limit.h"

struct gor__waitq {
    struct gor__waiter *first; /* written atomically: select looks at it without the lock */
    struct gor__waiter *last;
};

static inline void gor__waitq_set_first(struct gor__waitq *q, struct gor__waiter *w)
{
    __atomic_store_n(&q->first, w, __ATOMIC_RELAXED);
}

static inline void gor__waitq_push(struct gor__waitq *q, struct gor__waiter *w)
{
    w->next = NULL;
    w->prev = q->last;
    w->queue = q;
    if (q->last != NULL) {
        q->last->next = w;
    } else {
        gor__waitq_set_first(q, w);
    }
    q->last = w;
}

static inline void gor__waitq_push_first(struct gor__waitq *q, struct gor__waiter *w)
{
    w->prev = NULL;
    w->next = q->first;
    w->queue = q;
    if (q->first != NULL) {
        q->first->prev = w;
    } else {
        q->last = w;
    }
    gor__waitq_set_first(q, w);
}

/* Take `w` off; nothing when it is on no queue. */
static inline void gor__waitq_remove(struct gor__waitq *q, struct gor__waiter *w)
{
    if (w->queue == NULL) {
        return;
    }
    w->queue = NULL;
    if (w->prev != NULL) {
        w->prev->next = w->next;
    } else {
        gor__waitq_set_first(q, w->next);
    }
    if (w->next != NULL) {
        w->next->prev = w->prev;
    } else {
        q->last = w->prev;
    }
}

/* The first waiter whose wait is still open, taken off and claimed: the caller must wake it.
 * Waiters that something else has woken are dropped on the way. NULL when there is none. */
static inline struct gor__waiter *gor__waitq_claim(struct gor__waitq *q)
{
    for (;;) {
        struct gor__waiter *w = q->first;
        if (w == NULL) {
            return NULL;
        }
        gor__waitq_set_first(q, w->next);
        if (w->next != NULL) {
            w->next->prev = NULL;
        } else {
            q->last = NULL;
        }
        w->queue = NULL;
        if (w->token == 0 || gor__wake_claim(w->g, w->token)) {
            return w;
        }
    }
}

/* Wake a claimed waiter's goroutine; its `result` is set. Only after the object's lock was
 * released: the goroutine may free the object as soon as it runs. */
void gor__waiter_wake(struct gor__waiter *w);

/* Wait on one queue, whose lock the caller holds: as g->waiter, until woken or as long as the limit
 * lets it. The waker's result, or the error of gor__limit_over, at once if it is over. The lock is
 * released. */
int gor__waitq_wait(struct gor__waitq *q, struct gor__lock *lock, enum gor_wait_reason reason,
                    const struct gor__limit *limit);

#endif
