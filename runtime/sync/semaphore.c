/* SPDX-License-Identifier: MIT */
/* semaphore.c - a weighted semaphore, first come, first served.
 *
 * A waiter carries its request in waiter->elem. Whoever returns permits hands them out to the first
 * in line; a waiter that gives up has those behind it looked at again, since it may have been the
 * one that held them up.
 */
#include <errno.h>

#include "runtime/base/lock.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/wakes.h"

struct sem {
    struct gor__lock lock;
    int64_t count;
    struct gor__waitq waiting;
};
_Static_assert(sizeof(struct sem) <= sizeof(struct gor_sem), "gor.h leaves room");

static struct sem *open_up(struct gor_sem *s)
{
    return (struct sem *)(void *)s;
}

static int64_t request_of(const struct gor__waiter *waiter)
{
    return (int64_t)(intptr_t)waiter->elem;
}

/* Take off those the count suffices for; the lock is held. */
static void serve(struct sem *s, struct gor__wakes *wakes)
{
    while (s->waiting.first != NULL && request_of(s->waiting.first) <= s->count) {
        struct gor__waiter *waiter = s->waiting.first;
        gor__waitq_remove(&s->waiting, waiter);
        if (waiter->token == 0 || gor__wake_claim(waiter->g, waiter->token)) {
            s->count -= request_of(waiter);
            gor__wakes_add(wakes, waiter, 0);
        }
    }
}

static void release(struct sem *s, int64_t count)
{
    struct gor__wakes wakes = {NULL, NULL};
    gor__lock(&s->lock);
    GOR_ASSERT(!__builtin_add_overflow(s->count, count, &s->count));
    serve(s, &wakes);
    gor__unlock(&s->lock);
    gor__wakes_do(&wakes);
}

static int acquire(struct sem *s, int64_t count, const struct gor__limit *limit)
{
    gor__lock(&s->lock);
    if (s->waiting.first == NULL && s->count >= count) {
        s->count -= count;
        gor__unlock(&s->lock);
        return 0;
    }
    gor__g_self()->waiter.elem = (void *)(intptr_t)count;
    int result = gor__waitq_wait(&s->waiting, &s->lock, GOR_WAIT_SEMAPHORE, limit);
    if (result != 0) {
        release(s, 0);
    }
    return result;
}

static int acquire_within(struct gor_sem *s, int64_t count, const struct gor__limit *limit)
{
    struct gor__m *m = gor__m_self();
    GOR_ASSERT(count >= 0);
    if (m == NULL) {
        return -EPERM;
    }
    gor__enter_machine(m);
    int result = acquire(open_up(s), count, limit);
    gor__leave();
    return result;
}

int gor_sem_acquire(struct gor_sem *s, int64_t count, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return acquire_within(s, count, &limit);
}

int gor_sem_acquire_ctx(struct gor_sem *s, int64_t count, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return acquire_within(s, count, &limit);
}

void gor_sem_release(struct gor_sem *s, int64_t count)
{
    GOR_ASSERT(count >= 0);
    struct gor__m *m = gor__enter();
    release(open_up(s), count);
    gor__leave_machine(m);
}
