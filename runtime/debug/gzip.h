/* SPDX-License-Identifier: MIT */
/* gzip.h - bytes in the frame of a .gz file, as they are: not smaller, but what the readers of
 * profiles expect, and without a library that compresses.
 *
 * Threads     any.
 */
#ifndef GOR_DEBUG_GZIP_H
#define GOR_DEBUG_GZIP_H

#include <stddef.h>

/* Hand all of it to write(arg, ...), piece by piece, until that answers something else than 0, which
 * is answered then. */
int gor__gzip_store(const void *bytes, size_t count,
                    int (*write)(void *arg, const void *bytes, size_t count), void *arg);

#endif
