/* SPDX-License-Identifier: MIT */
/* assert.h - checks that stay on, and how the runtime dies when one fails.
 *
 * Threads     any, also a signal handler: a report takes no lock and allocates nothing.
 */
#ifndef GOR_BASE_ASSERT_H
#define GOR_BASE_ASSERT_H

#include <stdint.h>

/* Write "gor: fatal: ..." to standard error and abort. Only %s, %d, %u, %x and %p are known, with
 * l before d, u and x. */
void gor__die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The same without the end, which is left to the caller. */
void gor__die_later(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Cheap checks of what a caller or another room must keep; never compiled out. */
#define GOR_ASSERT(condition)                                                    \
    do {                                                                         \
        if (__builtin_expect(!(condition), 0)) {                                 \
            gor__die("%s:%d: %s does not hold", __FILE__, __LINE__, #condition); \
        }                                                                        \
    } while (0)

/* Dear checks, such as walking a whole structure; only with GOR_DEBUG. */
#ifdef GOR_DEBUG
#define GOR_DEBUG_ASSERT(condition) GOR_ASSERT(condition)
#else
#define GOR_DEBUG_ASSERT(condition) ((void)0)
#endif

#define GOR_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define GOR_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* The answer of a call that a goroutine may wait in, made last in a function that others call: as a
 * jump it would take that function out of all dumps. */
static inline int gor__shown(int answer)
{
    __asm__ volatile("" : "+r"(answer));
    return answer;
}

#endif
