/* SPDX-License-Identifier: MIT */
/* limit.h - what may end a wait before its time: a deadline, and a context.
 *
 * A wait that has a limit is armed with a token (goroutine.h), and whoever claims it first wakes the
 * goroutine: what it waits for, its timer, or the end of the context, on whose list it stands. How
 * to wait on something whose lock is held:
 *
 *     int over = gor__limit_over(limit);           no need to wait: release the lock, answer that
 *     token = gor__limit_arm(g, limit);            for the waiter, which goes on the queue
 *     gor__park(&lock, reason);                    the limit counts from here on
 *     over = gor__limit_disarm(g, limit);
 *     if (g->woken_by == NULL) { take the waiter off the queue; answer `over` }
 *
 * gor__waitq_wait does all that. An operation that can be done at once is done, whatever the limit
 * says; so the look at it comes second.
 *
 * Invariants  a goroutine is on the list of one context at most, from the switch away until it is
 *             claimed by the context or disarms; once the context has ended the list is empty.
 * Threads     holders of a P, inside. The lock of the watchers is taken after those of channels, sync
 *             objects and descriptors, before those of timers. `err` may be read by any thread.
 * Ownership   a context outlives the calls it is given to.
 */
#ifndef GOR_SCHED_LIMIT_H
#define GOR_SCHED_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/lock.h"
#include "runtime/gor.h"

struct gor__g;

/* Those whose waits end with a context; zeroed: none, and it lives. */
struct gor__watchers {
    struct gor__lock lock;
    int err;                  /* 0 while it lives; atomic */
    struct gor__limit *first; /* a list by watch.next; the first one's watch.prev is the last one */
};

/* A NULL limit means for ever. Lies on the stack of the goroutine it is for; never const, though
 * it is passed on as if it were: `watch` is limit.c's own, while a wait is under way. */
struct gor__limit {
    int64_t deadline;               /* GOR_NEVER: none; below 1: poll once */
    struct gor__watchers *watchers; /* NULL: none */
    struct {
        struct gor__limit *next; /* list links, under the watchers' lock */
        struct gor__limit *prev;
        struct gor__g *g;
        uint64_t token;
        int err;     /* set by the end of the context, if that woke the goroutine */
        bool listed; /* atomic */
    } watch;
};

/* The watchers of a context; NULL for one that never ends, and for NULL. Any thread. sync/context.c */
struct gor__watchers *gor__ctx_watchers(struct gor_ctx *ctx);

static inline struct gor__limit gor__limit_until(int64_t deadline)
{
    return (struct gor__limit){.deadline = deadline};
}

static inline struct gor__limit gor__limit_ctx(struct gor_ctx *ctx)
{
    return (struct gor__limit){.deadline = GOR_NEVER, .watchers = gor__ctx_watchers(ctx)};
}

static inline int gor__watchers_err(const struct gor__watchers *watchers)
{
    /* Acquire: pairs with the release of whoever ends it. */
    return __atomic_load_n(&watchers->err, __ATOMIC_ACQUIRE);
}

/* Whether anything can end the wait early. */
static inline bool gor__limit_is_some(const struct gor__limit *limit)
{
    return limit != NULL && (limit->deadline != GOR_NEVER || limit->watchers != NULL);
}

/* 0; -ETIMEDOUT: the deadline has passed; -ECANCELED or -ETIMEDOUT: the context has ended. */
int gor__limit_over(const struct gor__limit *limit);

/* For the next wait of `g`, the caller: the token, 0 when nothing can end it early. Also forgets who
 * woke it last. */
uint64_t gor__limit_arm(struct gor__g *g, const struct gor__limit *limit);

/* The same for a wait that needs a token in any case, and has it. */
void gor__limit_arm_token(struct gor__g *g, const struct gor__limit *limit, uint64_t token);

/* Once awake. If the limit has ended the wait (woken_by is NULL), its error. */
int gor__limit_disarm(struct gor__g *g, const struct gor__limit *limit);

/* `err` has been set, once and for all (release), and no wait begins any more: end those that have
 * begun. */
void gor__watchers_end(struct gor__watchers *watchers);

/* Wait for the limit only. Its error. */
int gor__limit_wait(const struct gor__limit *limit, enum gor_wait_reason reason);

/* ---- inside sched/ */

/* The stack of `g` is stored: from now on the limit may wake it. */
void gor__limit_begin(struct gor__g *g);

#endif
