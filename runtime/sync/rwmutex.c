/* SPDX-License-Identifier: MIT */
/* rwmutex.c - many readers or one writer.
 *
 * Whoever unlocks hands the lock on, so nobody barges in: a reader that finds a writer waiting
 * queues behind it, the last reader out lets the first writer in, and a writer out lets in all
 * readers that came meanwhile, before the next writer. Counting readers without the lock, as Go
 * does, was put off: it saves an atomic operation only while there is more than one P.
 */
#include "runtime/base/lock.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/wakes.h"

struct rwmutex {
    struct gor__lock lock;
    bool writing;     /* a writer is inside */
    uint32_t readers; /* inside */
    struct gor__waitq waiting_readers;
    struct gor__waitq waiting_writers;
};
_Static_assert(sizeof(struct rwmutex) <= sizeof(struct gor_rwmutex), "gor.h leaves room");

static struct rwmutex *open_up(struct gor_rwmutex *rw)
{
    return (struct rwmutex *)(void *)rw;
}

void gor_rwmutex_rlock(struct gor_rwmutex *opaque)
{
    struct rwmutex *rw = open_up(opaque);
    (void)gor__enter();
    gor__lock(&rw->lock);
    if (!rw->writing && rw->waiting_writers.first == NULL) {
        rw->readers++;
        gor__unlock(&rw->lock);
    } else {
        (void)gor__waitq_wait(&rw->waiting_readers, &rw->lock, GOR_WAIT_RWMUTEX_READ, GOR_NEVER);
    }
    gor__leave();
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

void gor_rwmutex_runlock(struct gor_rwmutex *opaque)
{
    struct rwmutex *rw = open_up(opaque);
    struct gor__m *m = gor__enter();
    struct gor__wakes wakes = {NULL, NULL};
    gor__lock(&rw->lock);
    if (rw->readers == 0) {
        gor__die("read-unlock of a read-write mutex that no reader holds");
    }
    if (--rw->readers == 0) {
        admit_writer(rw, &wakes);
    }
    gor__unlock(&rw->lock);
    gor__wakes_do(&wakes);
    gor__leave_machine(m);
}

void gor_rwmutex_lock(struct gor_rwmutex *opaque)
{
    struct rwmutex *rw = open_up(opaque);
    (void)gor__enter();
    gor__lock(&rw->lock);
    if (!rw->writing && rw->readers == 0) {
        rw->writing = true;
        gor__unlock(&rw->lock);
    } else {
        (void)gor__waitq_wait(&rw->waiting_writers, &rw->lock, GOR_WAIT_RWMUTEX_WRITE, GOR_NEVER);
    }
    gor__leave();
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
    rw->writing = false;
    admit_readers(rw, &wakes);
    if (rw->readers == 0) {
        admit_writer(rw, &wakes);
    }
    gor__unlock(&rw->lock);
    gor__wakes_do(&wakes);
    gor__leave_machine(m);
}
