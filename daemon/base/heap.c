/* SPDX-License-Identifier: MIT */
/* heap.c - see heap.h. */
#include "daemon/base/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"

int gord_heap_reserve(struct gord_heap *heap, size_t room)
{
    if (room <= heap->room) {
        return 0;
    }
    size_t wider = 2 * heap->room > room ? 2 * heap->room : room;
    struct gord_heap_entry *entries = realloc(heap->entries, wider * sizeof *entries);
    if (entries == NULL) {
        return -ENOMEM;
    }
    heap->entries = entries;
    heap->room = wider;
    return 0;
}

static void place(struct gord_heap *heap, const struct gord_heap_entry *entry, size_t at)
{
    heap->entries[at - 1] = *entry;
    entry->item->at = at;
}

static void sift(struct gord_heap *heap, struct gord_heap_item *item, size_t at)
{
    const struct gord_heap_entry moved = {item->key, item}, *entries = heap->entries;
    while (at > 1 && gord_heap_before(&moved.key, &entries[at / 2 - 1].key)) {
        place(heap, &entries[at / 2 - 1], at);
        at /= 2;
    }
    for (size_t child; (child = 2 * at) <= heap->count; at = child) {
        child +=
            child < heap->count && gord_heap_before(&entries[child].key, &entries[child - 1].key);
        if (!gord_heap_before(&entries[child - 1].key, &moved.key)) {
            break;
        }
        place(heap, &entries[child - 1], at);
    }
    place(heap, &moved, at);
}

void gord_heap_put(struct gord_heap *heap, struct gord_heap_item *item, struct gord_heap_key key)
{
    GORD_ASSERT(item->at != 0 || heap->count < heap->room);
    if (item->at != 0 && !gord_heap_before(&item->key, &key) &&
        !gord_heap_before(&key, &item->key)) {
        return;
    }
    item->key = key;
    sift(heap, item, item->at != 0 ? item->at : ++heap->count);
}

void gord_heap_remove(struct gord_heap *heap, struct gord_heap_item *item)
{
    size_t at = item->at;
    if (at == 0) {
        return;
    }
    struct gord_heap_item *last = heap->entries[--heap->count].item;
    item->at = 0;
    if (last != item) {
        sift(heap, last, at);
    }
}

struct gord_heap_item *gord_heap_first(const struct gord_heap *heap)
{
    return heap->count > 0 ? heap->entries[0].item : NULL;
}

bool gord_heap_is_valid(const struct gord_heap *heap)
{
    for (size_t at = 1; at <= heap->count; at++) {
        const struct gord_heap_entry *entry = &heap->entries[at - 1];
        if (entry->item->at != at ||
            memcmp(&entry->key, &entry->item->key, sizeof entry->key) != 0 ||
            (at > 1 && gord_heap_before(&entry->key, &heap->entries[at / 2 - 1].key))) {
            return false;
        }
    }
    return true;
}

void gord_heap_fini(struct gord_heap *heap)
{
    free(heap->entries);
    *heap = (struct gord_heap){0};
}
