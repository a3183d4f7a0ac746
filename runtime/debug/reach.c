/* SPDX-License-Identifier: MIT */
/* reach.c - see reach.h.
 *
 * What a goroutine waits on is told by addresses within (waits.h), its *keys*. They are kept in a table
 * by place; a bit for the block, or a flag for the stack, says whether it is worth looking there.
 */
#include "runtime/debug/reach.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/debug/peek.h"
#include "runtime/debug/range.h"
#include "runtime/debug/raw.h"
#include "runtime/debug/waits.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/stacks.h"

enum {
    ARENAS_MAX = 4096,
    FIRST_ROOM = 1024,
    BUFFER_BYTES = 65536, /* read at a time */
    BATCH = 64,           /* ranges */
    NONE = 0,             /* no key; keys are counted from 1 on */
};

/* Who has a slot of an arena: a candidate counted from 1 on, or one of these. */
#define NOBODY 0U
#define SOMEBODY_ALIVE UINT32_MAX

struct gor__arena_owners {
    uintptr_t start;
    uintptr_t end;
    size_t slot_bytes;
    const void *table; /* of stacks.c */
    size_t table_bytes;
    uint32_t *owners; /* by slot */
};

struct gor__key {
    uintptr_t address; /* then its place */
    uint32_t candidate;
    uint32_t next; /* of the same place */
};

struct gor__range {
    uintptr_t start;
    uintptr_t end;
};

static void fail(struct gor__reach *r)
{
    r->error = r->error != 0 ? r->error : -ENOMEM;
}

/* Room for one more of `bytes` each; false: there is none. */
static bool make_room(struct gor__reach *r, void **list, size_t count, size_t *room, size_t bytes)
{
    if (count < *room) {
        return true;
    }
    size_t wanted = *room > 0 ? *room * 2 : FIRST_ROOM;
    void *grown = gor__raw_grow(*list, *room * bytes, wanted * bytes);
    if (grown == NULL) {
        fail(r);
        return false;
    }
    *list = grown;
    *room = wanted;
    return true;
}

/* ---- open and close */

static size_t slots_of(const struct gor__arena_owners *arena)
{
    /* What is left behind the last whole one counts as one that is nobody's. */
    return (arena->end - arena->start + arena->slot_bytes - 1) / arena->slot_bytes;
}

static size_t owners_bytes(const struct gor__arena_owners *arena)
{
    return slots_of(arena) * sizeof *arena->owners;
}

static size_t arenas_bytes(void)
{
    return ARENAS_MAX * sizeof(struct gor__arena_owners);
}

static void insert_arena(struct gor__reach *r, struct gor__arena_owners arena)
{
    size_t at = r->arena_count++;
    for (; at > 0 && r->arenas[at - 1].start > arena.start; at--) {
        r->arenas[at] = r->arenas[at - 1];
    }
    r->arenas[at] = arena;
}

static void add_arenas(struct gor__reach *r)
{
    struct gor__stacks_span found;
    for (uint32_t i = 0; gor__stacks_arena(i, &found) && r->arena_count < ARENAS_MAX; i++) {
        struct gor__arena_owners arena = {.start = (uintptr_t)found.memory,
                                          .end = (uintptr_t)found.memory + found.bytes,
                                          .slot_bytes = found.slot_bytes,
                                          .table = found.table,
                                          .table_bytes = found.table_bytes};
        arena.owners = gor__raw_map(owners_bytes(&arena));
        if (arena.owners == NULL) {
            fail(r);
            return;
        }
        insert_arena(r, arena);
    }
}

int gor__reach_open(struct gor__reach *r)
{
    *r = (struct gor__reach){.regions = NULL};
    r->arenas = gor__raw_map(arenas_bytes());
    r->buffer = gor__raw_map(BUFFER_BYTES);
    if (r->arenas == NULL || r->buffer == NULL) {
        fail(r);
    } else {
        add_arenas(r);
    }
    return r->error;
}

int gor__reach_look(struct gor__reach *r, const struct gor__regions *regions)
{
    r->regions = regions;
    r->error = gor__blocks_open(&r->blocks, regions);
    return r->error;
}

void gor__reach_arenas(const struct gor__reach *r,
                       void (*visit)(void *arg, const void *memory, size_t bytes), void *arg)
{
    for (size_t i = 0; i < r->arena_count; i++) {
        const struct gor__arena_owners *arena = &r->arenas[i];
        visit(arg, (const void *)arena->start, arena->end - arena->start);
        visit(arg, arena->table, arena->table_bytes);
    }
}

void gor__reach_close(struct gor__reach *r)
{
    for (size_t i = 0; i < r->arena_count; i++) {
        gor__raw_unmap(r->arenas[i].owners, owners_bytes(&r->arenas[i]));
    }
    if (r->blocks.runs != NULL) {
        gor__blocks_close(&r->blocks);
    }
    gor__raw_unmap(r->arenas, arenas_bytes());
    gor__raw_unmap(r->buffer, BUFFER_BYTES);
    gor__raw_unmap(r->candidates, r->candidate_room * sizeof *r->candidates);
    gor__raw_unmap(r->keys, r->key_room * sizeof *r->keys);
    gor__raw_unmap(r->table, r->table_size * sizeof *r->table);
    gor__raw_unmap(r->ranges, r->range_room * sizeof *r->ranges);
    gor__raw_unmap(r->revived, (r->candidate_count + 1) * sizeof *r->revived);
    *r = (struct gor__reach){.regions = NULL};
}

/* ---- stacks */

static struct gor__arena_owners *find_arena(const struct gor__reach *r, uintptr_t address)
{
    struct gor__arena_owners *arenas = r->arenas;
    size_t at =
        gor__range_find(&arenas->start, &arenas->end, r->arena_count, sizeof *arenas, address);
    return at < r->arena_count ? &arenas[at] : NULL;
}

static uint32_t *owner_at(struct gor__arena_owners *arena, uintptr_t address)
{
    return &arena->owners[(address - arena->start) / arena->slot_bytes];
}

static void set_owner(struct gor__reach *r, const struct gor__g *g, uint32_t owner)
{
    const struct gor__stack *stack = g->stack;
    struct gor__arena_owners *arena =
        stack != NULL ? find_arena(r, (uintptr_t)gor__stack_low(stack)) : NULL;
    if (arena != NULL) {
        *owner_at(arena, (uintptr_t)gor__stack_low(stack)) = owner;
    }
}

/* ---- goroutines */

static void add_key(void *arg, uintptr_t address)
{
    struct gor__reach *r = arg;
    if (make_room(r, (void **)&r->keys, r->key_count, &r->key_room, sizeof *r->keys)) {
        r->keys[r->key_count++] = (struct gor__key){address, (uint32_t)r->candidate_count, NONE};
    }
}

bool gor__reach_add(struct gor__reach *r, const struct gor__g *g)
{
    size_t former = r->key_count;
    if (gor__waits_of(g, add_key, r) != GOR__WAKEABLE_BY_OBJECT) {
        r->key_count = former;
        set_owner(r, g, SOMEBODY_ALIVE);
        return false;
    }
    if (make_room(r, (void **)&r->candidates, r->candidate_count, &r->candidate_room,
                  sizeof *r->candidates)) {
        r->candidates[r->candidate_count++] = (struct gor__candidate){.g = g};
        set_owner(r, g, (uint32_t)r->candidate_count);
    }
    return true;
}

/* ---- what is to be read */

static void push_range(struct gor__reach *r, uintptr_t start, uintptr_t end)
{
    start = (start + 7) & ~(uintptr_t)7;
    end &= ~(uintptr_t)7;
    if (start < end &&
        make_room(r, (void **)&r->ranges, r->range_count, &r->range_room, sizeof *r->ranges)) {
        r->ranges[r->range_count++] = (struct gor__range){start, end};
    }
}

/* A stack that is not running, from its pointer up: where a goroutine's memory is if not there is to be
 * said here. */
static void push_stack(struct gor__reach *r, const struct gor__g *g, uintptr_t sp)
{
    const struct gor__stack *stack = g->stack;
    struct gor__kept kept = {NULL, 0};
    if (stack != NULL && gor__cold_state(stack) != GOR__WARM) {
        kept = gor__cold_kept(stack);
    }
    if (kept.cell != NULL) {
        push_range(r, (uintptr_t)kept.cell, (uintptr_t)kept.cell + kept.bytes);
    } else if (stack != NULL) { /* or it was about to be frozen, and its pages are there */
        bool inside =
            sp > (uintptr_t)gor__stack_low(stack) && sp <= (uintptr_t)gor__stack_top(stack);
        push_range(r, inside ? sp : (uintptr_t)gor__stack_low(stack),
                   (uintptr_t)gor__stack_top(stack));
    }
}

static void push_fields(struct gor__reach *r, const struct gor__g *g)
{
    push_range(r, (uintptr_t)g, (uintptr_t)(g + 1));
    if (gor__g_has_flag(g, GOR__G_HANDLES)) {
        const struct gor__g_side *side = gor__pool_side(g);
        push_range(r, (uintptr_t)side, (uintptr_t)(side + 1));
    }
}

void gor__reach_goroutine(struct gor__reach *r, const struct gor__g *g, uintptr_t sp)
{
    push_fields(r, g);
    push_stack(r, g, sp);
}

/* ---- places and who waits there */

static uint32_t *bucket(const struct gor__reach *r, uintptr_t place)
{
    size_t mask = r->table_size - 1;
    size_t at = (place >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20 & mask;
    while (r->table[at] != NONE && r->keys[r->table[at] - 1].address != place) {
        at = (at + 1) & mask;
    }
    return &r->table[at];
}

static void revive(struct gor__reach *r, uint32_t index)
{
    if (!r->candidates[index].alive) {
        r->candidates[index].alive = true;
        r->revived[r->revived_count++] = index;
    }
}

static void wake_place(struct gor__reach *r, uintptr_t place)
{
    for (uint32_t key = *bucket(r, place); key != NONE; key = r->keys[key - 1].next) {
        revive(r, r->keys[key - 1].candidate);
    }
}

static void reach_stack(struct gor__reach *r, struct gor__candidate *c)
{
    if (c->reached) {
        return;
    }
    c->reached = true;
    push_stack(r, c->g, (uintptr_t)c->g->context.sp);
    if (c->keyed) {
        wake_place(r, (uintptr_t)gor__stack_low(c->g->stack));
    }
}

static void reach_block(struct gor__reach *r, const struct gor__block *block)
{
    uintptr_t start = 0;
    uintptr_t end = 0;
    if (gor__bit(block->run->marked, block->number)) {
        return;
    }
    gor__set_bit(block->run->marked, block->number);
    gor__block_bounds(block, &start, &end);
    if (gor__block_is_kept_free(start)) {
        return;
    }
    push_range(r, start, end);
    if (gor__bit(block->run->keyed, block->number)) {
        wake_place(r, start);
    }
}

/* A key's place, noted there; 0: everybody may get at it. */
static uintptr_t place_of(struct gor__reach *r, uintptr_t address)
{
    struct gor__block block;
    uintptr_t start = 0;
    uintptr_t end = 0;
    struct gor__arena_owners *arena = find_arena(r, address);
    if (arena != NULL) {
        uint32_t owner = *owner_at(arena, address);
        if (owner == NOBODY || owner == SOMEBODY_ALIVE) {
            return 0;
        }
        struct gor__candidate *c = &r->candidates[owner - 1];
        c->keyed = true;
        return (uintptr_t)gor__stack_low(c->g->stack);
    }
    if (!gor__blocks_find(&r->blocks, address, &block)) {
        return 0;
    }
    gor__set_bit(block.run->keyed, block.number);
    gor__block_bounds(&block, &start, &end);
    return start;
}

static bool make_tables(struct gor__reach *r)
{
    r->table_size = 16;
    while (r->table_size < 2 * r->key_count) {
        r->table_size *= 2;
    }
    r->table = gor__raw_map(r->table_size * sizeof *r->table);
    r->revived = gor__raw_map((r->candidate_count + 1) * sizeof *r->revived);
    if (r->table == NULL || r->revived == NULL) {
        fail(r);
        return false;
    }
    return true;
}

void gor__reach_settle(struct gor__reach *r)
{
    if (r->error < 0 || !make_tables(r)) {
        return;
    }
    for (size_t i = 0; i < r->key_count; i++) {
        struct gor__key *key = &r->keys[i];
        key->address = place_of(r, key->address);
        if (key->address == 0) {
            revive(r, key->candidate);
            continue;
        }
        uint32_t *first = bucket(r, key->address);
        key->next = *first;
        *first = (uint32_t)i + 1;
    }
}

/* ---- reading */

static void reach_word(struct gor__reach *r, uintptr_t word)
{
    struct gor__block block;
    if (word < 65536) {
        return;
    }
    struct gor__arena_owners *arena = find_arena(r, word);
    if (arena != NULL) {
        uint32_t owner = *owner_at(arena, word);
        if (owner != NOBODY && owner != SOMEBODY_ALIVE) {
            struct gor__candidate *c = &r->candidates[owner - 1];
            /* What lies below its pointer is nobody's. */
            if (word >= (uintptr_t)c->g->context.sp &&
                word < (uintptr_t)gor__stack_top(c->g->stack)) {
                reach_stack(r, c);
            }
        }
    } else if (gor__blocks_find(&r->blocks, word, &block)) {
        reach_block(r, &block);
    }
}

static void drain(struct gor__reach *r);

static void reach_words(struct gor__reach *r, const uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        reach_word(r, (uintptr_t)words[i]);
    }
}

void gor__reach_words(void *arg, const uint64_t *words, size_t count)
{
    struct gor__reach *r = arg;
    if (r->error == 0) {
        reach_words(r, words, count);
        drain(r);
    }
}

struct batch {
    struct iovec parts[BATCH];
    size_t count;
    size_t bytes;
};

/* As much as the buffer takes; what is left of a range stays. */
static void gather(struct gor__reach *r, struct batch *batch)
{
    batch->count = 0;
    batch->bytes = 0;
    while (r->range_count > 0 && batch->count < BATCH && batch->bytes < BUFFER_BYTES) {
        struct gor__range *range = &r->ranges[r->range_count - 1];
        size_t wanted = range->end - range->start;
        size_t room = BUFFER_BYTES - batch->bytes;
        size_t taken = wanted < room ? wanted : room;
        batch->parts[batch->count++] = (struct iovec){(void *)range->start, taken};
        batch->bytes += taken;
        range->start += taken;
        if (taken == wanted) {
            r->range_count--;
        }
    }
}

/* Of `batch` only the first `got` bytes could be read: leave out the page that stopped it, and come back
 * to the rest. */
static void push_rest(struct gor__reach *r, const struct batch *batch, size_t got)
{
    uintptr_t page = (uintptr_t)getpagesize();
    bool stopped = false;
    for (size_t i = 0; i < batch->count; i++) {
        uintptr_t start = (uintptr_t)batch->parts[i].iov_base;
        size_t bytes = batch->parts[i].iov_len;
        if (got >= bytes) {
            got -= bytes;
            continue;
        }
        uintptr_t from = start + got;
        got = 0;
        if (!stopped) {
            stopped = true;
            from = (from | (page - 1)) + 1;
        }
        push_range(r, from, start + bytes);
    }
}

static void read_batch(struct gor__reach *r)
{
    struct batch batch;
    gather(r, &batch);
    size_t got = gor__peek_all(r->buffer, batch.parts, batch.count, batch.bytes) & ~(size_t)7;
    if (got < batch.bytes) {
        push_rest(r, &batch, got);
    }
    reach_words(r, (const uint64_t *)(void *)r->buffer, got / sizeof(uint64_t));
}

static void drain(struct gor__reach *r)
{
    while (r->error == 0 && r->revived_count + r->range_count > 0) {
        if (r->revived_count > 0) {
            struct gor__candidate *c = &r->candidates[r->revived[--r->revived_count]];
            push_fields(r, c->g);
            reach_stack(r, c);
        } else {
            read_batch(r);
        }
    }
}

int gor__reach_run(struct gor__reach *r)
{
    drain(r);
    return r->error;
}
