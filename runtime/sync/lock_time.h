/* SPDX-License-Identifier: MIT */
/* lock_time.h - how long goroutines have waited for mutexes and read-write mutexes, all together.
 *
 *     int64_t began = gor__lock_wait_begins();
 *     ... wait ...
 *     gor__lock_wait_ends(began);
 *
 * By the coarse clock, which costs a load: most waits are shorter than its step and count as nothing,
 * those few during which it moves count for them, and the sum comes out right on the average.
 *
 * Threads     goroutines, inside; each P has a sum of its own.
 */
#ifndef GOR_SYNC_LOCK_TIME_H
#define GOR_SYNC_LOCK_TIME_H

#include <stdint.h>

#include "runtime/sched/sched.h"

static inline int64_t gor__lock_wait_begins(void)
{
    return gor__coarse_now();
}

static inline void gor__lock_wait_ends(int64_t began)
{
    int64_t waited = gor__coarse_now() - began;
    if (waited > 0) {
        gor__count(&gor__m_self()->p->lock_wait_ns, (uint64_t)waited);
    }
}

#endif
