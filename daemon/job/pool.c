/* SPDX-License-Identifier: MIT */
/* pool.c - see pool.h.
 *
 * A chunk is aligned to its size, so a piece's address tells its chunk. Rejected: malloc for each
 * job, which rounds 56 bytes up to 64 and lays them between events and specs that are freed a moment
 * later, where they keep the heap from shrinking.
 */
#include "daemon/job/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/list.h"
#include "daemon/base/assert.h"

enum { CHUNK_BYTES = 256 * 1024 };

struct free_piece {
    struct free_piece *next; /* list link of its chunk's free pieces */
};

struct gord_pool_chunk {
    struct list_link link;   /* list link of pool->roomy while there is a free piece */
    struct free_piece *free; /* given back */
    size_t used;
    size_t fresh; /* offset of the first piece never given out */
};

void gord_pool_init(struct gord_pool *pool, size_t piece_bytes)
{
    GORD_ASSERT(piece_bytes % 8 == 0 && piece_bytes >= sizeof(struct free_piece));
    *pool = (struct gord_pool){.piece_bytes = piece_bytes};
    list_init(&pool->roomy);
}

/* There is one. */
static struct gord_pool_chunk *first_roomy(const struct gord_pool *pool)
{
    return CONTAINER_OF(pool->roomy.next, struct gord_pool_chunk, link);
}

/* Map twice the size and cut the aligned half out of it. */
static struct gord_pool_chunk *map_chunk(void)
{
    uint8_t *wide = mmap(NULL, (size_t)2 * CHUNK_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (wide == MAP_FAILED) {
        return NULL;
    }
    size_t before = (CHUNK_BYTES - (uintptr_t)wide % CHUNK_BYTES) % CHUNK_BYTES;
    if (before > 0) {
        munmap(wide, before);
    }
    if (before < CHUNK_BYTES) {
        munmap(wide + before + CHUNK_BYTES, CHUNK_BYTES - before);
    }
    return (struct gord_pool_chunk *)(void *)(wide + before);
}

static bool add_chunk(struct gord_pool *pool)
{
    struct gord_pool_chunk *chunk = map_chunk();
    if (chunk == NULL) {
        return false;
    }
    chunk->fresh = (sizeof *chunk + 15) / 16 * 16;
    pool->chunks++;
    list_prepend(&pool->roomy, &chunk->link);
    return true;
}

static bool is_full(const struct gord_pool *pool, const struct gord_pool_chunk *chunk)
{
    return chunk->free == NULL && chunk->fresh + pool->piece_bytes > CHUNK_BYTES;
}

void *gord_pool_get(struct gord_pool *pool)
{
    if (list_is_empty(&pool->roomy) && !add_chunk(pool)) {
        return NULL;
    }
    struct gord_pool_chunk *chunk = first_roomy(pool);
    void *piece = chunk->free;
    if (piece != NULL) {
        chunk->free = chunk->free->next;
    } else {
        piece = (uint8_t *)chunk + chunk->fresh;
        chunk->fresh += pool->piece_bytes;
    }
    chunk->used++;
    if (is_full(pool, chunk)) {
        list_remove(&chunk->link);
    }
    return memset(piece, 0, pool->piece_bytes);
}

void gord_pool_put(struct gord_pool *pool, void *piece)
{
    struct gord_pool_chunk *chunk =
        (struct gord_pool_chunk *)((uintptr_t)piece & ~(uintptr_t)(CHUNK_BYTES - 1));
    if (is_full(pool, chunk)) {
        list_prepend(&pool->roomy, &chunk->link);
    }
    struct free_piece *free_piece = piece;
    free_piece->next = chunk->free;
    chunk->free = free_piece;
    chunk->used--;
    /* The last chunk stays: a job that comes and goes alone must not map and unmap each time. */
    if (chunk->used == 0 && pool->chunks > 1) {
        list_remove(&chunk->link);
        munmap(chunk, CHUNK_BYTES);
        pool->chunks--;
    }
}

void gord_pool_fini(struct gord_pool *pool)
{
    GORD_ASSERT(pool->chunks == !list_is_empty(&pool->roomy));
    if (pool->chunks > 0) {
        struct gord_pool_chunk *chunk = first_roomy(pool);
        GORD_ASSERT(chunk->used == 0);
        munmap(chunk, CHUNK_BYTES);
    }
    gord_pool_init(pool, pool->piece_bytes);
}
