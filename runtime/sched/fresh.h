/* SPDX-License-Identifier: MIT */
/* fresh.h - goroutines of one P that have not run yet: a stack for the owner, a queue for thieves.
 *
 * Running the newest first walks a tree of goroutines depth-first: a fan-out of a million needs a
 * few dozen stacks at a time instead of a million, and a new goroutine finds its arguments in the
 * cache. Go's run queue, which is first in first out but for one place, goes breadth-first here. So
 * that nobody starves, the scheduler takes from the old end every now and then.
 *
 * Invariants  bottom <= top <= bottom + GOR__FRESH_SIZE (counters that wrap).
 * Threads     holders of a P, under `lock`; the counters may be read without it, as hints.
 */
#ifndef GOR_SCHED_FRESH_H
#define GOR_SCHED_FRESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/lock.h"

struct gor__g;

enum { GOR__FRESH_SIZE = 256 };

struct gor__fresh {
    struct gor__lock lock;
    uint32_t bottom; /* oldest */
    uint32_t top;    /* behind the newest */
    struct gor__g *ring[GOR__FRESH_SIZE];
};

static inline uint32_t gor__fresh_len(const struct gor__fresh *fresh)
{
    return __atomic_load_n(&fresh->top, __ATOMIC_RELAXED) -
           __atomic_load_n(&fresh->bottom, __ATOMIC_RELAXED);
}

/* False when full. */
static inline bool gor__fresh_push(struct gor__fresh *fresh, struct gor__g *g)
{
    gor__lock(&fresh->lock);
    uint32_t top = fresh->top;
    bool room = top - fresh->bottom < GOR__FRESH_SIZE;
    if (GOR_LIKELY(room)) {
        fresh->ring[top % GOR__FRESH_SIZE] = g;
        __atomic_store_n(&fresh->top, top + 1, __ATOMIC_RELAXED);
    }
    gor__unlock(&fresh->lock);
    return room;
}

/* The newest, or NULL. */
static inline struct gor__g *gor__fresh_pop(struct gor__fresh *fresh)
{
    struct gor__g *g = NULL;
    if (gor__fresh_len(fresh) == 0) {
        return NULL;
    }
    gor__lock(&fresh->lock);
    if (GOR_LIKELY(fresh->top != fresh->bottom)) {
        uint32_t top = fresh->top - 1;
        g = fresh->ring[top % GOR__FRESH_SIZE];
        __atomic_store_n(&fresh->top, top, __ATOMIC_RELAXED);
    }
    gor__unlock(&fresh->lock);
    return g;
}

/* Up to `max` of the oldest into `out`, oldest first; how many. */
static inline uint32_t gor__fresh_take(struct gor__fresh *fresh, struct gor__g **out, uint32_t max)
{
    uint32_t count = 0;
    gor__lock(&fresh->lock);
    while (count < max && fresh->bottom != fresh->top) {
        out[count++] = fresh->ring[fresh->bottom % GOR__FRESH_SIZE];
        __atomic_store_n(&fresh->bottom, fresh->bottom + 1, __ATOMIC_RELAXED);
    }
    gor__unlock(&fresh->lock);
    return count;
}

#endif
