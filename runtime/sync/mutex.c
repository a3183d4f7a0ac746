/* SPDX-License-Identifier: MIT */
/* mutex.c - mutual exclusion among goroutines.
 *
 * The word holds LOCKED, WAITERS (somebody is queued), WOKEN (one waiter was let off the queue to
 * try its luck) and STARVING. In normal mode whoever comes first gets it, which is fast: the
 * running goroutine has the line in its cache. A waiter that failed for a millisecond makes the
 * mutex starving: unlock then hands it over to the first in the queue, until the queue is short and
 * quick again. The modes and the millisecond are Go's (sync/mutex.go).
 *
 * Invariants  with somebody on the queue, WAITERS is set, and the mutex is locked or somebody is
 *             WOKEN; who gives up as the last one on the queue clears WAITERS.
 * Threads     the word is atomic; the queue and changes of WAITERS and STARVING are under `lock`.
 */
#include "runtime/sync/mutex.h"

#include <errno.h>

#include "runtime/sched/contention.h"
#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/waitq.h"
#include "runtime/sync/lock_time.h"

enum { LOCKED = 1, WAITERS = 2, WOKEN = 4, STARVING = 8 };
enum { HANDED_OVER = 1, TRY_AGAIN = 2 }; /* results of a wait; errors are negative */
enum { SPIN_ROUNDS = 4, SPIN_PAUSES = 30 };

struct mutex {
    uint32_t word;
    struct gor__lock lock;
    struct gor__waitq queue;
    int64_t charged_until; /* the waits of those on the queue, while that is profiled */
};
_Static_assert(sizeof(struct mutex) <= sizeof(struct gor_mutex), "gor.h promises too little room");

static inline struct mutex *of(struct gor_mutex *m)
{
    return (struct mutex *)(void *)m;
}

static inline uint32_t word_of(const struct mutex *m)
{
    return __atomic_load_n(&m->word, __ATOMIC_RELAXED);
}

/* Take it if it is free, whoever waits. */
static inline bool barge(struct mutex *m, uint32_t word)
{
    return (word & (LOCKED | STARVING)) == 0 && gor__cas32(&m->word, word, word | LOCKED);
}

static inline bool take(struct mutex *m)
{
    return gor__cas32(&m->word, 0, LOCKED) || barge(m, word_of(m));
}

/* Free it if nobody is to be woken for that: nobody waits, or the one who was let off the queue has yet to
 * try, and sees to the rest. */
static inline bool let_go(struct mutex *m)
{
    if (GOR_LIKELY(gor__cas32(&m->word, LOCKED, 0))) {
        return true;
    }
    uint32_t word = word_of(m);
    return (word & (LOCKED | WOKEN | STARVING)) == (LOCKED | WOKEN) &&
           !gor__observes(GOR__OBSERVE_MUTEX) &&
           gor__cas32(&m->word, word, word & ~(uint32_t)LOCKED);
}

/* Wait a little for a holder that runs on another thread, if there is nothing else to be done here. */
static bool spin_for_it(struct mutex *m)
{
    const struct gor__p *p = gor__m_self()->p;
    if (__atomic_load_n(&gor__sched.proc_count, __ATOMIC_RELAXED) == 1 ||
        !gor__runq_empty(&p->runq) || gor__fresh_len(&p->fresh) != 0) {
        return false;
    }
    for (int round = 0; round < SPIN_ROUNDS; round++) {
        uint32_t word = word_of(m);
        if (barge(m, word)) {
            return true;
        }
        if ((word & STARVING) != 0) {
            return false;
        }
        for (int i = 0; i < SPIN_PAUSES; i++) {
            gor__relax();
        }
    }
    return false;
}

/* Under the lock: take the mutex if it is free, else see to it that its unlock looks at the queue,
 * unless there is no time to wait for that. 1: taken; 0: wait; else the error of the limit. */
static int take_or_announce(struct mutex *m, uint32_t flags, const struct gor__limit *limit)
{
    int over = gor__limit_over(limit);
    for (;;) {
        uint32_t word = word_of(m);
        bool is_free = (word & (LOCKED | STARVING)) == 0;
        uint32_t wanted = is_free ? word | LOCKED : word | WAITERS | flags;
        if (!is_free && over != 0) {
            return over;
        }
        if (gor__cas32(&m->word, word, wanted)) {
            return is_free;
        }
    }
}

/* Under the lock, with nobody on the queue. */
static void forget_waiters(struct mutex *m)
{
    (void)__atomic_fetch_and(&m->word, ~(uint32_t)WAITERS, __ATOMIC_RELAXED);
}

/* Under the lock, which is released: HANDED_OVER, TRY_AGAIN or the error of the limit. One that has
 * been here before was at the head, and lost to a newcomer: it keeps its turn. */
static int wait_for_turn(struct mutex *m, struct gor__g *g, bool first_time,
                         const struct gor__limit *limit)
{
    struct gor__waiter *w = &g->waiter;
    w->g = g;
    w->token = gor__limit_arm(g, limit);
    if (first_time) {
        gor__waitq_push(&m->queue, w);
    } else {
        gor__waitq_push_first(&m->queue, w);
    }
    gor__park(&m->lock, GOR_WAIT_MUTEX);
    int over = gor__limit_disarm(g, limit);
    if (GOR_LIKELY(g->woken_by != NULL)) {
        return w->result;
    }
    gor__lock(&m->lock);
    gor__waitq_remove(&m->queue, w);
    if (m->queue.first == NULL) {
        forget_waiters(m);
    }
    gor__unlock(&m->lock);
    return over;
}

static void note_hand_over(struct mutex *m, int64_t since)
{
    if (gor_now() - since <= GOR_MILLISECOND) {
        /* It was quick: back to normal mode. */
        (void)__atomic_fetch_and(&m->word, ~(uint32_t)STARVING, __ATOMIC_RELAXED);
    }
}

static int contend(struct mutex *m, const struct gor__limit *limit)
{
    struct gor__g *g = gor__g_self();
    int64_t since = 0;
    uint32_t flags = 0;
    while (!take(m) && !spin_for_it(m)) {
        gor__lock(&m->lock);
        int result = take_or_announce(m, flags, limit);
        if (result != 0) {
            gor__unlock(&m->lock);
            return result > 0 ? 0 : result;
        }
        bool first_time = since == 0;
        since = first_time ? gor_now() : since;
        result = wait_for_turn(m, g, first_time, limit);
        if (result == HANDED_OVER) {
            note_hand_over(m, since);
            return 0;
        }
        if (result != TRY_AGAIN) {
            return result;
        }
        (void)__atomic_fetch_and(&m->word, ~(uint32_t)WOKEN, __ATOMIC_RELAXED);
        flags = gor_now() - since > GOR_MILLISECOND ? STARVING : 0;
    }
    return 0;
}

static __attribute__((noinline)) int lock_slowly(struct mutex *m, const struct gor__limit *limit)
{
    int64_t began = gor__lock_wait_begins();
    int result = contend(m, limit);
    gor__lock_wait_ends(began);
    return result;
}

int gor__mutex_acquire(struct gor_mutex *mutex, const struct gor__limit *limit)
{
    struct mutex *m = of(mutex);
    return GOR_LIKELY(take(m)) ? 0 : lock_slowly(m, limit);
}

enum step { TAKE, LET_GO };

/* The step for which nobody need wait. Even with more than one P it passes the door, though it is atomic
 * then: outside, solo could begin between the two looks of one step, and whoever has the only P then writes
 * the word without an atomic; and where doors are closed, or the P has been taken, a goroutine that does
 * nothing else must be stopped here. */
static inline __attribute__((always_inline)) bool do_step(struct mutex *m, struct gor__m *machine,
                                                          enum step step)
{
    bool done = false;
    if (!gor__try_enter_machine(machine)) {
        return false;
    }
    if (!gor__solo) {
        done = step == TAKE ? take(m) : let_go(m);
    } else if (GOR_LIKELY(m->word == (step == TAKE ? 0 : LOCKED))) {
        m->word = step == TAKE ? LOCKED : 0;
        done = true;
    }
    gor__leave_machine(machine);
    return done;
}

static __attribute__((noinline)) int lock_through_door(struct gor_mutex *mutex,
                                                       const struct gor__limit *limit)
{
    (void)gor__enter();
    int result = gor__mutex_acquire(mutex, limit);
    gor__leave();
    return result;
}

void gor_mutex_lock(struct gor_mutex *mutex)
{
    struct gor__m *machine = gor__m_self();
    if (GOR_UNLIKELY(machine == NULL || !do_step(of(mutex), machine, TAKE))) {
        (void)gor__shown(lock_through_door(mutex, NULL));
    }
}

static int lock_within(struct gor_mutex *mutex, const struct gor__limit *limit)
{
    struct gor__m *machine = gor__m_self();
    if (machine == NULL) {
        return -EPERM;
    }
    return do_step(of(mutex), machine, TAKE) ? 0 : gor__shown(lock_through_door(mutex, limit));
}

int gor_mutex_lock_until(struct gor_mutex *m, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return lock_within(m, &limit);
}

int gor_mutex_lock_ctx(struct gor_mutex *m, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return lock_within(m, &limit);
}

int gor_mutex_try_lock(struct gor_mutex *mutex)
{
    struct mutex *m = of(mutex);
    struct gor__m *machine = gor__m_self();
    if (machine == NULL) {
        return -EPERM;
    }
    gor__enter_machine(machine);
    bool got = barge(m, word_of(m));
    gor__leave_machine(machine);
    return got ? 0 : -EBUSY;
}

/* Under the lock, with the mutex still locked and starving: its next owner; NULL: all on the queue
 * have given up, and the word says LOCKED only. */
static struct gor__waiter *hand_over(struct mutex *m)
{
    struct gor__waiter *w = gor__waitq_claim(&m->queue);
    if (m->queue.first == NULL) {
        __atomic_store_n(&m->word, LOCKED, __ATOMIC_RELEASE);
    }
    if (w != NULL) {
        w->result = HANDED_OVER;
    }
    return w;
}

/* Under the lock, with the mutex still locked, and nobody woken who has yet to try: the one who may
 * try once it is free, or NULL. */
static struct gor__waiter *let_one_try(struct mutex *m)
{
    struct gor__waiter *w = gor__waitq_claim(&m->queue);
    if (w != NULL) {
        w->result = TRY_AGAIN;
        /* While it is locked and not WOKEN the word changes under the lock only. It is not STARVING,
         * or the mutex would have been handed over. */
        uint32_t waiters = m->queue.first != NULL ? WAITERS : 0;
        __atomic_store_n(&m->word, LOCKED | WOKEN | waiters, __ATOMIC_RELEASE);
    }
    return w;
}

/* The mutex becomes free by the very last access: whoever takes it then may be the one who frees its
 * memory. Before that, anything may have happened since the queue was looked at; so the word must
 * still be the same, or the queue is looked at again. Once one is sent to try, that one sees to the
 * rest. What those who wait have waited because of the caller is answered, while that is profiled. */
static __attribute__((noinline)) int64_t unlock_slowly(struct mutex *m)
{
    struct gor__waiter *w = NULL;
    uint32_t word = 0;
    int64_t owed = 0;
    do {
        gor__lock(&m->lock);
        word = word_of(m);
        if ((word & LOCKED) == 0) {
            gor__die("unlock of a mutex that is not locked");
        }
        if (gor__observes(GOR__OBSERVE_MUTEX)) {
            owed += gor__contention_owed(&m->queue, &m->charged_until);
        }
        if ((word & STARVING) != 0 && m->queue.first != NULL) {
            w = hand_over(m);
            if (w != NULL) {
                gor__unlock(&m->lock);
                gor__waiter_wake(w);
                return owed;
            }
            word = LOCKED;
        }
        if ((word & WOKEN) == 0) {
            w = let_one_try(m);
        }
        if (w == NULL && m->queue.first == NULL) {
            forget_waiters(m);
            word &= ~(uint32_t)WAITERS;
        }
        gor__unlock(&m->lock);
        /* STARVING without a queue: whoever set it has got the mutex meanwhile. */
    } while (w == NULL && !gor__cas32(&m->word, word, word & ~(uint32_t)(LOCKED | STARVING)));
    if (w != NULL) {
        (void)__atomic_fetch_and(&m->word, ~(uint32_t)(LOCKED | STARVING), __ATOMIC_RELEASE);
        gor__waiter_wake(w);
    }
    return owed;
}

static __attribute__((noinline)) void release_slowly(struct mutex *m)
{
    int64_t owed = unlock_slowly(m);
    if (GOR_UNLIKELY(owed > 0)) {
        gor__contention_released(GOR_WAIT_MUTEX, owed);
    }
}

void gor__mutex_release(struct gor_mutex *mutex)
{
    struct mutex *m = of(mutex);
    if (GOR_UNLIKELY(!let_go(m))) {
        release_slowly(m);
    }
}

static __attribute__((noinline)) void unlock_through_door(struct gor_mutex *mutex)
{
    struct gor__m *machine = gor__enter();
    gor__mutex_release(mutex);
    gor__leave_machine(machine);
}

void gor_mutex_unlock(struct gor_mutex *mutex)
{
    struct gor__m *machine = gor__m_self();
    if (GOR_UNLIKELY(machine == NULL || !do_step(of(mutex), machine, LET_GO))) {
        unlock_through_door(mutex);
    }
}
