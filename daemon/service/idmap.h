/* SPDX-License-Identifier: MIT */
/* idmap.h - ids of jobs elsewhere and the ids they have here.
 *
 * Threads     one at a time. Ownership: the memory is the map's; a zeroed one is empty.
 */
#ifndef GORD_SERVICE_IDMAP_H
#define GORD_SERVICE_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct gord_idmap {
    struct gord_idmap_pair *slots; /* owned */
    size_t slot_count;             /* 0 or a power of two */
    size_t count;
};

/* Add or change. `from` is not 0. -ENOMEM. */
int gord_idmap_put(struct gord_idmap *map, uint64_t from, uint64_t to);

/* 0: it is not there. */
uint64_t gord_idmap_get(const struct gord_idmap *map, uint64_t from);

void gord_idmap_fini(struct gord_idmap *map);

#endif
