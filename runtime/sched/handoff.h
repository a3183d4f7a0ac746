/* SPDX-License-Identifier: MIT */
/* handoff.h - a P changes hands: taken from a thread that is outside the runtime, given to one that
 * waits for it.
 *
 * A thread whose goroutine is outside (door.h) keeps that goroutine whatever happens: nothing moves
 * between threads in the middle of foreign code. What it can lose is its P, and then it is
 *   away     blocked in the kernel; nobody waits for it, and it needs nothing;
 *   waiting  back at the door, or bound to a goroutine that became runnable: it goes on as soon as
 *            a P looks up;
 *   a hog    has computed for a whole slice: it is stopped in a signal handler (preempt.c) until
 *            the others have had as long.
 *
 * They and the goroutines on queues take turns on each P: after a thread that waited comes one of the
 * queues, as soon as that goroutine stops running the next thread that waits; and hogs come before
 * both once they have not had the P for a slice.
 *
 * Once the runtime stops nobody is given a P any more, and none is taken.
 *
 * Invariants  while somebody waits, or a hog stands stopped, no P is idle. `m->p`, `p->holder` and
 *             `m->lack` change together, under gor__sched.lock.
 * Threads     as each says. All but gor__pass_proc_if_due take gor__sched.lock or want it held.
 */
#ifndef GOR_SCHED_HANDOFF_H
#define GOR_SCHED_HANDOFF_H

#include <stdbool.h>

#include "runtime/sched/pause.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/trace.h"

enum { GOR__SLICE_NS = 10000000 }; /* Go's time slice */

/* ---- under the lock */

/* Whether `m` has a P, or could be given one for goroutines that are on queues. */
static inline bool gor__is_able(const struct gor__m *m)
{
    return m->lack == GOR__LACK_NOTHING && m->bound == NULL && !m->ends;
}

/* What that goes by has been changed; it was `able` before. */
static inline void gor__count_able(const struct gor__m *m, bool able)
{
    gor__sched.able += (int32_t)gor__is_able(m) - (int32_t)able;
}

/* `m`, which is inside and looks for work, has `p` from now on. */
static inline void gor__hold(struct gor__m *m, struct gor__p *p)
{
    m->p = p;
    __atomic_store_n(&p->holder, m, __ATOMIC_RELAXED); /* sysmon reads it without the lock */
    if (gor__pauses_any()) {
        __atomic_store_n(&p->attention, true, __ATOMIC_RELAXED);
    }
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_held(m, p);
    }
}

/* Give up the P of `m`, which is answered. */
static inline struct gor__p *gor__drop(struct gor__m *m)
{
    struct gor__p *p = m->p;
    gor__note_proc(p, GOR__TRACE_DROPPED, m->id, 0);
    m->p = NULL;
    __atomic_store_n(&p->holder, NULL, __ATOMIC_RELAXED);
    return p;
}

/* Give `p`, which nobody holds, to a hog if its turn has come, to whoever waits longest, or else to a
 * hog all the same; false: nobody is there. */
bool gor__give_to_waiting(struct gor__p *p);

/* Whether others want `p`, so that its holder must not have it for another turn. */
bool gor__is_wanted(const struct gor__p *p);

/* Queue `m`, which has just given up its P, for another turn. */
void gor__line_up(struct gor__m *m);

/* Take `p` from its holder if that is outside: the holder, which then lacks it as `lack` says; NULL:
 * it is inside. Nobody holds the P afterwards. */
struct gor__m *gor__take_outside(struct gor__p *p, enum gor__lack lack);

/* `p`, which nobody holds, is free for others together with all its work. gor__proc_came_free must
 * follow, without the lock. */
void gor__let_go(struct gor__p *p);

/* Give `p`, which nobody holds, to `m`. */
void gor__give_to(struct gor__m *m, struct gor__p *p);

/* Have `m`, which lacks a P for another reason, wait for one; it is given an idle one at once. */
void gor__wait_for_proc_locked(struct gor__m *m, enum gor__lack lack);

/* ---- without it */

/* After gor__let_go: somebody must look for work, and know of the timers of `p`. */
void gor__proc_came_free(const struct gor__p *p);

/* Between two goroutines of `m`: true when its P now belongs to somebody whose turn it was. */
bool gor__pass_proc_if_due(struct gor__m *m);

/* Thieves may have runq.next of `p` from now on, unless there is a trace and the holder is inside: then
 * it may have it to itself (gor__trace_may_leave_out). Sysmon only. */
void gor__offer_next(struct gor__p *p);

/* The holder of `p` blocks in foreign code: its P is free for others. */
void gor__retake_blocked(struct gor__p *p);

/* The holder of `p` has computed for a slice while others wait. `for_hogs`: another hog may have it
 * directly, for nobody else waits, or no thread could be had for those who do. */
void gor__preempt_holder(struct gor__p *p, bool for_hogs);

/* Sysmon's look at those who are away: whoever computes again must wait for a P. */
void gor__look_at_away(void);

/* In the signal handler, on the thread of `m`: if its P was taken, stay here until it has one again,
 * or the runtime stops. */
void gor__stop_here(struct gor__m *m);

/* `m` lacks a P and is queued for one: true once it has it, false when the runtime stops. */
bool gor__wait_until_given(struct gor__m *m);

/* `m` is inside, and its P has gone with a resize: wait for another. */
void gor__wait_for_proc(struct gor__m *m);

/* Under the lock, once gor__sched.stopping is set: let go on without a P whoever was stopped, for it may
 * hold a lock that the host wants, and have whoever is outside leave at its next door. */
void gor__close_doors(void);

/* ---- goroutines bound to their thread: bind.c */

/* Make a waiting or yielding goroutine that is bound runnable. */
void gor__ready_bound(struct gor__g *g);

/* `m` may run other goroutines again; or it `ends`, with its own. */
void gor__unbind(struct gor__m *m, bool ends);

/* On the scheduler's stack of a bound thread whose goroutine does not run: wait until it may, with a
 * P. NULL: the runtime stops. */
struct gor__g *gor__wait_bound(struct gor__m *m);

#endif
