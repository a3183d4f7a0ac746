/* SPDX-License-Identifier: MIT */
/* intern.c - see intern.h. Open addressing, at most half full. */
#include "runtime/debug/intern.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

void gor__interned_fini(struct gor__interned *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->keys[i].bytes);
    }
    free(t->keys);
    free(t->slots);
    memset(t, 0, sizeof *t);
}

/* FNV-1a by words of eight, and mixed at the end: keys are addresses, mostly, which differ little. */
static uint64_t hash_of(const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    while (count > 0) {
        uint64_t word = 0;
        size_t step = count < sizeof word ? count : sizeof word;
        memcpy(&word, at, step);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
        at += step;
        count -= step;
    }
    return hash * UINT64_C(0x9e3779b97f4a7c15);
}

/* The slot that names the key, or the free one where it belongs. */
static uint32_t *find_slot(const struct gor__interned *t, const void *bytes, size_t count,
                           uint64_t hash)
{
    size_t mask = t->slot_count - 1;
    size_t i = (size_t)(hash >> 32) & mask;
    while (t->slots[i] != 0) {
        const struct gor__interned_key *key = &t->keys[t->slots[i] - 1];
        if (key->hash == hash && key->count == count && memcmp(key->bytes, bytes, count) == 0) {
            break;
        }
        i = (i + 1) & mask;
    }
    return &t->slots[i];
}

static bool grow_slots(struct gor__interned *t)
{
    size_t slot_count = t->slot_count != 0 ? 2 * t->slot_count : FIRST_SLOTS;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    free(t->slots);
    t->slots = slots;
    t->slot_count = slot_count;
    for (size_t i = 0; i < t->count; i++) {
        const struct gor__interned_key *key = &t->keys[i];
        *find_slot(t, key->bytes, key->count, key->hash) = (uint32_t)i + 1;
    }
    return true;
}

static bool grow_keys(struct gor__interned *t)
{
    size_t room = t->room != 0 ? 2 * t->room : FIRST_SLOTS / 2;
    struct gor__interned_key *keys = realloc(t->keys, room * sizeof *keys);
    if (keys != NULL) {
        t->keys = keys;
        t->room = room;
    }
    return keys != NULL;
}

/* Room for one more key. */
static bool make_room(struct gor__interned *t)
{
    return t->count < UINT32_MAX && (2 * (t->count + 1) <= t->slot_count || grow_slots(t)) &&
           (t->count < t->room || grow_keys(t));
}

uint32_t gor__intern(struct gor__interned *t, const void *bytes, size_t count)
{
    if (t->failed || !make_room(t)) {
        t->failed = true;
        return 0;
    }
    uint64_t hash = hash_of(bytes, count);
    uint32_t *slot = find_slot(t, bytes, count, hash);
    if (*slot != 0) {
        return *slot - 1;
    }
    void *copy = malloc(count + 1);
    if (copy == NULL) {
        t->failed = true;
        return 0;
    }
    memcpy(copy, bytes, count);
    ((char *)copy)[count] = '\0';
    t->keys[t->count] = (struct gor__interned_key){copy, count, hash};
    *slot = (uint32_t)++t->count;
    return *slot - 1;
}
