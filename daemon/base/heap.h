/* SPDX-License-Identifier: MIT */
/* heap.h - a binary heap of things that lie elsewhere, the least first; each knows its place in it.
 *
 * Threads     whoever has one guards it.
 * Ownership   the heap owns its array, never what is in it.
 */
#ifndef GORD_BASE_HEAP_H
#define GORD_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* By the first, if equal by the second, if equal by the third. */
struct gord_heap_key {
    int64_t first;
    int64_t second;
    uint64_t third;
};

/* A part of what is to be in a heap. */
struct gord_heap_item {
    struct gord_heap_key key;
    size_t at; /* 1-based; 0: in none */
};

/* The key is here too, so that a look for a place need not go to what lies elsewhere. */
struct gord_heap_entry {
    struct gord_heap_key key;
    struct gord_heap_item *item;
};

struct gord_heap {
    struct gord_heap_entry *entries; /* owned; the least is entries[0] */
    size_t count;
    size_t room;
};

/* Room for so many. Putting never fails for want of memory, but room must be there. -ENOMEM. */
int gord_heap_reserve(struct gord_heap *heap, size_t room);

/* Put it in, or where it belongs by another key. */
void gord_heap_put(struct gord_heap *heap, struct gord_heap_item *item, struct gord_heap_key key);

/* Does nothing if it is in none. */
void gord_heap_remove(struct gord_heap *heap, struct gord_heap_item *item);

/* NULL: it is empty. */
struct gord_heap_item *gord_heap_first(const struct gord_heap *heap);

static inline bool gord_heap_before(const struct gord_heap_key *a, const struct gord_heap_key *b)
{
    if (a->first != b->first) {
        return a->first < b->first;
    }
    return a->second != b->second ? a->second < b->second : a->third < b->third;
}

/* For tests and debugging: all in their places. */
bool gord_heap_is_valid(const struct gord_heap *heap);

void gord_heap_fini(struct gord_heap *heap);

#endif
