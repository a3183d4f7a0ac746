/* SPDX-License-Identifier: MIT */
/* ready.h - putting goroutines on the queues of the calling P; the fast halves.
 *
 * Threads     the holder of the P.
 */
#ifndef GOR_SCHED_READY_H
#define GOR_SCHED_READY_H

#include "runtime/sched/sched.h"

/* The fence of "making work", and the look; see sched.h. */
static inline void gor__offer_work(void)
{
    if (gor__solo) {
        return;
    }
    gor__fence();
    if (__atomic_load_n(&gor__sched.idle_proc_count, __ATOMIC_RELAXED) != 0 &&
        __atomic_load_n(&gor__sched.spinning, __ATOMIC_RELAXED) == 0) {
        gor__wake_idle();
    }
}

/* Make room in the full ring by moving half of it to the global queue, then append. */
void gor__put_overflowing(struct gor__p *p, struct gor__g *g);

/* Append to the ring of woken and yielding goroutines. */
static inline void gor__put_runnable(struct gor__p *p, struct gor__g *g)
{
    if (GOR_UNLIKELY(!gor__runq_put(&p->runq, g))) {
        gor__put_overflowing(p, g);
    }
}

#endif
