/* SPDX-License-Identifier: MIT */
/* regions.h - what memory of the process may hold pointers, and where in it there is anything.
 *
 * Threads     one; with the others frozen, or what is found may be out of date.
 */
#ifndef GOR_DEBUG_REGIONS_H
#define GOR_DEBUG_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gor__region_kind {
    GOR__REGION_PLAIN, /* data of programs and libraries, files in memory, ... */
    GOR__REGION_BRK,   /* what malloc has by sbrk */
    GOR__REGION_ANON,  /* mapped without a file, private */
    GOR__REGION_STACK, /* of the first thread */
};

struct gor__region {
    uintptr_t start;
    uintptr_t end;
    enum gor__region_kind kind;
};

struct gor__regions {
    struct gor__region *list; /* by address; owned */
    size_t count;
    int pages; /* of /proc/self/pagemap; -1: none */
};

/* All that can be read and either written or is nobody's file. 0; -ENOMEM; -E2BIG: more mappings than
 * Linux allows by default; the error of reading /proc/self/maps. */
int gor__regions_open(struct gor__regions *regions);
void gor__regions_close(struct gor__regions *regions);

/* The list's own memory. */
void gor__regions_memory(const struct gor__regions *regions,
                         void (*visit)(void *arg, const void *memory, size_t bytes), void *arg);

/* The region that `address` lies in, or NULL. */
const struct gor__region *gor__regions_find(const struct gor__regions *regions, uintptr_t address);

/* Call visit(arg, words, count) for all memory between `start` and `end`, both multiples of 8,
 * that there is anything in: a copy of it, piece by piece. What cannot be read is passed over. */
void gor__regions_read(const struct gor__regions *regions, uintptr_t start, uintptr_t end,
                       void (*visit)(void *arg, const uint64_t *words, size_t count), void *arg);

#endif
