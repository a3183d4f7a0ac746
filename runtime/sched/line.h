/* SPDX-License-Identifier: MIT */
/* line.h - those who wait for a place under a ceiling, first come, first served: goroutines, which
 * park, and threads of the host, which sleep.
 *
 * Whoever has a place to give takes the first one out of the line under its lock, reserves the place
 * for it there, and wakes it once the lock is released. Where places come free without the lock, nobody
 * may miss the other:
 *   making room   count the room; full fence; look whether somebody waits.
 *   waiting       under the lock: gor__line_announce, with its fence; look for room once more; then
 *                 gor__line_wait, or gor__line_withdraw.
 *
 * Invariants  `count` is not below the number of those that wait; while it is 0 there is nobody.
 * Threads     any; everything is guarded by the lock, and what is marked atomic may be read without.
 * Ownership   a place in line lies in the G, or on the stack of the thread that sleeps.
 */
#ifndef GOR_SCHED_LINE_H
#define GOR_SCHED_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/lock.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/waitq.h"

/* Zeroed: nobody waits. */
struct gor__line {
    struct gor__spin lock;
    struct gor__waitq waiting;
    uint32_t count;    /* atomic */
    uint32_t for_ever; /* goroutines among them that keep a place, and that only a place can wake */
    uint64_t refused;  /* atomic: times somebody was turned away, or gave up */
    uint64_t waits;    /* atomic: times somebody has waited to the end */
    uint64_t waited_ns; /* atomic: how long, all waits that are over together */
};

static inline bool gor__line_is_empty(const struct gor__line *line)
{
    return __atomic_load_n(&line->count, __ATOMIC_RELAXED) == 0;
}

/* With the lock held, which is released: turn the caller away. -EAGAIN. */
int gor__line_refuse(struct gor__line *line);

/* With the lock held: the caller is about to wait, and whoever makes room from now on looks. */
void gor__line_announce(struct gor__line *line);

/* With the lock held: it need not, after all. */
void gor__line_withdraw(struct gor__line *line);

/* Announced, with the lock held, which is released: wait until the caller is given a place, which is then
 * reserved for it, or as long as the limit lets it. 0; -ETIMEDOUT or -ECANCELED: the limit; -ESRCH: the
 * runtime stops; -EDEADLK: the caller has one of the `taken` places, and all of them belong to those who
 * wait here for ever. `taken` 0: the caller has none. A thread of the host has no limit but a deadline. */
int gor__line_wait(struct gor__line *line, uint64_t taken, const struct gor__limit *limit);

/* Those taken out of a line, in their order, to be woken once its lock is released. */
struct gor__line_taken {
    struct gor__waiter *first; /* list by next */
    struct gor__waiter *last;
};

/* With the lock held: add the first in line to `taken`; false: nobody waits any more. */
bool gor__line_take(struct gor__line *line, struct gor__line_taken *taken);

/* Without the lock. */
void gor__line_wake(struct gor__line_taken *taken);

/* Without the lock: the runtime stops, threads of the host wait no more, with -ESRCH; from now on nobody
 * does. */
void gor__line_stop(struct gor__line *line);

/* The goroutines that still wait are no more. */
void gor__line_forget(struct gor__line *line);

#endif
