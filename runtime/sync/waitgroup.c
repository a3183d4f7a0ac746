/* SPDX-License-Identifier: MIT */
/* waitgroup.c - wait until a counter is back at zero.
 *
 * Counter and number of waiters share one word, so that whoever brings the counter to zero learns
 * in the same step whether anybody waits: if not, it never touches the wait group again, which the
 * waiting side may have freed by then.
 *
 * Invariants  the waiters in the word are on the queue; with the counter at zero they are being
 *             woken.
 * Threads     the word is atomic; the queue, and the number of waiters, change under `lock`.
 */
#include <errno.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sync/wakes.h"

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
    gor__wakes_add_all(&woken, &wg->queue, 0);
    int64_t left = waiters(word_of(wg));
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
    if (GOR_UNLIKELY(counter(word) < 0)) {
        gor__die("negative counter of a wait group: more gor_waitgroup_done than were added");
    }
    if (GOR_UNLIKELY(counter(word) == 0 && waiters(word) != 0)) {
        wake_all(wg);
    }
    gor__leave_machine(m);
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

/* The deadline came first. Whether we still count among the waiters, our place on the queue tells:
 * wake_all takes everybody off and down at once, and the wait group may be in its next round by now.
 * With the counter at zero it is on its way; we wait for it, for the caller may free the memory. */
static int give_up(struct waitgroup *wg, struct gor__waiter *w)
{
    for (;;) {
        gor__lock(&wg->lock);
        bool counted = w->queued;
        if (counted && count_waiter(wg, -1)) {
            gor__waitq_remove(&wg->queue, w);
            gor__unlock(&wg->lock);
            return -ETIMEDOUT;
        }
        gor__unlock(&wg->lock);
        if (!counted) {
            return 0;
        }
        gor__yield(gor__m_self());
    }
}

static int wait_inside(struct waitgroup *wg, struct gor__g *g, int64_t deadline)
{
    gor__lock(&wg->lock);
    if (!count_waiter(wg, 1)) {
        gor__unlock(&wg->lock);
        return 0;
    }
    struct gor__waiter *w = &g->waiter;
    w->g = g;
    w->token = deadline == GOR_NEVER ? 0 : gor__wake_arm(g);
    g->woken_by = NULL;
    gor__waitq_push(&wg->queue, w);
    gor__deadline_start(g, w->token, deadline);
    gor__park(&wg->lock, GOR_WAIT_WAITGROUP);
    gor__deadline_stop(g, deadline);
    return g->woken_by != NULL ? 0 : give_up(wg, w);
}

int gor_waitgroup_wait_until(struct gor_waitgroup *waitgroup, int64_t deadline)
{
    struct waitgroup *wg = of(waitgroup);
    struct gor__m *m = gor__m_self();
    if (m == NULL) {
        return -EPERM;
    }
    if (counter(word_of(wg)) == 0) {
        return 0;
    }
    if (deadline != GOR_NEVER && deadline <= gor_now()) {
        return -ETIMEDOUT;
    }
    gor__enter_machine(m);
    int result = wait_inside(wg, m->g, deadline);
    gor__leave();
    return result;
}

void gor_waitgroup_wait(struct gor_waitgroup *wg)
{
    GOR_ASSERT(gor_waitgroup_wait_until(wg, GOR_NEVER) == 0);
}
