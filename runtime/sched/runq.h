/* SPDX-License-Identifier: MIT */
/* runq.h - the run queue of one P: a ring its owner fills and empties, and others steal half of.
 *
 * `next` is one place ahead of the ring for the goroutine that was just made ready and will run
 * next: a pair that talks to each other then stays together, with its data warm.
 *
 * Invariants  head <= tail <= head + GOR__RUNQ_SIZE (counters that wrap); slots in between hold
 *             runnable goroutines.
 * Threads     put and get by the owner of the P; steal by any holder of another P. While the
 *             runtime is solo there is nobody to steal, and get costs no atomic operation.
 */
#ifndef GOR_SCHED_RUNQ_H
#define GOR_SCHED_RUNQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/assert.h"
#include "runtime/base/lock.h"

struct gor__g;

#if !defined(GOR__RUNQ_SLOTS)
#define GOR__RUNQ_SLOTS 256 /* a power of two; the model checks use a small one */
#endif

enum { GOR__RUNQ_SIZE = GOR__RUNQ_SLOTS };

struct gor__runq {
    uint32_t head; /* thieves and the owner advance it, by compare-and-swap */
    uint32_t tail; /* only the owner writes it */
    struct gor__g *next;
    struct gor__g *ring[GOR__RUNQ_SIZE];
};

static inline uint32_t gor__runq_len(const struct gor__runq *q)
{
    /* Racy for others than the owner: a hint. */
    uint32_t head = __atomic_load_n(&q->head, __ATOMIC_ACQUIRE);
    uint32_t tail = __atomic_load_n(&q->tail, __ATOMIC_ACQUIRE);
    return tail - head;
}

static inline bool gor__runq_empty(const struct gor__runq *q)
{
    return gor__runq_len(q) == 0 && __atomic_load_n(&q->next, __ATOMIC_RELAXED) == NULL;
}

/* Append; false when full. */
static inline bool gor__runq_put(struct gor__runq *q, struct gor__g *g)
{
    uint32_t tail = q->tail;
    /* Acquire: the slots thieves have left are ours to overwrite. */
    uint32_t head = __atomic_load_n(&q->head, __ATOMIC_ACQUIRE);
    if (tail - head >= GOR__RUNQ_SIZE) {
        return false;
    }
    __atomic_store_n(&q->ring[tail % GOR__RUNQ_SIZE], g, __ATOMIC_RELAXED);
    /* Release: pairs with the thief's acquire of tail. */
    __atomic_store_n(&q->tail, tail + 1, __ATOMIC_RELEASE);
    return true;
}

/* The oldest of the ring, or NULL. */
static inline struct gor__g *gor__runq_get(struct gor__runq *q)
{
    uint32_t head = __atomic_load_n(&q->head, __ATOMIC_ACQUIRE);
    for (;;) {
        if (q->tail == head) {
            return NULL;
        }
        struct gor__g *g = __atomic_load_n(&q->ring[head % GOR__RUNQ_SIZE], __ATOMIC_RELAXED);
        if (gor__solo) {
            q->head = head + 1;
            return g;
        }
        if (__atomic_compare_exchange_n(&q->head, &head, head + 1, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            return g;
        }
    }
}

/* Put `g` ahead of the ring; whoever stood there comes out. */
static inline struct gor__g *gor__runq_swap_next(struct gor__runq *q, struct gor__g *g)
{
    if (gor__solo) {
        struct gor__g *former = q->next;
        q->next = g;
        return former;
    }
    return __atomic_exchange_n(&q->next, g, __ATOMIC_ACQ_REL);
}

/* The same by the owner while nobody else may have what is there; see enum gor__offer. */
static inline struct gor__g *gor__runq_swap_own_next(struct gor__runq *q, struct gor__g *g)
{
    struct gor__g *former = __atomic_load_n(&q->next, __ATOMIC_RELAXED);
    /* Release, as the exchange is: a thief may have it later. */
    __atomic_store_n(&q->next, g, __ATOMIC_RELEASE);
    return former;
}

/* Likewise: `g` stands there, and is taken. */
static inline void gor__runq_take_own_next(struct gor__runq *q, const struct gor__g *g)
{
    GOR_DEBUG_ASSERT(__atomic_load_n(&q->next, __ATOMIC_RELAXED) == g);
    (void)g;
    __atomic_store_n(&q->next, NULL, __ATOMIC_RELAXED);
}

static inline struct gor__g *gor__runq_take_next(struct gor__runq *q)
{
    if (__atomic_load_n(&q->next, __ATOMIC_RELAXED) == NULL) {
        return NULL;
    }
    return gor__runq_swap_next(q, NULL);
}

/* Take the older half of the full ring as a list linked by g->next; its length in *out_count. Owner
 * only. NULL when thieves made room meanwhile. */
struct gor__g *gor__runq_take_half(struct gor__runq *q, uint32_t *out_count);

/* Move half of `victim` (and its next, if `with_next`) to `thief`, the caller's own and empty; one
 * of them is answered instead of queued. NULL: nothing to take. *out_count: how many in all. */
struct gor__g *gor__runq_steal(struct gor__runq *thief, struct gor__runq *victim, bool with_next,
                               uint32_t *out_count);

#endif
