/* SPDX-License-Identifier: MIT */
/* door.h - where a goroutine comes into the runtime, and where it goes back to its own code.
 *
 * Whoever is *inside* keeps the P. Outside, in code the runtime knows nothing of, a thread may lose
 * its P at any moment (handoff.c): because it blocks in the kernel, because it has computed for a
 * whole slice, or because the world stops. It learns of it here, at its next call.
 *
 * The fast path is a store and a load; no fence. It pairs with the one who takes the P: he stores
 * `taken`, has the kernel fence every thread of the process (membarrier), then loads `inside`. So
 * either he sees that somebody is inside, or that somebody sees `taken`. Fencing on both sides was
 * rejected: it costs more than all the rest of a channel operation.
 *
 * Rules for the inside
 *   - Doors are not nested: inside, call gor__ functions, not public ones that have a door.
 *   - No malloc, no stdio, no pthread_create, no code of others, no system call that blocks: a thread
 *     that has lost its P may hold the lock they want, and the P it needs to go on may be ours.
 *   - Calls back into the user's code are made outside.
 */
#ifndef GOR_SCHED_DOOR_H
#define GOR_SCHED_DOOR_H

#include <stddef.h>

#include "runtime/base/assert.h"
#include "runtime/base/lock.h"
#include "runtime/sched/machine.h"

/* The P was taken while the thread was outside: wait, on this thread, until it is given one. */
void gor__door_wait(struct gor__m *m);

static inline void gor__enter_machine(struct gor__m *m)
{
    GOR_DEBUG_ASSERT(!m->inside);
    __atomic_store_n(&m->inside, true, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (GOR_UNLIKELY(__atomic_load_n(&m->taken, __ATOMIC_ACQUIRE) != 0)) {
        gor__door_wait(m);
    }
}

/* The same for steps so short that a call on the side would be seen: false, and outside still, when
 * gor__enter_machine would wait. */
static inline bool gor__try_enter_machine(struct gor__m *m)
{
    GOR_DEBUG_ASSERT(!m->inside);
    __atomic_store_n(&m->inside, true, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (GOR_LIKELY(__atomic_load_n(&m->taken, __ATOMIC_ACQUIRE) == 0)) {
        return true;
    }
    __atomic_store_n(&m->inside, false, __ATOMIC_RELEASE);
    return false;
}

/* Come in; a goroutine only. Answers its M, which holds a P until gor__leave. */
static inline struct gor__m *gor__enter(void)
{
    struct gor__m *m = gor__m_self();
    GOR_ASSERT(m != NULL);
    gor__enter_machine(m);
    return m;
}

/* The same for what any thread may call: on one that is not the runtime's nothing happens, and NULL
 * is answered. */
static inline struct gor__m *gor__enter_any(void)
{
    struct gor__m *m = gor__m_self();
    if (m != NULL) {
        gor__enter_machine(m);
    }
    return m;
}

/* Go out; the M may be another one than at the entry, if the goroutine has parked. */
static inline void gor__leave_machine(struct gor__m *m)
{
    GOR_DEBUG_ASSERT(m->inside);
    /* Release: whoever sees that nobody is inside sees what was done there. */
    __atomic_store_n(&m->inside, false, __ATOMIC_RELEASE);
}

static inline void gor__leave(void)
{
    gor__leave_machine(gor__m_self());
}

static inline void gor__leave_any(struct gor__m *entered)
{
    if (entered != NULL) {
        gor__leave();
    }
}

#endif
