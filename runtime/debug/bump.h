/* SPDX-License-Identifier: MIT */
/* bump.h - memory that is given back all at once, straight from the kernel.
 *
 * For what is read about the program's code, and for dumps: needed also when a debugger has halted a
 * thread that holds malloc's lock.
 *
 * Threads     one at a time.
 */
#ifndef GOR_DEBUG_BUMP_H
#define GOR_DEBUG_BUMP_H

#include <stddef.h>

/* Ready when zeroed. */
struct gor__bump {
    char *at;
    char *end;
    struct gor__chunk *chunks; /* owned */
};

/* Zeroed, aligned to 16; NULL: out of memory. */
void *gor__bump_take(struct gor__bump *bump, size_t bytes);

/* An array of `size` bytes an element with room for one more than `count`: `array` itself, or a larger
 * one with its elements. *room is what it has room for. NULL: out of memory, and the old one stays. */
void *gor__bump_grow(struct gor__bump *bump, void *array, size_t size, size_t count, size_t *room);

/* What all of it lies in. Also while a thread that takes some stands still. */
void gor__bump_memory(const struct gor__bump *bump,
                      void (*visit)(void *arg, const void *memory, size_t bytes), void *arg);

/* Give everything back. */
void gor__bump_fini(struct gor__bump *bump);

#endif
