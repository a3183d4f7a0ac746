/* SPDX-License-Identifier: MIT */
/* cells.c - see cells.h.
 *
 *     chunk, 64 MiB, aligned to its size
 *     | table of slabs | slab | slab | ... | slab | spare |
 *
 * The table takes the place of the first slab, and the last one is left empty, so that each cell has
 * readable memory of this chunk before and behind it. */
#include "runtime/sched/cells.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/base/assert.h"
#include "runtime/cpu/memory.h"

enum {
    CHUNK = 64 << 20,
    SLAB = 128 << 10,
    SLABS = CHUNK / SLAB,
    FINE_STEP = 16,
    FINE_MAX = 1024,
    FINE = FINE_MAX / FINE_STEP, /* sizes up to there */
    MIDDLE_STEP = 128,
    MIDDLE_MAX = 4096,
    MIDDLE = (MIDDLE_MAX - FINE_MAX) / MIDDLE_STEP,
    COARSE_STEP = 1024,
    SIZES = FINE + MIDDLE + (GOR__CELL_MAX - MIDDLE_MAX) / COARSE_STEP,
};

struct slab {
    struct slab *next; /* list link of those with room of its size, or of empty ones */
    struct slab *prev;
    char *free;      /* list of free cells, linked by their first word */
    uint32_t cell;   /* bytes of each */
    uint32_t taken;  /* cells */
    uint32_t opened; /* cells that were ever taken */
    uint32_t size;   /* index into all.room */
};

struct chunk {
    struct chunk *next; /* list link of all chunks */
    uint32_t opened;    /* slabs that were ever used, the table included */
    struct slab slabs[SLABS];
};
_Static_assert(sizeof(struct chunk) <= SLAB, "the table takes the place of a slab");

static struct {
    struct chunk *chunks;
    struct slab *room[SIZES]; /* slabs with room, first that got some last */
    struct slab *empty;
    char *given_back; /* atomic: a list as in a slab */
    uint64_t memory;  /* written by one, read by any; atomic, as is the next */
    uint64_t taken;
} all;

static uint32_t size_index(size_t bytes)
{
    if (bytes <= FINE_MAX) {
        return (uint32_t)((bytes + FINE_STEP - 1) / FINE_STEP) - 1;
    }
    if (bytes <= MIDDLE_MAX) {
        return FINE + (uint32_t)((bytes - FINE_MAX + MIDDLE_STEP - 1) / MIDDLE_STEP) - 1;
    }
    return FINE + MIDDLE + (uint32_t)((bytes - MIDDLE_MAX + COARSE_STEP - 1) / COARSE_STEP) - 1;
}

static uint32_t size_bytes(uint32_t index)
{
    if (index < FINE) {
        return (index + 1) * FINE_STEP;
    }
    if (index < FINE + MIDDLE) {
        return FINE_MAX + (index - FINE + 1) * MIDDLE_STEP;
    }
    return MIDDLE_MAX + (index - FINE - MIDDLE + 1) * COARSE_STEP;
}

static void count(uint64_t *counter, int64_t delta)
{
    __atomic_store_n(counter, *counter + (uint64_t)delta, __ATOMIC_RELAXED);
}

/* ---- slabs */

static struct chunk *chunk_of(const void *inside)
{
    return (struct chunk *)((uintptr_t)inside & ~((uintptr_t)CHUNK - 1));
}

static char *slab_memory(const struct slab *slab)
{
    struct chunk *chunk = chunk_of(slab);
    return (char *)chunk + (size_t)(slab - chunk->slabs) * SLAB;
}

static struct slab *slab_of(const char *cell)
{
    struct chunk *chunk = chunk_of(cell);
    return &chunk->slabs[(size_t)(cell - (char *)chunk) / SLAB];
}

static void link_to(struct slab **list, struct slab *slab)
{
    slab->prev = NULL;
    slab->next = *list;
    if (*list != NULL) {
        (*list)->prev = slab;
    }
    *list = slab;
}

static void unlink_from(struct slab **list, struct slab *slab)
{
    if (slab->prev != NULL) {
        slab->prev->next = slab->next;
    } else {
        *list = slab->next;
    }
    if (slab->next != NULL) {
        slab->next->prev = slab->prev;
    }
}

static bool open_chunk(void)
{
    struct chunk *chunk = gor__memory_reserve(CHUNK, CHUNK);
    if (chunk == NULL) {
        return false;
    }
    chunk->opened = 1;
    chunk->next = all.chunks;
    all.chunks = chunk;
    return true;
}

/* One that is on no list; NULL: no address space. */
static struct slab *take_slab(void)
{
    struct slab *slab = all.empty;
    if (slab != NULL) {
        unlink_from(&all.empty, slab);
        return slab;
    }
    if ((all.chunks == NULL || all.chunks->opened == SLABS - 1) && !open_chunk()) {
        return NULL;
    }
    return &all.chunks->slabs[all.chunks->opened++];
}

static struct slab *slab_with_room(uint32_t index)
{
    struct slab *slab = all.room[index];
    if (slab == NULL && (slab = take_slab()) != NULL) {
        slab->size = index;
        slab->cell = size_bytes(index);
        slab->free = NULL;
        slab->taken = 0;
        slab->opened = 0;
        link_to(&all.room[index], slab);
    }
    return slab;
}

static bool is_full(const struct slab *slab)
{
    return slab->free == NULL && slab->opened == SLAB / slab->cell;
}

/* The memory that a slab has once `cells` of its cells were used. */
static int64_t memory_for(const struct slab *slab, uint32_t cells)
{
    size_t page = gor__memory_page();
    return (int64_t)(((size_t)cells * slab->cell + page - 1) / page * page);
}

/* ---- cells */

static char *next_of(const char *cell)
{
    char *next;
    memcpy(&next, cell, sizeof next);
    return next;
}

static void set_next(char *cell, char *next)
{
    memcpy(cell, &next, sizeof next);
}

char *gor__cell_take(size_t bytes)
{
    GOR_ASSERT(bytes > 0 && bytes <= GOR__CELL_MAX);
    uint32_t index = size_index(bytes);
    struct slab *slab = slab_with_room(index);
    if (slab == NULL) {
        return NULL;
    }
    char *cell = slab->free;
    if (cell != NULL) {
        slab->free = next_of(cell);
    } else {
        cell = slab_memory(slab) + (size_t)slab->opened * slab->cell;
        count(&all.memory, memory_for(slab, slab->opened + 1) - memory_for(slab, slab->opened));
        slab->opened++;
    }
    slab->taken++;
    count(&all.taken, slab->cell);
    if (is_full(slab)) {
        unlink_from(&all.room[index], slab);
    }
    return cell;
}

void gor__cell_give_back(char *cell)
{
    char *first = __atomic_load_n(&all.given_back, __ATOMIC_RELAXED);
    do {
        set_next(cell, first);
    } while (!__atomic_compare_exchange_n(&all.given_back, &first, cell, true, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
}

static void release_memory(struct slab *slab)
{
    unlink_from(&all.room[slab->size], slab);
    count(&all.memory, -memory_for(slab, slab->opened));
    (void)madvise(slab_memory(slab), SLAB, MADV_DONTNEED);
    link_to(&all.empty, slab);
}

static void put_back(char *cell)
{
    struct slab *slab = slab_of(cell);
    if (is_full(slab)) {
        link_to(&all.room[slab->size], slab);
    }
    set_next(cell, slab->free);
    slab->free = cell;
    slab->taken--;
    count(&all.taken, -(int64_t)slab->cell);
    if (slab->taken == 0 && (slab->next != NULL || slab->prev != NULL)) {
        release_memory(slab);
    }
}

void gor__cells_collect(void)
{
    char *cell = __atomic_exchange_n(&all.given_back, NULL, __ATOMIC_ACQUIRE);
    while (cell != NULL) {
        char *next = next_of(cell);
        put_back(cell);
        cell = next;
    }
}

uint64_t gor__cells_memory(void)
{
    return __atomic_load_n(&all.memory, __ATOMIC_RELAXED);
}

uint64_t gor__cells_taken(void)
{
    return __atomic_load_n(&all.taken, __ATOMIC_RELAXED);
}

void gor__cells_each(void (*visit)(void *arg, const void *memory, size_t bytes), void *arg)
{
    for (const struct chunk *chunk = all.chunks; chunk != NULL; chunk = chunk->next) {
        visit(arg, chunk, CHUNK);
    }
}

void gor__cells_fini(void)
{
    while (all.chunks != NULL) {
        struct chunk *chunk = all.chunks;
        all.chunks = chunk->next;
        gor__memory_release(chunk, CHUNK);
    }
    memset(&all, 0, sizeof all);
}
