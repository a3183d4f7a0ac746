/* SPDX-License-Identifier: MIT */
/* waitgroup.c - wait until a counter is back at zero.
 *
 * Counter and number of waiters share one word, so that whoever brings the counter to zero learns
 * in the same step whether anybody waits: if not, it never touches the wait group again, which the
 * waiting side may have freed by then.
 *
 * Misuse is reported when it is seen, not looked for. Of several waiters none looks at the wait group
 * once it is woken: another that was may be gone with it. So reuse before a wait has returned is seen by
 * a lone waiter only.
 *
 * Invariants  the waiters in the word are on the queue; with the counter at zero they are being
 *             woken.
 * Threads     the word is atomic; the queue, and the number of waiters, change under `lock`.
 */
#include <errno.h>
#include <stdlib.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/misuse.h"
#include "runtime/sync/wakes.h"

enum { WOKEN = 0, WOKEN_ALONE = 1 }; /* what a waiter is told */
enum { REUSED = 1 };                 /* what wait_inside answers besides errors */

#define ONE ((int64_t)1 << 32) /* the counter is the upper half of the word, signed */

struct waitgroup {
    int64_t word;
    struct gor__lock lock;
    struct gor__waitq queue;
};
_Static_assert(sizeof(struct waitgroup) <= sizeof(struct gor_waitgroup),
               "gor.h promises too little room");

static inline struct waitgroup *of(struct gor_waitgroup *wg)
{
    return (struct waitgroup *)(void *)wg;
}

static inline int64_t counter(int64_t word)
{
    return word >> 32;
}

static inline uint32_t waiters(int64_t word)
{
    return (uint32_t)word;
}

static inline int64_t word_of(const struct waitgroup *wg)
{
    return __atomic_load_n(&wg->word, __ATOMIC_ACQUIRE);
}

static __attribute__((noinline)) void wake_all(struct waitgroup *wg)
{
    struct gor__wakes woken = {NULL, NULL};
    gor__lock(&wg->lock);
    gor__wakes_add_all(&woken, &wg->queue, WOKEN);
    int64_t left = waiters(word_of(wg));
    if (left == 1 && woken.first != NULL) {
        woken.first->result = WOKEN_ALONE;
    }
    (void)gor__add64(&wg->word, -left);
    gor__unlock(&wg->lock);
    gor__wakes_do(&woken);
}

void gor_waitgroup_add(struct gor_waitgroup *waitgroup, int64_t delta)
{
    struct waitgroup *wg = of(waitgroup);
    GOR_ASSERT(delta >= INT32_MIN && delta <= INT32_MAX);
    struct gor__m *m = gor__enter();
    int64_t word = gor__add64(&wg->word, delta * ONE);
    bool misused = counter(word) < 0 || (waiters(word) != 0 && delta > 0 && counter(word) == delta);
    if (GOR_UNLIKELY(counter(word) == 0 && waiters(word) != 0)) {
        wake_all(wg);
    }
    gor__leave_machine(m);
    if (GOR_UNLIKELY(misused)) {
        gor__misuse_fatal(counter(word) < 0 ? "sync: negative WaitGroup counter"
                                            : "sync: WaitGroup misuse: Add called concurrently "
                                              "with Wait");
    }
}

void gor_waitgroup_done(struct gor_waitgroup *wg)
{
    gor_waitgroup_add(wg, -1);
}

/* Under the lock: count ourselves among the waiters, or out of them again; false when the counter is
 * at zero. */
static bool count_waiter(struct waitgroup *wg, int64_t delta)
{
    for (;;) {
        int64_t word = word_of(wg);
        if (counter(word) == 0) {
            return false;
        }
        if (gor__cas64((uint64_t *)&wg->word, (uint64_t)word, (uint64_t)(word + delta))) {
            return true;
        }
    }
}

/* The limit came first. Whether we still count among the waiters, our place on the queue tells:
 * wake_all takes everybody off and down at once, and the wait group may be in its next round by now.
 * With the counter at zero it is on its way; we wait for it, for the caller may free the memory. */
static int give_up(struct waitgroup *wg, struct gor__waiter *w, int over)
{
    for (;;) {
        gor__lock(&wg->lock);
        bool counted = w->queue != NULL;
        if (counted && count_waiter(wg, -1)) {
            gor__waitq_remove(&wg->queue, w);
            gor__unlock(&wg->lock);
            return over;
        }
        gor__unlock(&wg->lock);
        if (!counted) {
            return 0;
        }
        gor__yield(gor__m_self());
    }
}

static int wait_inside(struct waitgroup *wg, struct gor__g *g, const struct gor__limit *limit)
{
    int over = gor__limit_over(limit);
    if (over != 0) {
        return over;
    }
    gor__lock(&wg->lock);
    if (!count_waiter(wg, 1)) {
        gor__unlock(&wg->lock);
        return 0;
    }
    struct gor__waiter *w = &g->waiter;
    w->g = g;
    w->token = gor__limit_arm(g, limit);
    gor__waitq_push(&wg->queue, w);
    gor__park(&wg->lock, GOR_WAIT_WAITGROUP);
    over = gor__limit_disarm(g, limit);
    if (g->woken_by == NULL) {
        return give_up(wg, w, over);
    }
    return w->result == WOKEN_ALONE && word_of(wg) != 0 ? REUSED : 0;
}

static int wait_within(struct gor_waitgroup *waitgroup, const struct gor__limit *limit)
{
    struct waitgroup *wg = of(waitgroup);
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    if (counter(word_of(wg)) == 0) {
        return 0;
    }
    gor__enter_machine(m);
    int result = wait_inside(wg, m->g, limit);
    gor__leave();
    if (GOR_UNLIKELY(result == REUSED)) {
        gor__misuse_fatal("sync: WaitGroup is reused before previous Wait has returned");
    }
    return result;
}

void gor_waitgroup_wait(struct gor_waitgroup *wg)
{
    GOR_ASSERT(wait_within(wg, NULL) == 0);
}

int gor_waitgroup_wait_until(struct gor_waitgroup *wg, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return wait_within(wg, &limit);
}

int gor_waitgroup_wait_ctx(struct gor_waitgroup *wg, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return wait_within(wg, &limit);
}

/* ---- goroutines that count themselves down */

struct member {
    struct gor_waitgroup *wg;
    void (*fn)(void *arg);
    void *arg;
};

static void done(void *wg)
{
    gor_waitgroup_done(wg);
}

static void run_member(void *arg)
{
    struct member member = *(struct member *)arg;
    struct gor_defer at_end;
    free(arg);
    gor_defer(&at_end, done, member.wg);
    member.fn(member.arg);
    gor_undefer(&at_end, true);
}

int gor_waitgroup_go(struct gor_waitgroup *wg, void (*fn)(void *arg), void *arg)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    struct member *member = malloc(sizeof *member);
    if (member == NULL) {
        return -ENOMEM;
    }
    *member = (struct member){wg, fn, arg};
    gor_waitgroup_add(wg, 1);
    (void)gor__enter();
    int result = gor__go(NULL, run_member, member, __builtin_return_address(0));
    gor__leave();
    if (result < 0) {
        gor_waitgroup_done(wg);
        free(member);
    }
    return result;
}
