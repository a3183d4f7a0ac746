/* SPDX-License-Identifier: MIT */
/* blocks.h - the blocks that malloc has cut its memory into, as far as its memory can be read.
 *
 * Known is the layout of glibc's malloc: chunks that follow each other without gaps, each with its
 * size in front. A piece of memory is taken to be so only if its chunks lead exactly from its
 * beginning to its end; all else, the memory of other allocators above all, has no blocks, and who
 * asks has to do with it as a whole.
 *
 * Threads     one, with the others frozen.
 */
#ifndef GOR_DEBUG_BLOCKS_H
#define GOR_DEBUG_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/debug/regions.h"

/* One run of chunks. A chunk is known by its number: the distance of its beginning from that of the
 * run, in units of 16 bytes. */
struct gor__run {
    uintptr_t outer; /* with what malloc has in front of it for itself */
    uintptr_t start;
    uintptr_t end;
    uint64_t *begins; /* owned, as the next three: a bit for each number that is a chunk */
    uint64_t *marked; /* ... that was reached */
    uint64_t *keyed;  /* ... for which somebody waits */
    uint32_t *covers; /* for each 4 KiB: the chunk that its first byte is in */
};

struct gor__blocks {
    struct gor__run *runs; /* by address; owned */
    size_t count;
};

enum { GOR__BLOCK_UNIT = 16 };

/* A block: what the program may write of a chunk. */
struct gor__block {
    struct gor__run *run;
    size_t number;
};

/* Find out how malloc marks what a thread keeps free for itself. Before anybody is halted, for it asks for
 * memory. */
void gor__blocks_learn(void);

/* Whether the block that begins at `start` is such a one: pointers that are left in it are nobody's. */
bool gor__block_is_kept_free(uintptr_t start);

int gor__blocks_open(struct gor__blocks *blocks, const struct gor__regions *regions);
void gor__blocks_close(struct gor__blocks *blocks);

/* The block that `address` points into, or just behind; false: it is in no run. */
bool gor__blocks_find(const struct gor__blocks *blocks, uintptr_t address,
                      struct gor__block *out_block);

/* Where the block's memory begins and ends. */
void gor__block_bounds(const struct gor__block *block, uintptr_t *out_start, uintptr_t *out_end);

static inline bool gor__bit(const uint64_t *bits, size_t number)
{
    return (bits[number / 64] >> (number % 64) & 1) != 0;
}

static inline void gor__set_bit(uint64_t *bits, size_t number)
{
    bits[number / 64] |= UINT64_C(1) << (number % 64);
}

#endif
