/* SPDX-License-Identifier: MIT */
/* sleep.c - the clock's part in waiting: deadlines of other waits, and plain sleep. */
#include <errno.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"

static void fire_deadline(void *arg, uint64_t token)
{
    struct gor__g *g = arg;
    if (gor__wake_claim(g, token)) {
        /* Behind those whose time came earlier, not before them as gor__ready would. */
        g->next = NULL;
        gor__ready_list(g, 1);
    }
}

static void set_timer(struct gor__g *g, uint64_t token, int64_t deadline)
{
    g->timer.when = deadline;
    g->timer.fire = fire_deadline;
    g->timer.arg = g;
    g->timer.token = token;
}

void gor__deadline_start(struct gor__g *g, uint64_t token, int64_t deadline)
{
    if (deadline != GOR_NEVER) {
        set_timer(g, token, deadline);
        g->has_deadline = true;
    }
}

void gor__deadline_stop(struct gor__g *g, int64_t deadline)
{
    if (deadline != GOR_NEVER) {
        (void)gor__timer_stop(&g->timer);
    }
}

static void sleep_until(struct gor__m *m, int64_t deadline)
{
    struct gor__timers *heap = &m->p->timers;
    if (deadline <= gor_now()) {
        gor__yield(m);
        return;
    }
    gor__lock(&heap->lock);
    set_timer(m->g, gor__wake_arm(m->g), deadline);
    gor__timer_start_locked(heap, &m->g->timer);
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
    return gor_sleep_until(deadline == GOR_NEVER ? GOR_NEVER - 1 : deadline);
}
