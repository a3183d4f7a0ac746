/* SPDX-License-Identifier: MIT */
/* assert.h - checks that stay on in every build: a daemon that goes on with a broken job table
 * would write the breakage down. For callers' bugs only; what the world may do is returned.
 */
#ifndef GORD_BASE_ASSERT_H
#define GORD_BASE_ASSERT_H

/* Write "gord: fatal: FILE:LINE: CONDITION does not hold" to stderr and abort. */
void gord_assert_failed(const char *file, int line, const char *condition)
    __attribute__((noreturn, cold));

#define GORD_ASSERT(condition)                                  \
    do {                                                        \
        if (__builtin_expect(!(condition), 0)) {                \
            gord_assert_failed(__FILE__, __LINE__, #condition); \
        }                                                       \
    } while (0)

#endif
