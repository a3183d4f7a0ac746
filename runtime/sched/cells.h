/* SPDX-License-Identifier: MIT */
/* cells.h - dense memory for what is left of the stacks of hibernating goroutines.
 *
 * Cells are of 116 sizes: less than 16 bytes larger than asked for up to 1 KiB, less than a quarter
 * above. They stand in slabs of one size; one that is empty goes back to the kernel, but for the last
 * of its size. Around each cell a page of readable memory can be relied on, for gor__evict_put.
 *
 * Threads     gor__cell_give_back by any, also in a handler of signals: it only pushes to a list, with
 *             no lock. All else by one at a time (cold.c), but for the statistics.
 * Ownership   slabs are not unmapped before gor__cells_fini, so a late reader may look at a cell.
 */
#ifndef GOR_SCHED_CELLS_H
#define GOR_SCHED_CELLS_H

#include <stddef.h>
#include <stdint.h>

enum { GOR__CELL_MAX = 32768 };

/* A multiple of 8 bytes, up to GOR__CELL_MAX. Aligned to 16. NULL: no memory. */
char *gor__cell_take(size_t bytes);

void gor__cell_give_back(char *cell);

/* Make cells that were given back free for others, and their memory the kernel's where it can. */
void gor__cells_collect(void);

/* All memory that cells may lie in, piece by piece. Not while anybody takes one. */
void gor__cells_each(void (*visit)(void *arg, const void *memory, size_t bytes), void *arg);

/* Bytes of the kernel's memory that slabs may have, and bytes of the cells that are taken. Any
 * thread. */
uint64_t gor__cells_memory(void);
uint64_t gor__cells_taken(void);

/* Unmap everything; nobody uses a cell any more. */
void gor__cells_fini(void);

#endif
