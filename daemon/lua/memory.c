/* SPDX-License-Identifier: MIT */
/* memory.c - see memory.h.
 *
 * An allocator of our own with classes of sizes was rejected: a script that frees one size and then
 * wants another would either exceed its budget in pages or be refused memory it does not have.
 */
#include "daemon/lua/memory.h"

#include <stdlib.h>

struct gord_lua_block {
    struct gord_lua_block *prev; /* list links */
    struct gord_lua_block *next;
    _Alignas(16) unsigned char bytes[];
};

void gord_lua_memory_init(struct gord_lua_memory *memory, uint64_t budget)
{
    *memory = (struct gord_lua_memory){.budget = budget};
}

void gord_lua_memory_fini(struct gord_lua_memory *memory)
{
    struct gord_lua_block *block = memory->blocks;

    while (block != NULL) {
        struct gord_lua_block *next = block->next;
        free(block);
        block = next;
    }
    memory->blocks = NULL;
    memory->used = 0;
}

static struct gord_lua_block *block_of(void *bytes)
{
    return (struct gord_lua_block *)(void *)((unsigned char *)bytes -
                                             sizeof(struct gord_lua_block));
}

static void link_in(struct gord_lua_memory *memory, struct gord_lua_block *block)
{
    block->prev = NULL;
    block->next = memory->blocks;
    if (block->next != NULL) {
        block->next->prev = block;
    }
    memory->blocks = block;
}

/* The neighbours of a block that moved. */
static void relink(struct gord_lua_memory *memory, struct gord_lua_block *block)
{
    *(block->prev != NULL ? &block->prev->next : &memory->blocks) = block;
    if (block->next != NULL) {
        block->next->prev = block;
    }
}

static void release(struct gord_lua_memory *memory, struct gord_lua_block *block, size_t bytes)
{
    *(block->prev != NULL ? &block->prev->next : &memory->blocks) = block->next;
    if (block->next != NULL) {
        block->next->prev = block->prev;
    }
    memory->used -= bytes + sizeof(*block);
    free(block);
}

static void *refuse(struct gord_lua_memory *memory)
{
    if (memory->refused != NULL) {
        memory->refused(memory->arg);
    }
    return NULL;
}

static void *allocate(struct gord_lua_memory *memory, size_t bytes)
{
    if (!gord_lua_memory_take(memory, bytes + sizeof(struct gord_lua_block))) {
        return refuse(memory);
    }
    struct gord_lua_block *block = malloc(sizeof(*block) + bytes);
    if (block == NULL) {
        gord_lua_memory_give(memory, bytes + sizeof(*block));
        memory->starved = true;
        return refuse(memory);
    }
    link_in(memory, block);
    return block->bytes;
}

static void *resize(struct gord_lua_memory *memory, void *bytes, size_t old_bytes, size_t new_bytes)
{
    struct gord_lua_block *block = block_of(bytes);

    if (new_bytes > old_bytes && !gord_lua_memory_take(memory, new_bytes - old_bytes)) {
        return refuse(memory);
    }
    struct gord_lua_block *moved = realloc(block, sizeof(*block) + new_bytes);
    if (moved == NULL && new_bytes > old_bytes) {
        gord_lua_memory_give(memory, new_bytes - old_bytes);
        memory->starved = true;
        return refuse(memory);
    }
    if (new_bytes < old_bytes) {
        gord_lua_memory_give(memory, old_bytes - new_bytes);
    }
    if (moved == NULL) {
        return bytes; /* Lua relies on it that a block can shrink */
    }
    relink(memory, moved);
    return moved->bytes;
}

void *gord_lua_memory_alloc(void *user, void *block, size_t old_bytes, size_t new_bytes)
{
    struct gord_lua_memory *memory = user;

    if (new_bytes == 0) {
        if (block != NULL) {
            release(memory, block_of(block), old_bytes);
        }
        return NULL;
    }
    /* Without a block the old size tells what kind of object it is for. */
    return block == NULL ? allocate(memory, new_bytes)
                         : resize(memory, block, old_bytes, new_bytes);
}

bool gord_lua_memory_take(struct gord_lua_memory *memory, size_t bytes)
{
    if (bytes > memory->budget - memory->used) {
        return false;
    }
    memory->used += bytes;
    memory->peak = memory->used > memory->peak ? memory->used : memory->peak;
    return true;
}

void gord_lua_memory_give(struct gord_lua_memory *memory, size_t bytes)
{
    memory->used -= bytes;
}
