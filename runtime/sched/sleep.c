/* SPDX-License-Identifier: MIT */
/* sleep.c - plain sleep. */
#include <errno.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"

static void sleep_until(struct gor__m *m, int64_t deadline)
{
    struct gor__timers *heap = &m->p->timers;
    if (deadline <= gor_now()) {
        gor__yield(m);
        return;
    }
    gor__lock(&heap->lock);
    m->g->sleep.heap = NULL; /* it is what other waits have left there */
    gor__deadline_set(m->g, &m->g->sleep, gor__wake_arm(m->g), deadline);
    gor__timer_start_locked(heap, &m->g->sleep);
    gor__park(&heap->lock, GOR_WAIT_SLEEP);
}

int gor_sleep_until(int64_t deadline)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    if (deadline == GOR_NEVER) {
        return -EINVAL;
    }
    sleep_until(gor__enter(), deadline);
    gor__leave();
    return 0;
}

int gor_sleep(int64_t ns)
{
    int64_t deadline = gor_after(ns);
    /* 292 years are no error. */
    return gor__shown(gor_sleep_until(deadline == GOR_NEVER ? GOR_NEVER - 1 : deadline));
}
