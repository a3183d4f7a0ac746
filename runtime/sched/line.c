/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "runtime/sched/line.h"

#include <errno.h>
#include <stddef.h>

#include "runtime/base/futex.h"
#include "runtime/sched/sched.h"

/* A thread of the host in line; on its stack. */
struct host {
    struct gor__waiter waiter; /* without a G */
    uint32_t woken;            /* futex */
};

static void add(uint64_t *counter, uint64_t delta)
{
    __atomic_add_fetch(counter, delta, __ATOMIC_RELAXED);
}

static void set_count(struct gor__line *line, uint32_t count)
{
    __atomic_store_n(&line->count, count, __ATOMIC_RELAXED);
}

void gor__line_announce(struct gor__line *line)
{
    set_count(line, line->count + 1);
    gor__fence(); /* pairs with that of whoever makes room; see line.h */
}

void gor__line_withdraw(struct gor__line *line)
{
    set_count(line, line->count - 1);
}

/* ---- waiting */

/* One that was not taken out; with the lock held. Whoever looked for the first may have dropped it. */
static void give_up(struct gor__line *line, struct gor__waiter *w)
{
    gor__waitq_remove(&line->waiting, w);
    gor__line_withdraw(line);
    add(&line->refused, 1);
}

static int wait_as_goroutine(struct gor__line *line, struct gor__g *g, bool for_ever,
                             const struct gor__limit *limit)
{
    struct gor__waiter *w = &g->waiter;
    w->g = g;
    w->token = gor__limit_arm(g, limit);
    w->index = for_ever;
    line->for_ever += for_ever;
    gor__waitq_push(&line->waiting, w);
    gor__park_spin(&line->lock, GOR_WAIT_SPAWN);
    int over = gor__limit_disarm(g, limit);
    if (w->token == 0 || g->woken_by != NULL) {
        return w->result;
    }
    gor__spin_lock(&line->lock);
    give_up(line, w);
    gor__spin_unlock(&line->lock);
    return over;
}

/* A deadline of gor_now(), which may be virtual, on the clock of threads. */
static int64_t on_real_clock(int64_t deadline)
{
    return deadline == GOR_NEVER ? GOR_NEVER : gor__monotonic_after(deadline - gor_now());
}

static int wait_as_host(struct gor__line *line, const struct gor__limit *limit)
{
    struct host host = {.waiter = {.g = NULL, .index = 0}, .woken = 0};
    int64_t deadline = on_real_clock(limit != NULL ? limit->deadline : GOR_NEVER);
    gor__waitq_push(&line->waiting, &host.waiter);
    gor__spin_unlock(&line->lock);
    while (__atomic_load_n(&host.woken, __ATOMIC_ACQUIRE) == 0) {
        if (gor__futex_wait(&host.woken, 0, deadline)) {
            continue;
        }
        gor__spin_lock(&line->lock);
        bool late = host.waiter.queue != NULL;
        if (late) {
            give_up(line, &host.waiter);
        }
        gor__spin_unlock(&line->lock);
        if (late) {
            return -ETIMEDOUT;
        }
        deadline = GOR_NEVER; /* taken out at the last moment: the word is on its way */
    }
    return host.waiter.result;
}

static int turn_away(struct gor__line *line, int error)
{
    gor__spin_unlock(&line->lock);
    add(&line->refused, 1);
    return error;
}

int gor__line_refuse(struct gor__line *line)
{
    return turn_away(line, -EAGAIN);
}

/* With the lock held: what speaks against waiting. */
static int objection(const struct gor__line *line, uint64_t taken, bool for_ever,
                     const struct gor__limit *limit)
{
    /* Under the lock, which gor__line_stop takes after it was set: who sees it set is told there. */
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_RELAXED)) {
        return -ESRCH;
    }
    int over = gor__limit_over(limit);
    return over == 0 && for_ever && line->for_ever + 1 >= taken ? -EDEADLK : over;
}

int gor__line_wait(struct gor__line *line, uint64_t taken, const struct gor__limit *limit)
{
    struct gor__g *g = gor__g_self();
    bool for_ever = g != NULL && taken > 0 && !gor__limit_is_some(limit);
    int error = objection(line, taken, for_ever, limit);
    if (error != 0) {
        gor__line_withdraw(line);
        return turn_away(line, error);
    }
    int64_t begun = gor_now();
    int result =
        g != NULL ? wait_as_goroutine(line, g, for_ever, limit) : wait_as_host(line, limit);
    add(&line->waited_ns, (uint64_t)(gor_now() - begun));
    if (result == 0) {
        add(&line->waits, 1);
    }
    return result;
}

/* ---- waking */

static void list(struct gor__line_taken *taken, struct gor__waiter *w)
{
    w->next = NULL;
    if (taken->last != NULL) {
        taken->last->next = w;
    } else {
        taken->first = w;
    }
    taken->last = w;
}

bool gor__line_take(struct gor__line *line, struct gor__line_taken *taken)
{
    struct gor__waiter *w = gor__waitq_claim(&line->waiting);
    if (w == NULL) {
        return false;
    }
    gor__line_withdraw(line);
    line->for_ever -= w->index;
    w->result = 0;
    list(taken, w);
    return true;
}

static void wake(struct gor__waiter *w)
{
    if (w->g != NULL) {
        gor__waiter_wake(w);
        return;
    }
    struct host *host = (struct host *)((char *)w - offsetof(struct host, waiter));
    /* Release: pairs with its look at the word, after which its stack is used for something else. */
    __atomic_store_n(&host->woken, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&host->woken, 1);
}

void gor__line_wake(struct gor__line_taken *taken)
{
    struct gor__waiter *w = taken->first;
    while (w != NULL) {
        struct gor__waiter *next = w->next;
        wake(w);
        w = next;
    }
}

void gor__line_stop(struct gor__line *line)
{
    struct gor__line_taken hosts = {NULL, NULL};
    gor__spin_lock(&line->lock);
    for (struct gor__waiter *w = line->waiting.first, *next = NULL; w != NULL; w = next) {
        next = w->next;
        if (w->g == NULL) {
            gor__waitq_remove(&line->waiting, w);
            gor__line_withdraw(line);
            w->result = -ESRCH;
            list(&hosts, w);
        }
    }
    gor__spin_unlock(&line->lock);
    gor__line_wake(&hosts);
}

void gor__line_forget(struct gor__line *line)
{
    gor__spin_lock(&line->lock);
    line->waiting = (struct gor__waitq){NULL, NULL};
    line->for_ever = 0;
    set_count(line, 0);
    gor__spin_unlock(&line->lock);
}
