/* SPDX-License-Identifier: MIT */
#include "daemon/service/idmap.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_FIRST 256

struct gord_idmap_pair {
    uint64_t from; /* 0: the slot is free */
    uint64_t to;
};

/* Where it is, or would be. Ids mostly come one by one, so their low bits spread well. */
static struct gord_idmap_pair *slot_of(const struct gord_idmap *map, uint64_t from)
{
    size_t at = from & (map->slot_count - 1);

    while (map->slots[at].from != 0 && map->slots[at].from != from) {
        at = (at + 1) & (map->slot_count - 1);
    }
    return &map->slots[at];
}

static int grow(struct gord_idmap *map)
{
    struct gord_idmap wider = {.count = map->count};

    wider.slot_count = map->slot_count > 0 ? 2 * map->slot_count : SLOTS_FIRST;
    wider.slots = calloc(wider.slot_count, sizeof(*wider.slots));
    if (wider.slots == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < map->slot_count; i++) {
        if (map->slots[i].from != 0) {
            *slot_of(&wider, map->slots[i].from) = map->slots[i];
        }
    }
    free(map->slots);
    *map = wider;
    return 0;
}

int gord_idmap_put(struct gord_idmap *map, uint64_t from, uint64_t to)
{
    int result = 2 * (map->count + 1) > map->slot_count ? grow(map) : 0;

    if (result == 0) {
        struct gord_idmap_pair *slot = slot_of(map, from);
        map->count += slot->from == 0;
        *slot = (struct gord_idmap_pair){from, to};
    }
    return result;
}

uint64_t gord_idmap_get(const struct gord_idmap *map, uint64_t from)
{
    return map->slot_count > 0 && from != 0 ? slot_of(map, from)->to : 0;
}

void gord_idmap_fini(struct gord_idmap *map)
{
    free(map->slots);
    *map = (struct gord_idmap){0};
}
