/* SPDX-License-Identifier: MIT */
/* cond.c - wait for something to become true; wakes in the order of wait.
 *
 * The condition's lock is taken before the mutex is given back and held until the goroutine sleeps:
 * whoever takes the mutex next and signals comes to that lock after us.
 */
#include <errno.h>

#include "runtime/base/lock.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/mutex.h"
#include "runtime/sync/wakes.h"

struct cond {
    struct gor__lock lock;
    struct gor__waitq waiting;
};
_Static_assert(sizeof(struct cond) <= sizeof(struct gor_cond), "gor.h leaves room");

static struct cond *open_up(struct gor_cond *c)
{
    return (struct cond *)(void *)c;
}

static int wait_within(struct gor_cond *opaque, struct gor_mutex *m, const struct gor__limit *limit)
{
    struct cond *c = open_up(opaque);
    struct gor__m *machine = gor__m_self();
    if (machine == NULL) {
        return -EPERM;
    }
    gor__enter_machine(machine);
    gor__lock(&c->lock);
    gor__mutex_release(m);
    int result = gor__limit_over(limit);
    if (result == 0) {
        result = gor__waitq_wait(&c->waiting, &c->lock, GOR_WAIT_COND, limit);
    } else {
        gor__unlock(&c->lock);
        /* Who asks again and again without time to wait must let in those who could change it. */
        gor__yield(machine);
    }
    (void)gor__mutex_acquire(m, NULL);
    gor__leave();
    return result;
}

void gor_cond_wait(struct gor_cond *c, struct gor_mutex *m)
{
    GOR_ASSERT(wait_within(c, m, NULL) == 0);
}

int gor_cond_wait_until(struct gor_cond *c, struct gor_mutex *m, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return wait_within(c, m, &limit);
}

int gor_cond_wait_ctx(struct gor_cond *c, struct gor_mutex *m, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return wait_within(c, m, &limit);
}

void gor_cond_signal(struct gor_cond *opaque)
{
    struct cond *c = open_up(opaque);
    struct gor__m *machine = gor__enter();
    gor__lock(&c->lock);
    struct gor__waiter *waiter = gor__waitq_claim(&c->waiting);
    gor__unlock(&c->lock);
    if (waiter != NULL) {
        waiter->result = 0;
        gor__waiter_wake(waiter);
    }
    gor__leave_machine(machine);
}

void gor_cond_broadcast(struct gor_cond *opaque)
{
    struct cond *c = open_up(opaque);
    struct gor__wakes wakes = {NULL, NULL};
    struct gor__m *machine = gor__enter();
    gor__lock(&c->lock);
    gor__wakes_add_all(&wakes, &c->waiting, 0);
    gor__unlock(&c->lock);
    gor__wakes_do(&wakes);
    gor__leave_machine(machine);
}
