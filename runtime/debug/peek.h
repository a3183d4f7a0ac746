/* SPDX-License-Identifier: MIT */
/* peek.h - copy our own memory, whatever lies there.
 *
 * Threads     one at a time, from open to close; others may be frozen in between.
 */
#ifndef GOR_DEBUG_PEEK_H
#define GOR_DEBUG_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Find out how it can be read. False: not at all. */
bool gor__peek_open(void);
void gor__peek_close(void);

/* Copy what lies at `from`: the number of bytes before the first that cannot be read. */
size_t gor__peek(void *to, uintptr_t from, size_t bytes);

/* The same for several pieces, which are copied one behind the other; `bytes` in all. */
size_t gor__peek_all(void *to, const struct iovec *pieces, size_t count, size_t bytes);

#endif
