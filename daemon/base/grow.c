/* SPDX-License-Identifier: MIT */
#include "daemon/base/grow.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"

enum { FIRST_ROOM = 16 };

int gord_grow(void *array, size_t count, size_t *room, size_t item_bytes)
{
    if (count < *room) {
        return 0;
    }
    if (*room > SIZE_MAX / 2 / item_bytes) {
        return -ENOMEM;
    }
    size_t more = *room > 0 ? 2 * *room : FIRST_ROOM;
    void *items;
    /* As bytes, for it is no void * but a pointer to the items' type. */
    memcpy(&items, array, sizeof items);
    items = realloc(items, more * item_bytes);
    if (items == NULL) {
        return -ENOMEM;
    }
    memcpy(array, &items, sizeof items);
    *room = more;
    GORD_ASSERT(count < more);
    return 0;
}
