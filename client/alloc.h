/* SPDX-License-Identifier: MIT */
/* alloc.h - memory for a short-lived command: it is there, or the command ends.
 *
 * Ownership   every result is the caller's, to be given to free().
 * Errors      without memory they say so on stderr and end the process with GORCTL_EXIT_INTERNAL;
 *             a command line has nothing better to do then.
 */
#ifndef GOR_CLIENT_ALLOC_H
#define GOR_CLIENT_ALLOC_H

#include <stddef.h>
#include <stdio.h>

/* Say so and end. */
void gorctl_out_of_memory(void) __attribute__((noreturn));

/* `size` zeroed bytes. */
void *gorctl_alloc(size_t size);

/* `memory` with room for `count` elements of `size` bytes; new room is not zeroed. */
void *gorctl_grow(void *memory, size_t count, size_t size);

/* A copy of `length` bytes with a NUL behind them. */
void *gorctl_copy(const void *bytes, size_t length);

char *gorctl_strdup(const char *text);

/* A stream into memory: what was written is whole in *out_text once it is closed. */
FILE *gorctl_memory_stream(char **out_text, size_t *out_length);

char *gorctl_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
