/* SPDX-License-Identifier: MIT */
/* lock.h - the two locks of the runtime, and atomics that cost nothing on a single P.
 *
 * gor__spin is a spin lock for any thread. gor__lock is the same, but only holders of a P may take
 * it: while the runtime is *solo* (one P, gor__solo) nobody can compete, and it is free. Solo comes and
 * goes with GOMAXPROCS while the world stands, when nobody is inside: so whoever looks at gor__solo, or
 * calls what does, has passed the door (sched/door.h), and it is the same until he leaves.
 *
 * Invariants  held for a few dozen instructions, never across a call into foreign code; a goroutine
 *             that parks has it released by whoever runs next on its thread.
 * Threads     as above. Both are acquire on lock, release on unlock.
 */
#ifndef GOR_BASE_LOCK_H
#define GOR_BASE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/assert.h"

#if defined(__SANITIZE_THREAD__)
/* ThreadSanitizer must see every edge, so the short cuts are off. */
#define gor__solo false
#else
/* Written by the scheduler only: before threads start, and while the world stands. */
extern bool gor__solo __attribute__((visibility("hidden")));
#endif

struct gor__spin {
    uint32_t held;
};

struct gor__lock {
    struct gor__spin spin;
};

/* The contended half of gor__spin_lock. */
void gor__spin_wait(struct gor__spin *spin);

static inline void gor__spin_lock(struct gor__spin *spin)
{
    if (GOR_UNLIKELY(__atomic_exchange_n(&spin->held, 1, __ATOMIC_ACQUIRE) != 0)) {
        gor__spin_wait(spin);
    }
}

static inline bool gor__spin_try_lock(struct gor__spin *spin)
{
    return __atomic_load_n(&spin->held, __ATOMIC_RELAXED) == 0 &&
           __atomic_exchange_n(&spin->held, 1, __ATOMIC_ACQUIRE) == 0;
}

static inline void gor__spin_unlock(struct gor__spin *spin)
{
    __atomic_store_n(&spin->held, 0, __ATOMIC_RELEASE);
}

static inline void gor__lock(struct gor__lock *lock)
{
    if (!gor__solo) {
        gor__spin_lock(&lock->spin);
    }
}

static inline void gor__unlock(struct gor__lock *lock)
{
    if (!gor__solo) {
        gor__spin_unlock(&lock->spin);
    }
}

/* Compare and swap among holders of a P: acquire and release. */
static inline bool gor__cas32(uint32_t *word, uint32_t expected, uint32_t desired)
{
    if (gor__solo) {
        if (*word != expected) {
            return false;
        }
        *word = desired;
        return true;
    }
    return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

static inline bool gor__cas64(uint64_t *word, uint64_t expected, uint64_t desired)
{
    if (gor__solo) {
        if (*word != expected) {
            return false;
        }
        *word = desired;
        return true;
    }
    return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* Add among holders of a P: acquire and release; the new value. */
static inline int64_t gor__add64(int64_t *word, int64_t delta)
{
    if (gor__solo) {
        return *word += delta;
    }
    return __atomic_add_fetch(word, delta, __ATOMIC_ACQ_REL);
}

/* A full fence; ThreadSanitizer knows none, and gets its like. */
static inline void gor__fence(void)
{
#if defined(__SANITIZE_THREAD__)
    static uint32_t nothing;
    (void)__atomic_fetch_add(&nothing, 0, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* What was stored before is seen no later than what is stored after. */
static inline void gor__store_fence(void)
{
#if defined(__aarch64__)
    __asm__ volatile("dmb ishst" ::: "memory");
#else
    /* x86-64 keeps stores in order; the compiler shall, too. */
    __asm__ volatile("" ::: "memory");
#endif
}

/* A counter that one thread writes and any may read: release and acquire, so that whoever sees that
 * goroutines have ended sees what they did. */
static inline void gor__count(uint64_t *counter, uint64_t delta)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + delta, __ATOMIC_RELEASE);
}

static inline uint64_t gor__counted(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

/* Tell the processor that this is a wait loop. */
static inline void gor__relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

#endif
