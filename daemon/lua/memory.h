/* SPDX-License-Identifier: MIT */
/* memory.h - the memory of one Lua state: counted, bounded, and given back as a whole.
 *
 * A script that is stopped leaves its state as it is at that moment, perhaps in the middle of a
 * change, and nothing of Lua's may touch it again, lua_close neither. So all blocks hang on a list.
 *
 * Invariants  used <= budget, the list's links counted in.
 * Threads     one at a time.
 * Ownership   part of its job, and stays where it is; fini frees every block.
 */
#ifndef GORD_LUA_MEMORY_H
#define GORD_LUA_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct gord_lua_memory {
    struct list_link blocks; /* owned */
    uint64_t used;
    uint64_t budget;
    uint64_t peak;
    bool starved; /* the machine had none, though the budget allowed it */
    /* Called when a block is refused; may leave by longjmp. NULL: nobody is told. */
    void (*refused)(void *arg);
    void *arg;
};

void gord_lua_memory_init(struct gord_lua_memory *memory, uint64_t budget);
void gord_lua_memory_fini(struct gord_lua_memory *memory);

/* A lua_Alloc; `user` is the memory. */
void *gord_lua_memory_alloc(void *user, void *block, size_t old_bytes, size_t new_bytes);

/* Count what lies elsewhere, such as a channel's buffer. False: the budget does not allow it. */
bool gord_lua_memory_take(struct gord_lua_memory *memory, size_t bytes);
void gord_lua_memory_give(struct gord_lua_memory *memory, size_t bytes);

#endif
