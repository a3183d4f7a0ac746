/* SPDX-License-Identifier: MIT */
/* pool.c - see pool.h. */
#include "runtime/sched/pool.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "runtime/base/futex.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/proc.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(low, top) 0
#endif

enum {
    PAGE = 4096,
    ARENA_BYTES = 256 << 20,
    SLAB = 32,         /* slots prepared at once */
    ARENAS_MAX = 4096, /* a terabyte of address space */
    LOCAL_MAX = 1024,  /* dead Gs a P keeps per class */
    COLOURS = 16,      /* places a stack may begin at in its first page */
    COLOUR_BYTES = 64, /* a cache line */
};
_Static_assert(SLAB + 1 <= GOR__RANGES_MAX, "a slab is prepared in one vectored call");

struct arena {
    char *stacks;
    struct gor__g *table;
    size_t slot_bytes;
    uint32_t slots;
    uint32_t prepared; /* slots handed out at least once; atomic for readers */
    int class;
};

static struct {
    struct gor__mutex lock;
    struct arena arenas[ARENAS_MAX];
    uint32_t arena_count; /* atomic for readers: an arena is complete before it is counted */
    struct arena *current[GOR__STACK_CLASSES];
    struct gor__free_list free[GOR__STACK_CLASSES];
} pool;

int gor__stack_class(size_t bytes)
{
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        if (bytes <= gor__stack_class_bytes(class)) {
            return class;
        }
    }
    return -EINVAL;
}

size_t gor__stack_class_bytes(int class)
{
    return (size_t)65536 << class;
}

static size_t table_bytes(const struct arena *arena)
{
    return (arena->slots * sizeof(struct gor__g) + PAGE - 1) / PAGE * PAGE;
}

static struct arena *open_arena(int class)
{
    if (pool.arena_count == ARENAS_MAX) {
        return NULL;
    }
    struct arena *arena = &pool.arenas[pool.arena_count];
    arena->class = class;
    arena->slot_bytes = gor__stack_class_bytes(class);
    arena->slots = (uint32_t)(ARENA_BYTES / arena->slot_bytes);
    arena->prepared = 0;
    arena->stacks = gor__memory_reserve(ARENA_BYTES, PAGE);
    if (arena->stacks == NULL) {
        return NULL;
    }
    arena->table = gor__memory_reserve(table_bytes(arena), PAGE);
    if (arena->table == NULL) {
        gor__memory_release(arena->stacks, ARENA_BYTES);
        return NULL;
    }
    __atomic_store_n(&pool.arena_count, pool.arena_count + 1, __ATOMIC_RELEASE);
    return arena;
}

static void init_slot(struct arena *arena, uint32_t slot)
{
    struct gor__g *g = &arena->table[slot];
    size_t colour = slot % COLOURS * COLOUR_BYTES;
    g->stack_low = arena->stacks + slot * arena->slot_bytes;
    g->stack_top = g->stack_low + arena->slot_bytes - colour;
    g->stack_class = (uint8_t)arena->class;
    g->state = GOR_TERMINATED;
    (void)VALGRIND_STACK_REGISTER(g->stack_low + PAGE, g->stack_low + arena->slot_bytes);
}

/* The pages of the table that hold these slots, whole. */
static struct iovec table_range(const struct arena *arena, uint32_t first, uint32_t count)
{
    uintptr_t from = (uintptr_t)&arena->table[first] / PAGE * PAGE;
    uintptr_t to = ((uintptr_t)&arena->table[first + count] + PAGE - 1) / PAGE * PAGE;
    return (struct iovec){(void *)from, to - from};
}

/* Make the next slots of `arena` usable; how many, or a negative errno. */
static int prepare_slab(struct arena *arena)
{
    struct iovec guards[SLAB];
    struct iovec pages[SLAB + 1];
    uint32_t first = arena->prepared;
    uint32_t count = arena->slots - first < SLAB ? arena->slots - first : SLAB;
    for (uint32_t i = 0; i < count; i++) {
        char *low = arena->stacks + (first + i) * arena->slot_bytes;
        guards[i] = (struct iovec){low, PAGE};
        pages[i] = (struct iovec){low + arena->slot_bytes - PAGE, PAGE};
    }
    int result = gor__memory_guard(guards, count);
    if (result < 0) {
        return result;
    }
    pages[count] = table_range(arena, first, count);
    gor__memory_populate(pages, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        init_slot(arena, first + i);
    }
    __atomic_store_n(&arena->prepared, first + count, __ATOMIC_RELEASE);
    return (int)count;
}

static void push(struct gor__free_list *list, struct gor__g *g)
{
    g->next = list->first;
    list->first = g;
    list->count++;
}

static struct gor__g *pop(struct gor__free_list *list)
{
    struct gor__g *g = list->first;
    list->first = g->next;
    list->count--;
    return g;
}

static void move(struct gor__free_list *from, struct gor__free_list *to, uint32_t count)
{
    while (count-- > 0 && from->count > 0) {
        push(to, pop(from));
    }
}

/* Have the common list hold something; under the lock. */
static bool refill_common(int class)
{
    if (pool.free[class].count > 0) {
        return true;
    }
    struct arena *arena = pool.current[class];
    if (arena == NULL || arena->prepared == arena->slots) {
        arena = open_arena(class);
        if (arena == NULL) {
            return false;
        }
        pool.current[class] = arena;
    }
    uint32_t first = arena->prepared;
    int count = prepare_slab(arena);
    if (count <= 0) {
        return false;
    }
    for (uint32_t i = (uint32_t)count; i-- > 0;) {
        push(&pool.free[class], &arena->table[first + i]);
    }
    return true;
}

struct gor__g *gor__pool_get(struct gor__p *p, int class)
{
    if (p != NULL && p->free[class].count > 0) {
        return pop(&p->free[class]);
    }
    struct gor__g *g = NULL;
    gor__mutex_lock(&pool.lock);
    if (refill_common(class)) {
        g = pop(&pool.free[class]);
        if (p != NULL) {
            move(&pool.free[class], &p->free[class], SLAB - 1);
        }
    }
    gor__mutex_unlock(&pool.lock);
    return g;
}

void gor__pool_put(struct gor__p *p, struct gor__g *g)
{
    struct gor__free_list *list = &p->free[g->stack_class];
    push(list, g);
    if (list->count > LOCAL_MAX) {
        gor__mutex_lock(&pool.lock);
        move(list, &pool.free[g->stack_class], LOCAL_MAX / 2);
        gor__mutex_unlock(&pool.lock);
    }
}

void gor__pool_flush(struct gor__p *p)
{
    gor__mutex_lock(&pool.lock);
    for (int class = 0; class < GOR__STACK_CLASSES; class ++) {
        move(&p->free[class], &pool.free[class], p->free[class].count);
    }
    gor__mutex_unlock(&pool.lock);
}

int gor__pool_each(int (*visit)(void *arg, struct gor__g *g), void *arg)
{
    uint32_t arenas = __atomic_load_n(&pool.arena_count, __ATOMIC_ACQUIRE);
    for (uint32_t a = 0; a < arenas; a++) {
        uint32_t prepared = __atomic_load_n(&pool.arenas[a].prepared, __ATOMIC_ACQUIRE);
        for (uint32_t slot = 0; slot < prepared; slot++) {
            int result = visit(arg, &pool.arenas[a].table[slot]);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

struct gor__g *gor__pool_find(const void *address)
{
    uint32_t arenas = __atomic_load_n(&pool.arena_count, __ATOMIC_ACQUIRE);
    for (uint32_t a = 0; a < arenas; a++) {
        const struct arena *arena = &pool.arenas[a];
        uintptr_t offset = (uintptr_t)address - (uintptr_t)arena->stacks;
        if (offset < ARENA_BYTES) {
            uint32_t slot = (uint32_t)(offset / arena->slot_bytes);
            return slot < __atomic_load_n(&arena->prepared, __ATOMIC_ACQUIRE) ? &arena->table[slot]
                                                                              : NULL;
        }
    }
    return NULL;
}

void gor__pool_stats(struct gor__pool_stats *out_stats)
{
    uint32_t arenas = __atomic_load_n(&pool.arena_count, __ATOMIC_ACQUIRE);
    out_stats->reserved_bytes = (uint64_t)arenas * ARENA_BYTES;
    out_stats->made = 0;
    for (uint32_t a = 0; a < arenas; a++) {
        out_stats->made += __atomic_load_n(&pool.arenas[a].prepared, __ATOMIC_ACQUIRE);
    }
}

void gor__pool_fini(void)
{
    for (uint32_t a = 0; a < pool.arena_count; a++) {
        struct arena *arena = &pool.arenas[a];
        for (uint32_t slot = 0; slot < arena->prepared; slot++) {
            gor__fiber_fini(&arena->table[slot].fiber);
        }
        gor__memory_release(arena->stacks, ARENA_BYTES);
        gor__memory_release(arena->table, table_bytes(arena));
    }
    memset(&pool, 0, sizeof pool);
}
