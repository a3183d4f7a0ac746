/* SPDX-License-Identifier: MIT */
/* grow.h - arrays that grow by doubling, item by item.
 *
 * Threads     any; the array is the caller's.
 * Ownership   the caller frees the array, with free().
 */
#ifndef GORD_BASE_GROW_H
#define GORD_BASE_GROW_H

#include <stddef.h>

/* Room for one more item than the `count` there are, in the array that `array`, a T **, points to: it has
 * room for *room items of `item_bytes` each; NULL and 0 to begin with. -ENOMEM: then both are as they
 * were. */
int gord_grow(void *array, size_t count, size_t *room, size_t item_bytes);

#endif
