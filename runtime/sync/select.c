/* SPDX-License-Identifier: MIT */
/* select.c - wait for whichever of several channel operations can proceed first.
 *
 * First the cases are tried one by one in a random order, each under its own channel's lock:
 * whatever can proceed is then uniformly chosen among those that can. If none can, all channels are
 * locked in the order of their addresses, tried once more (what has become possible meanwhile must
 * not be missed), and the goroutine waits on all of them. The first to claim its token wins; the
 * waiter takes itself off the others. Locking everything at once, as Go does, was rejected: it
 * costs as many locks as there are cases even when the first one tried is ready.
 *
 * Orders are permutations of uint16_t, hence the limit of 65,536 cases.
 */
#include "runtime/sync/select.h"

#include <alloca.h>
#include <errno.h>
#include <stdlib.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/chan.h"
#include "runtime/sync/misuse.h"

enum { CASES_MAX = 65536, ON_STACK_MAX = 32 };

struct selection {
    struct gor_case *cases;
    size_t count;
    struct gor__waiter *waiters; /* one for each case */
    uint16_t *order;             /* a random permutation */
    uint16_t *by_address;        /* the permutation that sorts by channel */
    struct gor__waiter *wake;    /* the partner of what was done at once */
    bool parks;                  /* false: a try */
    const struct gor__limit *limit;
};

/* A random permutation of all cases, by Fisher and Yates. */
static void shuffle(struct selection *s)
{
    struct gor__random *random = &gor__m_self()->random;
    for (size_t i = 0; i < s->count; i++) {
        size_t j = gor__random_below(random, (uint32_t)i + 1);
        s->order[i] = s->order[j];
        s->order[j] = (uint16_t)i;
    }
}

static int try_locked(struct selection *s, struct gor_case *c)
{
    return c->op == GOR_SEND ? gor__chan_send_locked(c->chan, c->value, &s->wake)
                             : gor__chan_recv_locked(c->chan, c->value, &s->wake);
}

/* Whether the case cannot proceed, by a look without the lock. On a moving channel the answer may
 * be out of date, as if the select had come a moment earlier; the second pass looks properly. */
static inline bool seems_blocked(const struct gor_case *c)
{
    const struct gor_chan *chan = c->chan;
    if (__atomic_load_n(&chan->closed, __ATOMIC_RELAXED)) {
        return false;
    }
    size_t count = __atomic_load_n(&chan->count, __ATOMIC_RELAXED);
    if (c->op == GOR_SEND) {
        return __atomic_load_n(&chan->receivers.first, __ATOMIC_RELAXED) == NULL &&
               count == chan->capacity;
    }
    return __atomic_load_n(&chan->senders.first, __ATOMIC_RELAXED) == NULL && count == 0;
}

/* The index of the case done, or -EAGAIN. */
static int try_one_by_one(struct selection *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct gor_case *c = &s->cases[s->order[i]];
        if (c->chan == NULL || seems_blocked(c)) {
            continue;
        }
        gor__lock(&c->chan->lock);
        int result = try_locked(s, c);
        gor__unlock(&c->chan->lock);
        if (result != -EAGAIN) {
            c->result = result;
            return s->order[i];
        }
    }
    return -EAGAIN;
}

/* The same with all channels locked. */
static int try_all_locked(struct selection *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct gor_case *c = &s->cases[s->order[i]];
        int result = c->chan != NULL ? try_locked(s, c) : -EAGAIN;
        if (result != -EAGAIN) {
            c->result = result;
            return s->order[i];
        }
    }
    return -EAGAIN;
}

static inline bool before(const struct selection *s, uint16_t a, uint16_t b)
{
    return (uintptr_t)s->cases[a].chan < (uintptr_t)s->cases[b].chan;
}

static void sift_down(const struct selection *s, uint16_t *heap, size_t root, size_t count)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && before(s, heap[child], heap[child + 1])) {
            child++;
        }
        if (!before(s, heap[root], heap[child])) {
            return;
        }
        uint16_t moved = heap[root];
        heap[root] = heap[child];
        heap[child] = moved;
        root = child;
    }
}

/* Heap sort, for it needs no memory and no recursion on a small stack. */
static void sort_by_address(const struct selection *s)
{
    uint16_t *order = s->by_address;
    for (size_t i = 0; i < s->count; i++) {
        order[i] = (uint16_t)i;
    }
    for (size_t i = s->count / 2; i-- > 0;) {
        sift_down(s, order, i, s->count);
    }
    for (size_t end = s->count; end-- > 1;) {
        uint16_t largest = order[0];
        order[0] = order[end];
        order[end] = largest;
        sift_down(s, order, 0, end);
    }
}

/* Each distinct channel once, in the order of addresses. */
static void each_channel(const struct selection *s, void (*visit)(struct gor__lock *lock))
{
    const struct gor_chan *former = NULL;
    for (size_t i = 0; i < s->count && !gor__solo; i++) {
        struct gor_chan *chan = s->cases[s->by_address[i]].chan;
        if (chan != NULL && chan != former) {
            visit(&chan->lock);
            former = chan;
        }
    }
}

static void lock_channel(struct gor__lock *lock)
{
    gor__lock(lock);
}

static void unlock_channel(struct gor__lock *lock)
{
    gor__unlock(lock);
}

/* The selection lies on the stack of `g`, which is parked. Once one channel is unlocked a waker may
 * resume it there, but it cannot get past taking itself off the channels that are still locked: so
 * the last unlock is the last access. */
void gor__select_unlock(struct gor__g *g)
{
    const struct selection *s = g->waiter.elem;
    struct gor_chan *pending = NULL;
    size_t count = s->count;
    for (size_t i = 0; i < count && !gor__solo; i++) {
        struct gor_chan *chan = s->cases[s->by_address[i]].chan;
        if (chan == NULL || chan == pending) {
            continue;
        }
        if (pending != NULL) {
            gor__unlock(&pending->lock);
        }
        pending = chan;
    }
    if (pending != NULL) {
        gor__unlock(&pending->lock);
    }
}

static struct gor__waitq *queue_of(const struct gor_case *c)
{
    return c->op == GOR_SEND ? &c->chan->senders : &c->chan->receivers;
}

static void enqueue_all(struct selection *s, struct gor__g *g, uint64_t token)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct gor_case *c = &s->cases[i];
        struct gor__waiter *w = &s->waiters[i];
        w->queue = NULL;
        if (c->chan != NULL) {
            w->g = g;
            w->token = token;
            w->elem = c->value;
            w->index = (uint32_t)i;
            gor__waitq_push(queue_of(c), w);
        }
    }
}

static void dequeue_losers(struct selection *s, const struct gor__waiter *winner)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct gor_case *c = &s->cases[i];
        if (c->chan != NULL && &s->waiters[i] != winner) {
            gor__lock(&c->chan->lock);
            gor__waitq_remove(queue_of(c), &s->waiters[i]);
            gor__unlock(&c->chan->lock);
        }
    }
}

__attribute__((no_sanitize_thread)) bool
gor__select_queues(const struct gor__g *g, void (*visit)(void *arg, const struct gor__waitq *queue),
                   void *arg)
{
    const struct selection *s = g->waiter.elem;
    uint64_t open = __atomic_load_n(&g->wake, __ATOMIC_ACQUIRE);
    for (size_t i = 0; i < s->count; i++) {
        const struct gor__waiter *w = &s->waiters[i];
        if (s->cases[i].chan == NULL) {
            continue;
        }
        if (w->queue == NULL || w->token != open) {
            return false;
        }
        visit(arg, w->queue);
    }
    return true;
}

static bool has_channel(const struct selection *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->cases[i].chan != NULL) {
            return true;
        }
    }
    return false;
}

/* All channels are locked and none of the cases can proceed: wait for one that can. */
static int wait_for_one(struct selection *s)
{
    struct gor__g *g = gor__g_self();
    uint64_t token = gor__wake_arm(g);
    enqueue_all(s, g, token);
    g->waiter.elem = s;
    gor__limit_arm_token(g, s->limit, token);
    gor__park_select(GOR_WAIT_SELECT);
    int over = gor__limit_disarm(g, s->limit);
    const struct gor__waiter *winner = g->woken_by;
    dequeue_losers(s, winner);
    if (winner == NULL) {
        return over;
    }
    s->cases[winner->index].result = winner->result;
    return (int)winner->index;
}

/* Inside. */
static int choose_inside(struct selection *s)
{
    shuffle(s);
    int done = try_one_by_one(s);
    if (done == -EAGAIN) {
        /* While solo nothing has changed since, and no lock needs an order. */
        if (!gor__solo) {
            sort_by_address(s);
            each_channel(s, lock_channel);
            done = try_all_locked(s);
        }
        if (done == -EAGAIN && s->parks) {
            done = gor__limit_over(s->limit);
            if (done == 0) {
                return has_channel(s) ? wait_for_one(s)
                                      : gor__limit_wait(s->limit, GOR_WAIT_SELECT_EMPTY);
            }
        }
        each_channel(s, unlock_channel);
    }
    if (s->wake != NULL) {
        gor__waiter_wake(s->wake);
    }
    return done;
}

static int choose(struct selection *s)
{
    (void)gor__enter();
    int done = choose_inside(s);
    gor__leave();
    return done;
}

static bool valid(const struct gor_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (cases[i].op != GOR_SEND && cases[i].op != GOR_RECV) {
            return false;
        }
    }
    return true;
}

static int on_stack(const struct selection *wanted)
{
    struct selection s = *wanted;
    uint16_t orders[2 * ON_STACK_MAX];
    s.waiters = alloca((s.count + 1) * sizeof *s.waiters);
    s.order = orders;
    s.by_address = orders + ON_STACK_MAX;
    return choose(&s);
}

static int on_heap(const struct selection *wanted)
{
    struct selection s = *wanted;
    s.waiters = malloc(s.count * sizeof *s.waiters);
    s.order = malloc(2 * s.count * sizeof *s.order);
    int result = -ENOMEM;
    if (s.waiters != NULL && s.order != NULL) {
        s.by_address = s.order + s.count;
        result = choose(&s);
    }
    free(s.order);
    free(s.waiters);
    return result;
}

static int select_cases(struct gor_case *cases, size_t count, bool parks,
                        const struct gor__limit *limit)
{
    const struct selection wanted = {
        .cases = cases, .count = count, .parks = parks, .limit = limit};
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    if (count > CASES_MAX) {
        return -E2BIG;
    }
    if (!valid(cases, count)) {
        return -EINVAL;
    }
    int done = count <= ON_STACK_MAX ? on_stack(&wanted) : on_heap(&wanted);
    if (done >= 0 && GOR_UNLIKELY(cases[done].result == -EPIPE)) {
        return gor__misuse(done, GOR__SEND_ON_CLOSED);
    }
    return done;
}

int gor_select(struct gor_case *cases, size_t count)
{
    return gor__shown(select_cases(cases, count, true, NULL));
}

int gor_select_try(struct gor_case *cases, size_t count)
{
    return gor__shown(select_cases(cases, count, false, NULL));
}

int gor_select_until(struct gor_case *cases, size_t count, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return gor__shown(select_cases(cases, count, true, &limit));
}

int gor_select_ctx(struct gor_case *cases, size_t count, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return gor__shown(select_cases(cases, count, true, &limit));
}
