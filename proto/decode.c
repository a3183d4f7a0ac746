/* SPDX-License-Identifier: MIT */
/* decode.c - see decode.h.
 *
 * The arena: blocks in a list, the first sized so that nearly every message needs one malloc. Its
 * memory is zeroed, since protobuf-c 1.4.1 reads a pointer it has not set when unpacking fails.
 * The outermost message is the first allocation of its size; a slot in front of it leads
 * wire_decoded_free() to the blocks.
 */
#include "proto/decode.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "proto/prescan.h"

enum {
    BUDGET_PER_BYTE = 64, /* a job of ten bytes unpacks into some 350 */
    BUDGET_BASE = 64 * 1024,
    BUDGET_MAX = 128 * 1024 * 1024,
    ALIGNMENT = 16,
    FIRST_BLOCK = 1024,
};

struct block {
    struct block *next; /* list link of the arena, newest first */
    size_t size;        /* usable bytes */
    size_t used;
    size_t padding; /* keeps `bytes` aligned */
    unsigned char bytes[];
};

union slot {
    struct block *blocks;
    unsigned char aligned[ALIGNMENT];
};

struct arena {
    struct block *blocks; /* owned, newest first */
    size_t budget;        /* bytes that may still be allocated */
    size_t next_size;     /* of a block */
    size_t message_size;  /* of the outermost message, until it is allocated; then 0 */
    union slot *slot;     /* in front of the outermost message */
    bool failed;          /* an allocation was refused */
};

static_assert(sizeof(struct block) % ALIGNMENT == 0, "blocks keep their bytes aligned");

static size_t align(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static struct block *add_block(struct arena *arena, size_t size)
{
    if (size > arena->budget) {
        return NULL;
    }
    struct block *block = calloc(1, sizeof *block + size);
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->budget -= size;
    return block;
}

static void *take(struct arena *arena, size_t size)
{
    struct block *block = arena->blocks;
    if (block == NULL || size > block->size - block->used) {
        size_t wanted = size > arena->next_size ? size : arena->next_size;
        block = add_block(arena, wanted < arena->budget ? wanted : size);
        if (block == NULL) {
            arena->failed = true;
            return NULL;
        }
        arena->next_size *= 2;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

static void *arena_alloc(void *allocator_data, size_t size)
{
    struct arena *arena = allocator_data;
    if (size > BUDGET_MAX) {
        arena->failed = true;
        return NULL;
    }
    if (size != arena->message_size) {
        return take(arena, align(size));
    }
    arena->slot = take(arena, sizeof *arena->slot + align(size));
    if (arena->slot == NULL) {
        return NULL;
    }
    arena->message_size = 0;
    return arena->slot + 1;
}

static void arena_free(void *allocator_data, void *memory)
{
    (void)allocator_data; /* goes with the arena */
    (void)memory;
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

static size_t budget_of(size_t size)
{
    size_t budget = BUDGET_BASE + FIRST_BLOCK;
    if (size > (BUDGET_MAX - budget) / BUDGET_PER_BYTE) {
        return BUDGET_MAX;
    }
    return budget + size * BUDGET_PER_BYTE;
}

static enum wire_status prescan(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                                size_t size, const char **out_why)
{
    size_t fields;
    switch (wire_prescan(descriptor, data, size, &fields)) {
    case WIRE_PRESCAN_OK:
        return WIRE_OK;
    case WIRE_PRESCAN_BAD_TEXT:
        *out_why = "a text field of the message is not UTF-8 or has a NUL in it";
        return WIRE_INVALID_ARGUMENT;
    case WIRE_PRESCAN_TOO_DEEP:
        *out_why = "the message is nested too deeply";
        return WIRE_INVALID_ARGUMENT;
    case WIRE_PRESCAN_MALFORMED:
        break;
    }
    *out_why = "the bytes of the message cannot be parsed";
    return WIRE_INTERNAL;
}

enum wire_status wire_decode(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
                             size_t size, ProtobufCMessage **out_message, const char **out_why)
{
    enum wire_status status = prescan(descriptor, data, size, out_why);
    if (status != WIRE_OK) {
        return status;
    }
    struct arena arena = {.budget = budget_of(size),
                          .next_size = FIRST_BLOCK + 4 * size,
                          .message_size = descriptor->sizeof_message};
    ProtobufCAllocator allocator = {arena_alloc, arena_free, &arena};
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, size, data);
    if (message == NULL) {
        free_blocks(arena.blocks);
        *out_why = arena.failed ? "the message has too many fields for its size"
                                : "the bytes of the message cannot be parsed";
        return arena.failed ? WIRE_RESOURCE_EXHAUSTED : WIRE_INTERNAL;
    }
    assert((void *)message == (void *)(arena.slot + 1));
    arena.slot->blocks = arena.blocks;
    *out_message = message;
    return WIRE_OK;
}

void wire_decoded_free(ProtobufCMessage *message)
{
    if (message != NULL) {
        free_blocks(((union slot *)(void *)message - 1)->blocks);
    }
}
