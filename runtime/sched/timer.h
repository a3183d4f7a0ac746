/* SPDX-License-Identifier: MIT */
/* timer.h - the timers of one P: a heap that its own P serves, and others when that P is idle.
 *
 * What the heap compares lies in the heap, 16 bytes a timer: the timers themselves are far apart, and
 * with a million of them each look at one is a miss of every cache. So a timer is known there by a
 * number, its slot; it is looked at when it comes and when it goes.
 *
 * Timers of the same instant fire in an order that is drawn by lot, as in Go: nobody shall come to
 * rely on one.
 *
 * Invariants  a timer is in at most one heap; timer->heap says which, and is only changed under
 *             that heap's lock. `first` mirrors the root's time for readers without the lock.
 * Threads     holders of a P; `first` may be read by any thread.
 * Ownership   the timer's memory is the caller's; it must stay readable while a fire may be under
 *             way (a G's own timer is type-stable; gor_timer counts references).
 */
#ifndef GOR_SCHED_TIMER_H
#define GOR_SCHED_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/lock.h"

struct gor__timers;

struct gor__timer {
    int64_t when;
    /* Called without locks by the scheduler, maybe on a goroutine's stack just switched to: must be
     * short and must not park. `token` is the one the timer was started with. */
    void (*fire)(void *arg, uint64_t token);
    void *arg;
    uint64_t token;
    struct gor__timers *heap; /* NULL: not started */
    uint32_t slot;            /* in heap->owners */
};

/* A timer as its heap sees it: the earlier `when` first, then the smaller `draw`. */
struct gor__timer_entry {
    uint32_t slot;
    uint32_t draw;
    int64_t when;
};

struct gor__timers {
    struct gor__lock lock;
    int64_t first; /* when of the root, GOR_NEVER if empty */
    uint32_t count;
    uint32_t capacity;
    uint32_t slots_made;              /* slots that were ever in use */
    uint32_t free_slot;               /* given back last; GOR__TIMER_NO_SLOT: none */
    struct gor__timer_entry *entries; /* a 4-ary heap */
    uint32_t *places;           /* slot to index in entries; of a free one, to the next free */
    struct gor__timer **owners; /* slot to timer */
    char *memory;               /* owned: the three arrays */
};

#define GOR__TIMER_NO_SLOT UINT32_MAX /* no enumerator: those are of type int */

void gor__timers_init(struct gor__timers *heap);
void gor__timers_fini(struct gor__timers *heap);

/* Start a timer that is not started, on the heap of the calling P. */
void gor__timer_start(struct gor__timer *timer);

/* The same with the heap locked by the caller, who also unlocks it. */
void gor__timer_start_locked(struct gor__timers *heap, struct gor__timer *timer);

/* True when this call kept it from firing. A fire that is under way is not waited for;
 * it carries its token. */
bool gor__timer_stop(struct gor__timer *timer);

/* Fire whatever is due; the number fired. */
size_t gor__timers_run(struct gor__timers *heap, int64_t now);

/* Move all timers of `from` to `to`. */
void gor__timers_move(struct gor__timers *from, struct gor__timers *to);

/* How many there are, as any thread may read it: a moment ago. */
uint32_t gor__timers_count(const struct gor__timers *heap);

/* The timers that are started, and the memory they are noted in, where there may be more that are not.
 * While the world stands; also with threads frozen in the middle of ThreadSanitizer. */
void gor__timers_each(const struct gor__timers *heap,
                      void (*visit)(void *arg, const struct gor__timer *timer), void *arg);
size_t gor__timers_bytes(const struct gor__timers *heap);

static inline int64_t gor__timers_first(const struct gor__timers *heap)
{
    return __atomic_load_n(&heap->first, __ATOMIC_ACQUIRE);
}

#endif
