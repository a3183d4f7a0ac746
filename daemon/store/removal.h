/* SPDX-License-Identifier: MIT */
/* removal.h - jobs that somebody wants removed, and what became of each. It is no event, since what it
 * would be an event of is gone.
 *
 * Threads     the writer's from gord_store_remove() until `done` is called, then the caller's.
 */
#ifndef GORD_STORE_REMOVAL_H
#define GORD_STORE_REMOVAL_H

#include <stddef.h>
#include <stdint.h>

enum gord_removed {
    GORD_REMOVED,
    GORD_REMOVED_NONE,    /* there is no such job */
    GORD_REMOVED_LIVES,   /* it has not ended */
    GORD_REMOVED_AWAITED, /* another one that has not ended is to run after it */
};

struct gord_removal_item {
    uint64_t id;
    uint64_t by_id; /* AWAITED: who waits for it */
    enum gord_removed what;
};

struct gord_removal {
    struct gord_removal_item *items;
    size_t count;
};

#endif
