/* SPDX-License-Identifier: MIT */
/* arena.h - memory for many small things that go together.
 *
 * Invariants  what was taken stays where it is until fini; it is zeroed, and aligned for anything.
 * Threads     its owner's.
 * Ownership   init/fini; whoever takes does not free.
 */
#ifndef GORD_OTLP_ARENA_H
#define GORD_OTLP_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct gord_arena_block;

struct gord_arena {
    struct gord_arena_block *blocks; /* owned; newest first */
    size_t left;                     /* bytes of the newest */
    bool failed;                     /* there was no memory for some */
};

void gord_arena_init(struct gord_arena *arena);
void gord_arena_fini(struct gord_arena *arena);

/* `count` things of `bytes`. NULL: out of memory, as `failed` tells from now on. */
void *gord_arena_take(struct gord_arena *arena, size_t count, size_t bytes);

#endif
