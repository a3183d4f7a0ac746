/* SPDX-License-Identifier: MIT */
/* once.c - the first caller runs it, the others wait until it is done. A function that panics or
 * ends its goroutine counts as done, as in Go: the mark is set by a deferred call. */
#include "runtime/base/lock.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/wakes.h"

struct once {
    struct gor__lock lock;
    uint32_t done; /* written under the lock, read without */
    bool running;
    struct gor__waitq waiting;
};
_Static_assert(sizeof(struct once) <= sizeof(struct gor_once), "gor.h leaves room");

static void finish(void *arg)
{
    struct once *o = arg;
    struct gor__wakes wakes = {NULL, NULL};
    struct gor__m *m = gor__enter();
    gor__lock(&o->lock);
    /* Release: pairs with the acquire of callers that find it done. */
    __atomic_store_n(&o->done, 1, __ATOMIC_RELEASE);
    gor__wakes_add_all(&wakes, &o->waiting, 0);
    gor__unlock(&o->lock);
    gor__wakes_do(&wakes);
    gor__leave_machine(m);
}

static void run(struct once *o, void (*fn)(void *arg), void *arg)
{
    struct gor_defer at_end;
    gor_defer(&at_end, finish, o);
    fn(arg);
    gor_undefer(&at_end, true);
}

/* True when it is for the caller to run; else it is done. */
static bool claim_or_wait(struct once *o)
{
    gor__lock(&o->lock);
    if (o->done == 0 && o->running) {
        (void)gor__waitq_wait(&o->waiting, &o->lock, GOR_WAIT_ONCE, NULL);
        return false;
    }
    bool first = o->done == 0;
    if (first) {
        o->running = true;
    }
    gor__unlock(&o->lock);
    return first;
}

void gor_once_do(struct gor_once *opaque, void (*fn)(void *arg), void *arg)
{
    struct once *o = (struct once *)(void *)opaque;
    if (GOR_LIKELY(__atomic_load_n(&o->done, __ATOMIC_ACQUIRE) != 0)) {
        return;
    }
    (void)gor__enter();
    bool first = claim_or_wait(o);
    gor__leave();
    if (first) {
        run(o, fn, arg);
    }
}
