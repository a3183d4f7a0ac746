/* SPDX-License-Identifier: MIT */
/* bump.c - see bump.h. */
#include "runtime/debug/bump.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK_BYTES = 64 << 10, ALIGN = 16, FIRST_ROOM = 32 };

/* Larger than a chunk, it is a mapping of its own; the rest of the chunk stays in use. */
static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

void *gor__bump_take(struct gor__bump *bump, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes > CHUNK_BYTES / 4) {
        return map(bytes);
    }
    if (bytes > (size_t)(bump->end - bump->at)) {
        char *chunk = map(CHUNK_BYTES);
        if (chunk == NULL) {
            return NULL;
        }
        bump->at = chunk;
        bump->end = chunk + CHUNK_BYTES;
    }
    void *taken = bump->at;
    bump->at += bytes;
    return taken;
}

void *gor__bump_grow(struct gor__bump *bump, void *array, size_t size, size_t count, size_t *room)
{
    if (count < *room) {
        return array;
    }
    size_t more = *room != 0 ? *room * 2 : FIRST_ROOM;
    void *larger = more < SIZE_MAX / 2 / size ? gor__bump_take(bump, more * size) : NULL;
    if (larger == NULL) {
        return NULL;
    }
    if (count > 0) {
        memcpy(larger, array, count * size);
    }
    *room = more;
    return larger;
}
