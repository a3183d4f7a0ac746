/* SPDX-License-Identifier: MIT */
/* rwmutex.c - many readers or one writer.
 *
 * Whoever unlocks hands the lock on, so nobody barges in: a reader that finds a writer waiting
 * queues behind it, the last reader out lets the first writer in, and a writer out lets in all
 * readers that came meanwhile, before the next writer. Counting readers without the lock, as Go
 * does, was put off: it saves an atomic operation only while there is more than one P.
 */
#include <errno.h>

#include "runtime/base/lock.h"
#include "runtime/sched/contention.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/lock_time.h"
#include "runtime/sync/wakes.h"

struct rwmutex {
    struct gor__lock lock;
    bool writing;     /* a writer is inside */
    uint32_t readers; /* inside */
    struct gor__waitq waiting_readers;
    struct gor__waitq waiting_writers;
    int64_t charged_until; /* the waits of those on the queues, while that is profiled */
};
_Static_assert(sizeof(struct rwmutex) <= sizeof(struct gor_rwmutex), "gor.h leaves room");

static struct rwmutex *open_up(struct gor_rwmutex *rw)
{
    return (struct rwmutex *)(void *)rw;
}

/* ---- who may come in; under the lock */

static bool may_read(const struct rwmutex *rw)
{
    return !rw->writing && rw->waiting_writers.first == NULL;
}

static bool may_write(const struct rwmutex *rw)
{
    return !rw->writing && rw->readers == 0;
}

static void admit_writer(struct rwmutex *rw, struct gor__wakes *wakes)
{
    struct gor__waiter *writer = gor__waitq_claim(&rw->waiting_writers);
    if (writer != NULL) {
        rw->writing = true;
        gor__wakes_add(wakes, writer, 0);
    }
}

static void admit_readers(struct rwmutex *rw, struct gor__wakes *wakes)
{
    struct gor__waiter *reader = NULL;
    while ((reader = gor__waitq_claim(&rw->waiting_readers)) != NULL) {
        rw->readers++;
        gor__wakes_add(wakes, reader, 0);
    }
}

/* What those who wait have waited because of whoever unlocks. Writers count from the same moment. */
static int64_t owed_by_holder(struct rwmutex *rw)
{
    int64_t since = rw->charged_until;
    if (!gor__observes(GOR__OBSERVE_MUTEX)) {
        return 0;
    }
    return gor__contention_owed(&rw->waiting_readers, &rw->charged_until) +
           gor__contention_owed(&rw->waiting_writers, &since);
}

/* A writer has given up: those it held up may come in. */
static void admit_after_writer(struct rwmutex *rw)
{
    struct gor__wakes wakes = {NULL, NULL};
    gor__lock(&rw->lock);
    if (may_read(rw)) {
        admit_readers(rw, &wakes);
    } else if (may_write(rw)) {
        admit_writer(rw, &wakes);
    }
    gor__unlock(&rw->lock);
    gor__wakes_do(&wakes);
}

/* Under the lock, which is released. */
static int wait_on(struct rwmutex *rw, struct gor__waitq *queue, enum gor_wait_reason reason,
                   const struct gor__limit *limit)
{
    int64_t began = gor__lock_wait_begins();
    int result = gor__waitq_wait(queue, &rw->lock, reason, limit);
    gor__lock_wait_ends(began);
    return result;
}

/* ---- reading */

static int rlock(struct rwmutex *rw, const struct gor__limit *limit)
{
    gor__lock(&rw->lock);
    if (may_read(rw)) {
        rw->readers++;
        gor__unlock(&rw->lock);
        return 0;
    }
    return wait_on(rw, &rw->waiting_readers, GOR_WAIT_RWMUTEX_READ, limit);
}

static int rlock_within(struct gor_rwmutex *rw, const struct gor__limit *limit)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    gor__enter_machine(m);
    int result = rlock(open_up(rw), limit);
    gor__leave();
    return result;
}

void gor_rwmutex_rlock(struct gor_rwmutex *rw)
{
    GOR_ASSERT(rlock_within(rw, NULL) == 0);
}

int gor_rwmutex_rlock_until(struct gor_rwmutex *rw, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return rlock_within(rw, &limit);
}

int gor_rwmutex_rlock_ctx(struct gor_rwmutex *rw, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return rlock_within(rw, &limit);
}

void gor_rwmutex_runlock(struct gor_rwmutex *opaque)
{
    struct rwmutex *rw = open_up(opaque);
    struct gor__m *m = gor__enter();
    struct gor__wakes wakes = {NULL, NULL};
    gor__lock(&rw->lock);
    if (rw->readers == 0) {
        gor__die("read-unlock of a read-write mutex that no reader holds");
    }
    int64_t owed = 0;
    if (--rw->readers == 0) {
        owed = owed_by_holder(rw);
        admit_writer(rw, &wakes);
    }
    gor__unlock(&rw->lock);
    gor__wakes_do(&wakes);
    if (GOR_UNLIKELY(owed > 0)) {
        gor__contention_released(GOR_WAIT_RWMUTEX_READ, owed);
    }
    gor__leave_machine(m);
}

/* ---- writing */

static int lock(struct rwmutex *rw, const struct gor__limit *limit)
{
    gor__lock(&rw->lock);
    if (may_write(rw)) {
        rw->writing = true;
        gor__unlock(&rw->lock);
        return 0;
    }
    int result = wait_on(rw, &rw->waiting_writers, GOR_WAIT_RWMUTEX_WRITE, limit);
    if (result != 0) {
        admit_after_writer(rw);
    }
    return result;
}

static int lock_within(struct gor_rwmutex *rw, const struct gor__limit *limit)
{
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    gor__enter_machine(m);
    int result = lock(open_up(rw), limit);
    gor__leave();
    return result;
}

void gor_rwmutex_lock(struct gor_rwmutex *rw)
{
    GOR_ASSERT(lock_within(rw, NULL) == 0);
}

int gor_rwmutex_lock_until(struct gor_rwmutex *rw, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return lock_within(rw, &limit);
}

int gor_rwmutex_lock_ctx(struct gor_rwmutex *rw, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return lock_within(rw, &limit);
}

void gor_rwmutex_unlock(struct gor_rwmutex *opaque)
{
    struct rwmutex *rw = open_up(opaque);
    struct gor__m *m = gor__enter();
    struct gor__wakes wakes = {NULL, NULL};
    gor__lock(&rw->lock);
    if (!rw->writing) {
        gor__die("unlock of a read-write mutex that no writer holds");
    }
    int64_t owed = owed_by_holder(rw);
    rw->writing = false;
    admit_readers(rw, &wakes);
    if (rw->readers == 0) {
        admit_writer(rw, &wakes);
    }
    gor__unlock(&rw->lock);
    gor__wakes_do(&wakes);
    if (GOR_UNLIKELY(owed > 0)) {
        gor__contention_released(GOR_WAIT_RWMUTEX_WRITE, owed);
    }
    gor__leave_machine(m);
}
