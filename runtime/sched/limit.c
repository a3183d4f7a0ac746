/* SPDX-License-Identifier: MIT */
/* limit.c - see limit.h.
 *
 * Waiting on the context's done channel beside the thing itself, as a select, was rejected: it needs
 * a place in two queues and locks of both, and every primitive would have to be a case of a select.
 */
#include "runtime/sched/limit.h"

#include <errno.h>

#include "runtime/sched/sched.h"
#include "runtime/sched/waitq.h"

enum { HAS_DEADLINE = 1, HAS_WATCH = 2 };

/* ---- the deadline */

static void fire_deadline(void *arg, uint64_t token)
{
    struct gor__g *g = arg;
    if (gor__wake_claim(g, token)) {
        /* Behind those whose time came earlier, not before them as gor__ready would. */
        g->next = NULL;
        gor__ready_list(g, 1);
    }
}

void gor__deadline_set(struct gor__g *g, uint64_t token, int64_t deadline)
{
    g->timer.when = deadline;
    g->timer.fire = fire_deadline;
    g->timer.arg = g;
    g->timer.token = token;
}

void gor__deadline_start(struct gor__g *g, uint64_t token, int64_t deadline)
{
    if (deadline != GOR_NEVER) {
        gor__deadline_set(g, token, deadline);
        g->limits |= HAS_DEADLINE;
    }
}

void gor__deadline_stop(struct gor__g *g, int64_t deadline)
{
    if (deadline != GOR_NEVER) {
        (void)gor__timer_stop(&g->timer);
    }
}

/* ---- the context */

static void enlist(struct gor__watchers *watchers, struct gor__g *g)
{
    struct gor__watch *watch = &g->watch;
    watch->next = NULL;
    watch->listed = true;
    if (watchers->first != NULL) {
        struct gor__g *last = watchers->first->watch.prev;
        watch->prev = last;
        last->watch.next = g;
    } else {
        watchers->first = g;
    }
    watchers->first->watch.prev = g;
}

static void delist(struct gor__watchers *watchers, struct gor__g *g)
{
    struct gor__watch *watch = &g->watch;
    if (watchers->first == g) {
        watchers->first = watch->next;
    } else {
        watch->prev->watch.next = watch->next;
    }
    if (watch->next != NULL) {
        watch->next->watch.prev = watch->prev;
    } else if (watchers->first != NULL) {
        watchers->first->watch.prev = watch->prev;
    }
    /* Release, and the last access: pairs with unwatch. */
    __atomic_store_n(&watch->listed, false, __ATOMIC_RELEASE);
}

/* True when `g` is now ours to wake. */
static bool claim(struct gor__g *g, uint64_t token, int err)
{
    if (!gor__wake_claim(g, token)) {
        return false;
    }
    g->watch.err = err;
    g->next = NULL;
    return true;
}

static void begin_deadline(struct gor__g *g, uint8_t limits)
{
    if ((limits & HAS_DEADLINE) != 0) {
        gor__timer_start(&g->timer);
    }
}

/* The timer is started under the lock, for once `g` has been woken it must find both begun. */
static void begin_watch(struct gor__g *g, uint8_t limits)
{
    struct gor__watchers *watchers = g->watch.watchers;
    gor__lock(&watchers->lock);
    int err = gor__watchers_err(watchers);
    if (err == 0) {
        enlist(watchers, g);
        begin_deadline(g, limits);
    }
    gor__unlock(&watchers->lock);
    /* It ended since the goroutine looked. */
    if (err != 0 && claim(g, g->watch.token, err)) {
        gor__ready_list(g, 1);
    }
}

/* Who finds itself taken off by gor__watchers_end need not wait for that to be over: a context is
 * not freed before. */
static void unwatch(struct gor__g *g, struct gor__watchers *watchers)
{
    if (!__atomic_load_n(&g->watch.listed, __ATOMIC_ACQUIRE)) {
        return;
    }
    gor__lock(&watchers->lock);
    if (g->watch.listed) {
        delist(watchers, g);
    }
    gor__unlock(&watchers->lock);
}

void gor__watchers_end(struct gor__watchers *watchers)
{
    int err = gor__watchers_err(watchers);
    struct gor__g *woken = NULL;
    struct gor__g **place = &woken;
    struct gor__g *g = NULL;
    uint32_t count = 0;
    gor__lock(&watchers->lock);
    while ((g = watchers->first) != NULL) {
        uint64_t token = g->watch.token;
        delist(watchers, g);
        if (claim(g, token, err)) {
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

void gor__limit_arm_token(struct gor__g *g, const struct gor__limit *limit, uint64_t token)
{
    g->woken_by = NULL;
    if (limit == NULL) {
        return;
    }
    gor__deadline_start(g, token, limit->deadline);
    if (limit->watchers != NULL) {
        g->watch.watchers = limit->watchers;
        g->watch.token = token;
        g->watch.err = 0;
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
    unwatch(g, limit->watchers);
    return g->watch.err != 0 ? g->watch.err : -ETIMEDOUT;
}

/* A lock of our own keeps a limit that is over at once from waking us before we sleep. */
int gor__limit_wait(const struct gor__limit *limit, enum gor_wait_reason reason)
{
    struct gor__waitq nobody = {NULL, NULL};
    struct gor__lock lock = {{0}};
    gor__lock(&lock);
    return gor__waitq_wait(&nobody, &lock, reason, limit);
}
