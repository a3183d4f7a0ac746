/* SPDX-License-Identifier: MIT */
/* bump.c - see bump.h. */
#include "runtime/debug/bump.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK_BYTES = 64 << 10, ALIGN = 16, FIRST_ROOM = 32 };

/* What every mapping begins with. */
struct gor__chunk {
    struct gor__chunk *next;
    size_t bytes;
};
_Static_assert(sizeof(struct gor__chunk) == ALIGN, "what follows it is aligned");

static char *map(struct gor__bump *bump, size_t bytes)
{
    bytes += sizeof(struct gor__chunk);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    struct gor__chunk *chunk = memory;
    *chunk = (struct gor__chunk){bump->chunks, bytes};
    __atomic_store_n(&bump->chunks, chunk, __ATOMIC_RELEASE);
    return (char *)(chunk + 1);
}

void *gor__bump_take(struct gor__bump *bump, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    /* What is large is a mapping of its own; the rest of the chunk stays in use. */
    if (bytes > CHUNK_BYTES / 4) {
        return map(bump, bytes);
    }
    if (bytes > (size_t)(bump->end - bump->at)) {
        char *chunk = map(bump, CHUNK_BYTES - sizeof(struct gor__chunk));
        if (chunk == NULL) {
            return NULL;
        }
        bump->at = chunk;
        bump->end = chunk + CHUNK_BYTES - sizeof(struct gor__chunk);
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

/* Those who stand still may be in the middle of whatever a sanitizer does. */
__attribute__((no_sanitize_address, no_sanitize_thread)) void
gor__bump_memory(const struct gor__bump *bump,
                 void (*visit)(void *arg, const void *memory, size_t bytes), void *arg)
{
    const struct gor__chunk *chunk = __atomic_load_n(&bump->chunks, __ATOMIC_ACQUIRE);
    for (; chunk != NULL; chunk = chunk->next) {
        visit(arg, chunk, chunk->bytes);
    }
}

void gor__bump_fini(struct gor__bump *bump)
{
    while (bump->chunks != NULL) {
        struct gor__chunk *chunk = bump->chunks;
        bump->chunks = chunk->next;
        munmap(chunk, chunk->bytes);
    }
    *bump = (struct gor__bump){NULL, NULL, NULL};
}
