/* SPDX-License-Identifier: MIT */
/* arena.c - see arena.h. */
#include "daemon/otlp/arena.h"

#include <stdint.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 64 * 1024, ALIGNMENT = _Alignof(max_align_t) };

struct gord_arena_block {
    struct gord_arena_block *next;
    size_t bytes;
    max_align_t memory[];
};

void gord_arena_init(struct gord_arena *arena)
{
    *arena = (struct gord_arena){0};
}

void gord_arena_fini(struct gord_arena *arena)
{
    while (arena->blocks != NULL) {
        struct gord_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
    gord_arena_init(arena);
}

static bool grow(struct gord_arena *arena, size_t bytes)
{
    size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct gord_arena_block *block = calloc(1, sizeof(*block) + room);

    if (block == NULL) {
        return false;
    }
    block->next = arena->blocks;
    block->bytes = room;
    arena->blocks = block;
    arena->left = room;
    return true;
}

void *gord_arena_take(struct gord_arena *arena, size_t count, size_t bytes)
{
    if (bytes != 0 && count > (SIZE_MAX / 2) / bytes) {
        arena->failed = true;
        return NULL;
    }
    bytes = (count * bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if ((arena->blocks == NULL || arena->left < bytes) && !grow(arena, bytes)) {
        arena->failed = true;
        return NULL;
    }
    char *memory = (char *)arena->blocks->memory + (arena->blocks->bytes - arena->left);
    arena->left -= bytes;
    return memory;
}
