/* SPDX-License-Identifier: MIT */
/* memory.c - see memory.h.
 *
 * An allocator of our own with classes of sizes was rejected: a script that frees one size and then
 * wants another would either exceed its budget in pages or be refused memory it does not have.
 */
#include "daemon/lua/memory.h"

#include <stdlib.h>

#include "base/container.h"

struct gord_lua_block {
    struct list_link link; /* list link of the memory */
    _Alignas(16) unsigned char bytes[];
};

void gord_lua_memory_init(struct gord_lua_memory *memory, uint64_t budget)
{
    *memory = (struct gord_lua_memory){.budget = budget};
    list_init(&memory->blocks);
}

void gord_lua_memory_fini(struct gord_lua_memory *memory)
{
    for (struct list_link *link = memory->blocks.next, *next; link != &memory->blocks;
         link = next) {
        next = link->next;
        free(CONTAINER_OF(link, struct gord_lua_block, link));
    }
    list_init(&memory->blocks);
    memory->used = 0;
}

static struct gord_lua_block *block_of(void *bytes)
{
    return CONTAINER_OF(bytes, struct gord_lua_block, bytes);
}

static void release(struct gord_lua_memory *memory, struct gord_lua_block *block, size_t bytes)
{
    list_remove(&block->link);
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
    list_append(&memory->blocks, &block->link);
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
    list_relink(&moved->link);
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
