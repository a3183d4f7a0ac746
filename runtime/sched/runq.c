/* SPDX-License-Identifier: MIT */
/* runq.c - see runq.h. The ring and its stealing follow the Go scheduler's (runtime/proc.go,
 * runqput, runqgrab); the solo path is ours. */
#include "runtime/sched/runq.h"

#include <stddef.h>

#include "runtime/sched/goroutine.h"

static bool advance_head(struct gor__runq *q, uint32_t head, uint32_t by)
{
    return __atomic_compare_exchange_n(&q->head, &head, head + by, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_RELAXED);
}

struct gor__g *gor__runq_take_half(struct gor__runq *q, uint32_t *out_count)
{
    struct gor__g *batch[GOR__RUNQ_SIZE / 2];
    uint32_t head = __atomic_load_n(&q->head, __ATOMIC_ACQUIRE);
    uint32_t count = (q->tail - head) / 2;
    if (count != GOR__RUNQ_SIZE / 2) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        batch[i] = __atomic_load_n(&q->ring[(head + i) % GOR__RUNQ_SIZE], __ATOMIC_RELAXED);
    }
    if (!advance_head(q, head, count)) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        batch[i]->next = i + 1 < count ? batch[i + 1] : NULL;
    }
    *out_count = count;
    return batch[0];
}

/* Copy half of `victim` behind thief->tail, without publishing it; the number. */
static uint32_t grab(struct gor__runq *thief, struct gor__runq *victim)
{
    for (;;) {
        uint32_t head = __atomic_load_n(&victim->head, __ATOMIC_ACQUIRE);
        uint32_t tail = __atomic_load_n(&victim->tail, __ATOMIC_ACQUIRE);
        uint32_t count = tail - head;
        count -= count / 2;
        if (count == 0) {
            return 0;
        }
        if (count > GOR__RUNQ_SIZE / 2) {
            continue; /* head and tail were read at different moments */
        }
        for (uint32_t i = 0; i < count; i++) {
            struct gor__g *g =
                __atomic_load_n(&victim->ring[(head + i) % GOR__RUNQ_SIZE], __ATOMIC_RELAXED);
            __atomic_store_n(&thief->ring[(thief->tail + i) % GOR__RUNQ_SIZE], g, __ATOMIC_RELAXED);
        }
        if (advance_head(victim, head, count)) {
            return count;
        }
    }
}

struct gor__g *gor__runq_steal(struct gor__runq *thief, struct gor__runq *victim, bool with_next,
                               uint32_t *out_count)
{
    uint32_t count = grab(thief, victim);
    if (count > 0) {
        *out_count = count;
        count--;
        struct gor__g *g =
            __atomic_load_n(&thief->ring[(thief->tail + count) % GOR__RUNQ_SIZE], __ATOMIC_RELAXED);
        __atomic_store_n(&thief->tail, thief->tail + count, __ATOMIC_RELEASE);
        return g;
    }
    if (!with_next) {
        return NULL;
    }
    struct gor__g *g = gor__runq_take_next(victim);
    *out_count = g != NULL;
    return g;
}
