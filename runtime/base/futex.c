/* SPDX-License-Identifier: MIT */
/* futex.c - see futex.h. The mutex is the third of Drepper's "Futexes Are Tricky" (2011). */
#include "runtime/base/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/lock.h"

enum { MUTEX_SPINS = 50 };

int64_t gor__monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t gor__monotonic_after(int64_t ns)
{
    int64_t deadline = 0;
    if (__builtin_add_overflow(gor__monotonic(), ns, &deadline)) {
        return INT64_MAX;
    }
    return deadline;
}

bool gor__futex_wait(uint32_t *word, uint32_t expected, int64_t deadline)
{
    struct timespec until = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
    /* WAIT_BITSET takes an absolute time, which a restart does not stretch. */
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                          deadline == INT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
    return !(result < 0 && errno == ETIMEDOUT);
}

void gor__futex_wake(uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

bool gor__mutex_try_lock(struct gor__mutex *mutex)
{
    uint32_t free = 0;
    return __atomic_compare_exchange_n(&mutex->word, &free, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

void gor__mutex_lock(struct gor__mutex *mutex)
{
    for (int i = 0; i < MUTEX_SPINS; i++) {
        if (gor__mutex_try_lock(mutex)) {
            return;
        }
        gor__relax();
    }
    while (__atomic_exchange_n(&mutex->word, 2, __ATOMIC_ACQUIRE) != 0) {
        (void)gor__futex_wait(&mutex->word, 2, INT64_MAX);
    }
}

void gor__mutex_unlock(struct gor__mutex *mutex)
{
    if (__atomic_exchange_n(&mutex->word, 0, __ATOMIC_RELEASE) == 2) {
        gor__futex_wake(&mutex->word, 1);
    }
}

bool gor__mutex_lock_soon(struct gor__mutex *mutex, int milliseconds)
{
    bool locked = gor__mutex_try_lock(mutex);
    for (int i = 0; !locked && i < milliseconds; i++) {
        (void)usleep(1000);
        locked = gor__mutex_try_lock(mutex);
    }
    return locked;
}
