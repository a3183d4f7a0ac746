/* SPDX-License-Identifier: MIT */
/* timer.h - the timers of one P: a heap that its own P serves, and others when that P is idle.
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
    size_t index;             /* in heap->entries */
};

struct gor__timers {
    struct gor__lock lock;
    int64_t first; /* when of the root, GOR_NEVER if empty */
    size_t count;
    size_t capacity;
    struct gor__timer **entries; /* owned; a 4-ary heap by `when` */
};

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

static inline int64_t gor__timers_first(const struct gor__timers *heap)
{
    return __atomic_load_n(&heap->first, __ATOMIC_ACQUIRE);
}

#endif
