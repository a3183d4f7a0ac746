/* SPDX-License-Identifier: MIT */
/* filter.h - a job's output made safe for a terminal, chunk by chunk.
 *
 * Text, colours (ESC [ ... m), and the moves of a progress bar (\r, \b, ESC [ K) pass; other
 * control characters, escape sequences and bytes that are not UTF-8 are shown as \x1b and the like.
 * A character or sequence cut by the end of a chunk waits for the next one.
 * Ownership   caller's memory, ready when zeroed.
 */
#ifndef GOR_CLIENT_FILTER_H
#define GOR_CLIENT_FILTER_H

#include <stddef.h>
#include <stdint.h>

struct gorctl_filter {
    uint8_t held[32]; /* the beginning of something */
    size_t held_length;
};

/* The safe form of `bytes`, the caller's to free(). */
char *gorctl_filter_run(struct gorctl_filter *filter, const void *bytes, size_t length,
                        size_t *out_length);

/* What was held back, when no more will come. */
char *gorctl_filter_end(struct gorctl_filter *filter, size_t *out_length);

#endif
