/* SPDX-License-Identifier: MIT */
/* limit.c - see limit.h.
 *
 * Waiting on the context's done channel beside the thing itself, as a select, was rejected: it needs
 * a place in two queues and locks of both, and every primitive would have to be a case of a select.
 */
#include "runtime/sched/limit.h"

#include <errno.h>

#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/waitq.h"

enum { HAS_DEADLINE = 1, HAS_WATCH = 2 };

/* ---- the deadline */

static void fire_deadline(void *arg, uint64_t token)
{
    struct gor__g *g = arg;
    if (gor__wake_claim(g, token)) {
        /* It has slept, so its stack is in no cache. */
        __builtin_prefetch(g->context.sp);
        /* Behind those whose time came earlier, not before them as gor__ready would. */
        g->next = NULL;
        gor__ready_list(g, 1);
    }
}

void gor__deadline_set(struct gor__g *g, struct gor__timer *timer, uint64_t token, int64_t deadline)
{
    timer->when = deadline;
    timer->fire = fire_deadline;
    timer->arg = g;
    timer->token = token;
}

void gor__deadline_start(struct gor__g *g, uint64_t token, int64_t deadline)
{
    if (deadline != GOR_NEVER) {
        gor__deadline_set(g, &gor__pool_side(g)->deadline, token, deadline);
        g->limits |= HAS_DEADLINE;
    }
}

void gor__deadline_stop(struct gor__g *g, int64_t deadline)
{
    if (deadline != GOR_NEVER) {
        (void)gor__timer_stop(&gor__pool_side(g)->deadline);
    }
}

/* ---- the context */

static void enlist(struct gor__watchers *watchers, struct gor__limit *limit)
{
    limit->watch.next = NULL;
    limit->watch.listed = true;
    if (watchers->first != NULL) {
        struct gor__limit *last = watchers->first->watch.prev;
        limit->watch.prev = last;
        last->watch.next = limit;
    } else {
        watchers->first = limit;
    }
    watchers->first->watch.prev = limit;
}

static void delist(struct gor__watchers *watchers, struct gor__limit *limit)
{
    struct gor__limit *next = limit->watch.next;
    if (watchers->first == limit) {
        watchers->first = next;
    } else {
        limit->watch.prev->watch.next = next;
    }
    if (next != NULL) {
        next->watch.prev = limit->watch.prev;
    } else if (watchers->first != NULL) {
        watchers->first->watch.prev = limit->watch.prev;
    }
    /* Release, and the last access: pairs with unwatch, after which the stack it lies on is used for
     * something else. */
    __atomic_store_n(&limit->watch.listed, false, __ATOMIC_RELEASE);
}

/* True when `g`, which waits within `limit`, is now ours to wake; so its stack is still there. */
static bool claim(struct gor__g *g, uint64_t token, struct gor__limit *limit, int err)
{
    if (!gor__wake_claim(g, token)) {
        return false;
    }
    limit->watch.err = err;
    g->next = NULL;
    return true;
}

static void begin_deadline(struct gor__g *g, uint8_t limits)
{
    if ((limits & HAS_DEADLINE) != 0) {
        gor__timer_start(&gor__pool_side(g)->deadline);
    }
}

/* The timer is started under the lock, for once `g` has been woken it must find both begun. */
static void begin_watch(struct gor__g *g, uint8_t limits)
{
    struct gor__limit *limit = g->limit;
    struct gor__watchers *watchers = limit->watchers;
    gor__lock(&watchers->lock);
    int err = gor__watchers_err(watchers);
    if (err == 0) {
        enlist(watchers, limit);
        begin_deadline(g, limits);
    }
    gor__unlock(&watchers->lock);
    /* It ended since the goroutine looked. */
    if (err != 0 && claim(g, limit->watch.token, limit, err)) {
        gor__ready_list(g, 1);
    }
}

/* Who finds itself taken off by gor__watchers_end need not wait for that to be over: a context is
 * not freed before. */
static void unwatch(struct gor__limit *limit)
{
    struct gor__watchers *watchers = limit->watchers;
    if (!__atomic_load_n(&limit->watch.listed, __ATOMIC_ACQUIRE)) {
        return;
    }
    gor__lock(&watchers->lock);
    if (limit->watch.listed) {
        delist(watchers, limit);
    }
    gor__unlock(&watchers->lock);
}

void gor__watchers_end(struct gor__watchers *watchers)
{
    int err = gor__watchers_err(watchers);
    struct gor__g *woken = NULL;
    struct gor__g **place = &woken;
    struct gor__limit *limit = NULL;
    uint32_t count = 0;
    gor__lock(&watchers->lock);
    while ((limit = watchers->first) != NULL) {
        struct gor__g *g = limit->watch.g;
        uint64_t token = limit->watch.token;
        delist(watchers, limit);
        if (claim(g, token, limit, err)) {
            *place = g;
            place = &g->next;
            count++;
        }
    }
    gor__unlock(&watchers->lock);
    gor__ready_list(woken, count);
}

/* ---- both */

int gor__limit_over(const struct gor__limit *limit)
{
    int err = 0;
    if (limit == NULL) {
        return 0;
    }
    if (limit->watchers != NULL) {
        err = gor__watchers_err(limit->watchers);
    }
    if (err == 0 && limit->deadline != GOR_NEVER &&
        (limit->deadline <= 0 || limit->deadline <= gor_now())) {
        err = -ETIMEDOUT;
    }
    return err;
}

static struct gor__limit *own(const struct gor__limit *limit)
{
    return (struct gor__limit *)(uintptr_t)limit;
}

void gor__limit_arm_token(struct gor__g *g, const struct gor__limit *limit, uint64_t token)
{
    g->woken_by = NULL;
    if (limit == NULL) {
        return;
    }
    gor__deadline_start(g, token, limit->deadline);
    if (limit->watchers != NULL) {
        g->limit = own(limit);
        g->limit->watch.g = g;
        g->limit->watch.token = token;
        g->limit->watch.err = 0;
        g->limits |= HAS_WATCH;
    }
}

uint64_t gor__limit_arm(struct gor__g *g, const struct gor__limit *limit)
{
    uint64_t token = gor__limit_is_some(limit) ? gor__wake_arm(g) : 0;
    gor__limit_arm_token(g, limit, token);
    return token;
}

void gor__limit_begin(struct gor__g *g)
{
    uint8_t limits = g->limits;
    g->limits = 0;
    if ((limits & HAS_WATCH) != 0) {
        begin_watch(g, limits);
    } else {
        begin_deadline(g, limits);
    }
}

int gor__limit_disarm(struct gor__g *g, const struct gor__limit *limit)
{
    if (limit == NULL) {
        return 0;
    }
    gor__deadline_stop(g, limit->deadline);
    if (limit->watchers == NULL) {
        return -ETIMEDOUT;
    }
    unwatch(own(limit));
    return limit->watch.err != 0 ? limit->watch.err : -ETIMEDOUT;
}

/* A lock of our own keeps a limit that is over at once from waking us before we sleep. */
int gor__limit_wait(const struct gor__limit *limit, enum gor_wait_reason reason)
{
    struct gor__waitq nobody = {NULL, NULL};
    struct gor__lock lock = {{0}};
    gor__lock(&lock);
    return gor__waitq_wait(&nobody, &lock, reason, limit);
}
