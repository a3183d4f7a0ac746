/* SPDX-License-Identifier: MIT */
/* futex.h - sleeping and waking of threads, and the mutex built on it.
 *
 * Threads     any. Private to the process.
 */
#ifndef GOR_BASE_FUTEX_H
#define GOR_BASE_FUTEX_H

#include <stdbool.h>
#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC: now, and `ns` from now, INT64_MAX if that is beyond all time. For waits
 * of threads; the time of goroutines is gor_now(). */
int64_t gor__monotonic(void);
int64_t gor__monotonic_after(int64_t ns);

/* Sleep while *word == expected, at most until the CLOCK_MONOTONIC deadline (INT64_MAX: no limit).
 * May return early; false only when the deadline passed. */
bool gor__futex_wait(uint32_t *word, uint32_t expected, int64_t deadline);

/* Wake up to `count` sleepers. */
void gor__futex_wake(uint32_t *word, int count);

/* A mutex for threads: 0 free, 1 held, 2 held and perhaps waited for. */
struct gor__mutex {
    uint32_t word;
};

void gor__mutex_lock(struct gor__mutex *mutex);
bool gor__mutex_try_lock(struct gor__mutex *mutex);
/* For so many milliseconds: who holds it may be stopped, or be the caller himself. */
bool gor__mutex_lock_soon(struct gor__mutex *mutex, int milliseconds);
void gor__mutex_unlock(struct gor__mutex *mutex);

#endif
