/* SPDX-License-Identifier: MIT */
/* stream.h - what is written to a FILE of the program's.
 *
 * Threads     any, outside the door: stdio takes locks and memory.
 * Errors      a negative errno; -EIO where stdio tells none.
 */
#ifndef GOR_DEBUG_STREAM_H
#define GOR_DEBUG_STREAM_H

#include <stddef.h>
#include <stdio.h>

/* A text's `write`: to the stream `arg`. */
int gor__stream_write(void *arg, const char *text, size_t bytes);

int gor__stream_flush(FILE *out);

/* The same, and whether anything written before has failed. */
int gor__stream_end(FILE *out);

#endif
