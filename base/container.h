/* SPDX-License-Identifier: MIT */
/* container.h - from a member to the struct that it is a part of.
 *
 * Threads     any.
 */
#ifndef GOR_BASE_CONTAINER_H
#define GOR_BASE_CONTAINER_H

#include <stddef.h>

/* Of that type, in which `pointer` points to that member. */
#define CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
