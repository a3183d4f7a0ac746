/* SPDX-License-Identifier: MIT */
/* mapping.h - which files' code lies where in this process: the program, first, and its libraries.
 *
 * Threads     any, outside the door: it calls malloc and takes the loader's lock.
 */
#ifndef GOR_DEBUG_MAPPING_H
#define GOR_DEBUG_MAPPING_H

#include <stddef.h>
#include <stdint.h>

enum { GOR__BUILD_ID_TEXT = 2 * 32 + 1 };

struct gor__mapping {
    uintptr_t start;
    uintptr_t limit;
    uint64_t file_offset;
    char *file;                        /* owned; "" if it has none */
    char build_id[GOR__BUILD_ID_TEXT]; /* in hex; "" if it has none */
};

struct gor__mappings {
    struct gor__mapping *list; /* owned */
    size_t count;
    size_t room;
};

/* 0, or -ENOMEM. */
int gor__mappings_init(struct gor__mappings *mappings);
void gor__mappings_fini(struct gor__mappings *mappings);

/* The one an address lies in, from 1 on; 0: none. */
size_t gor__mappings_find(const struct gor__mappings *mappings, uintptr_t address);

#endif
