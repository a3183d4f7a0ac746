/* SPDX-License-Identifier: MIT */
/* wakes.h - waiters claimed under an object's lock, to be woken in their order once it is released.
 *
 * Threads     a local variable of whoever wakes.
 */
#ifndef GOR_SYNC_WAKES_H
#define GOR_SYNC_WAKES_H

#include "runtime/sched/waitq.h"

struct gor__wakes {
    struct gor__waiter *first; /* list by next */
    struct gor__waiter *last;
};

static inline void gor__wakes_add(struct gor__wakes *wakes, struct gor__waiter *w, int result)
{
    w->result = result;
    w->next = NULL;
    if (wakes->last != NULL) {
        wakes->last->next = w;
    } else {
        wakes->first = w;
    }
    wakes->last = w;
}

/* Claim everybody on `q`. */
static inline void gor__wakes_add_all(struct gor__wakes *wakes, struct gor__waitq *q, int result)
{
    struct gor__waiter *w = NULL;
    while ((w = gor__waitq_claim(q)) != NULL) {
        gor__wakes_add(wakes, w, result);
    }
}

/* Make them runnable; the list is empty afterwards. */
static inline void gor__wakes_do(struct gor__wakes *wakes)
{
    struct gor__waiter *w = wakes->first;
    while (w != NULL) {
        /* Its own as soon as it runs. */
        struct gor__waiter *next = w->next;
        gor__waiter_wake(w);
        w = next;
    }
    wakes->first = NULL;
    wakes->last = NULL;
}

#endif
