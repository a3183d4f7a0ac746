/* SPDX-License-Identifier: MIT */
/* blocks.c - see blocks.h.
 *
 * A chunk, whose size is a multiple of 16 and counts from the first line here to the next chunk's:
 *
 *     +0   last word of the chunk before (or its size, while that one is free)
 *     +8   size, with flags in the lowest three bits
 *     +16  the block; its last word is the first of the next chunk
 *
 * Such runs of chunks are
 *   - the memory got by sbrk, from its beginning to its end;
 *   - heaps of 64 MiB, aligned to that, of which the first part is in use. In front are a few words
 *     (owner, former heap, size in use), in the first heap of an arena also the arena, after which the
 *     chunks begin: where exactly differs from release to release, so it is tried;
 *   - single large chunks in mappings of their own, which the kernel may join into one region.
 *
 * Which chunks are free is not asked: nobody points to those but malloc itself. For that reason the
 * first chunk of a run is left out if it is the list of a thread's free chunks (tcache). Where that lies
 * elsewhere, the chunks on it are known by their second word, which is the same for all of them: a number
 * drawn at the start, or before glibc 2.34 the list's address.
 *
 * A thread that was stopped within malloc may leave a run for a moment out of shape. Then it has no
 * blocks, or two of them look like one; never does one look like two.
 */
#include "runtime/debug/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/debug/peek.h"
#include "runtime/debug/range.h"
#include "runtime/debug/raw.h"

enum {
    UNIT = GOR__BLOCK_UNIT,
    CHUNK_MIN = 32,
    FENCE = 16, /* of the chunks that end a run which is not the last of its arena */
    COVER_BYTES = 4096,
    PIECE_BYTES = 16384,
    RUNS_MAX = 65536,
    FLAGS = 7,
    MAPPED_FLAG = 2,
    HEAD_MAX = 8192,      /* a heap's first words and its arena */
    TCACHE_BYTES = 0x290, /* since 2.30 */
    TCACHE_BINS = 64,
};

#define HEAP_BYTES ((uintptr_t)64 << 20)

/* ---- following chunks */

/* A window on the memory that is walked. */
struct window {
    uintptr_t start;
    size_t bytes;
    uint64_t words[PIECE_BYTES / sizeof(uint64_t)];
};

/* False: it cannot be read. */
static bool peek_word(struct window *window, uintptr_t address, uintptr_t end, uint64_t *out_word)
{
    if (address < window->start || address + sizeof(uint64_t) > window->start + window->bytes) {
        size_t wanted = end - address < PIECE_BYTES ? end - address : PIECE_BYTES;
        window->start = address;
        window->bytes = gor__peek(window->words, address, wanted);
        if (window->bytes < sizeof(uint64_t)) {
            window->bytes = 0;
            return false;
        }
    }
    *out_word = window->words[(address - window->start) / sizeof(uint64_t)];
    return true;
}

/* The size of the chunk at `chunk`; 0: there cannot be one. */
static uintptr_t size_at(struct window *window, uintptr_t chunk, uintptr_t end)
{
    uint64_t word = 0;
    if (end - chunk < FENCE || !peek_word(window, chunk + 8, end, &word)) {
        return 0;
    }
    uintptr_t size = (uintptr_t)(word & ~(uint64_t)FLAGS);
    bool fits = size % UNIT == 0 && size <= end - chunk;
    bool is_fence = size == FENCE && end - chunk <= (uintptr_t)2 * FENCE;
    return fits && (size >= CHUNK_MIN || is_fence) ? size : 0;
}

/* Whether chunks lead from `start` to `end`. If `run` is not NULL they are noted there. */
static bool follow(struct window *window, uintptr_t start, uintptr_t end, struct gor__run *run)
{
    uintptr_t chunk = start;
    uintptr_t covered = 0;
    while (chunk < end) {
        uintptr_t size = size_at(window, chunk, end);
        if (size == 0) {
            /* The last word of a heap that is full may be a chunk without size. */
            return end - chunk == FENCE;
        }
        if (run != NULL) {
            size_t number = (chunk - start) / UNIT;
            gor__set_bit(run->begins, number);
            for (; covered * COVER_BYTES < chunk - start + size; covered++) {
                run->covers[covered] = (uint32_t)number;
            }
        }
        chunk += size;
    }
    return chunk == end;
}

/* ---- runs */

static size_t bitmap_bytes(const struct gor__run *run)
{
    return ((run->end - run->start) / UNIT / 64 + 2) * sizeof(uint64_t);
}

static size_t covers_bytes(const struct gor__run *run)
{
    return ((run->end - run->start) / COVER_BYTES + 2) * sizeof(uint32_t);
}

static void release_run(struct gor__run *run)
{
    gor__raw_unmap(run->begins, bitmap_bytes(run));
    gor__raw_unmap(run->marked, bitmap_bytes(run));
    gor__raw_unmap(run->keyed, bitmap_bytes(run));
    gor__raw_unmap(run->covers, covers_bytes(run));
}

/* It is known that chunks lead from `start` to `end`. */
static int add_run(struct gor__blocks *blocks, struct window *window, uintptr_t outer,
                   uintptr_t start, uintptr_t end)
{
    struct gor__run run = {.outer = outer, .start = start, .end = end};
    if (blocks->count == RUNS_MAX || (end - start) / UNIT > UINT32_MAX) {
        return 0; /* does without */
    }
    run.begins = gor__raw_map(bitmap_bytes(&run));
    run.marked = gor__raw_map(bitmap_bytes(&run));
    run.keyed = gor__raw_map(bitmap_bytes(&run));
    run.covers = gor__raw_map(covers_bytes(&run));
    if (run.begins == NULL || run.marked == NULL || run.keyed == NULL || run.covers == NULL) {
        release_run(&run);
        return -ENOMEM;
    }
    (void)follow(window, start, end, &run);
    blocks->runs[blocks->count++] = run;
    return 0;
}

/* The list of free chunks of the thread that malloc began with: counts, then first chunks. Reached by
 * the thread, it must not lead to what was freed. */
static void leave_out_tcache(struct window *window, struct gor__run *run)
{
    uint64_t words[TCACHE_BYTES / sizeof(uint64_t)];
    const uint16_t *counts = (const uint16_t *)&words[2];
    const uint64_t *firsts = &words[2 + TCACHE_BINS * sizeof(uint16_t) / sizeof(uint64_t)];
    if (size_at(window, run->start, run->end) != TCACHE_BYTES ||
        gor__peek(words, run->start, sizeof words) != sizeof words) {
        return;
    }
    for (size_t i = 0; i < TCACHE_BINS; i++) {
        if ((counts[i] == 0) != (firsts[i] == 0) || firsts[i] % UNIT != 0) {
            return;
        }
    }
    gor__set_bit(run->marked, 0);
}

static int add_first_run(struct gor__blocks *blocks, struct window *window, uintptr_t outer,
                         uintptr_t start, uintptr_t end)
{
    size_t former = blocks->count;
    int error = add_run(blocks, window, outer, start, end);
    if (blocks->count > former) {
        leave_out_tcache(window, &blocks->runs[former]);
    }
    return error;
}

/* ---- heaps of arenas */

struct heap_head {
    uint64_t arena;
    uint64_t former;
    uint64_t bytes;
};

/* The heap at `start`, of which the region has `limit` bytes. */
static int try_heap(struct gor__blocks *blocks, struct window *window, uintptr_t start,
                    uintptr_t limit, uintptr_t *out_end)
{
    struct heap_head head;
    if (gor__peek(&head, start, sizeof head) != sizeof head || head.bytes % 4096 != 0 ||
        head.bytes == 0 || head.bytes > limit || head.former % HEAP_BYTES != 0 ||
        (head.former == 0 && head.arena - start > HEAD_MAX)) {
        return 0;
    }
    uintptr_t end = start + (uintptr_t)head.bytes;
    uintptr_t first = head.former == 0 ? (uintptr_t)head.arena + 1024 : start + sizeof head;
    for (uintptr_t chunk = (first + UNIT - 1) & ~(uintptr_t)(UNIT - 1);
         chunk < start + HEAD_MAX && chunk < end; chunk += UNIT) {
        if (follow(window, chunk, end, NULL)) {
            *out_end = end;
            return add_first_run(blocks, window, start, chunk, end);
        }
    }
    return 0;
}

/* ---- single chunks */

/* A chunk that begins in the first page of a mapping of its own, aligned for its user. */
static uintptr_t mapped_chunk(struct window *window, uintptr_t start, uintptr_t end,
                              uintptr_t *out_chunk)
{
    for (uintptr_t lead = 0; lead < 4096 && end - start > lead + CHUNK_MIN; lead += UNIT) {
        uint64_t before = 0;
        uint64_t size = 0;
        if (!peek_word(window, start + lead, end, &before) ||
            !peek_word(window, start + lead + 8, end, &size)) {
            return 0;
        }
        uintptr_t bytes = (uintptr_t)(size & ~(uint64_t)FLAGS);
        if (before == lead && (size & FLAGS) == MAPPED_FLAG && (bytes + lead) % 4096 == 0 &&
            bytes >= CHUNK_MIN && bytes <= end - start - lead) {
            *out_chunk = start + lead;
            return bytes;
        }
    }
    return 0;
}

static int try_mapped(struct gor__blocks *blocks, struct window *window, uintptr_t start,
                      uintptr_t end, uintptr_t *out_end)
{
    uintptr_t chunk = 0;
    uintptr_t bytes = mapped_chunk(window, start, end, &chunk);
    if (bytes == 0) {
        return 0;
    }
    *out_end = chunk + bytes;
    return add_run(blocks, window, start, chunk, chunk + bytes);
}

/* What stands at the beginning may be either; behind it the same again, for the kernel joins mappings
 * side by side. What is neither goes on for nobody knows how long, but a heap may begin at any place
 * that is aligned for one. */
static int try_anonymous(struct gor__blocks *blocks, struct window *window, uintptr_t start,
                         uintptr_t end)
{
    int error = 0;
    while (error == 0 && start < end) {
        uintptr_t used = start;
        if (start % HEAP_BYTES == 0) {
            uintptr_t limit = end - start < HEAP_BYTES ? end - start : HEAP_BYTES;
            error = try_heap(blocks, window, start, limit, &used);
        }
        if (error == 0 && used == start) {
            error = try_mapped(blocks, window, start, end, &used);
        }
        start = used > start ? used : (start | (HEAP_BYTES - 1)) + 1;
    }
    return error;
}

/* ---- all */

static size_t runs_bytes(void)
{
    return RUNS_MAX * sizeof(struct gor__run);
}

void gor__blocks_close(struct gor__blocks *blocks)
{
    for (size_t i = 0; i < blocks->count; i++) {
        release_run(&blocks->runs[i]);
    }
    gor__raw_unmap(blocks->runs, runs_bytes());
    *blocks = (struct gor__blocks){NULL, 0};
}

static int try_region(struct gor__blocks *blocks, struct window *window,
                      const struct gor__region *region)
{
    switch (region->kind) {
    case GOR__REGION_BRK:
        return follow(window, region->start, region->end, NULL)
                   ? add_first_run(blocks, window, region->start, region->start, region->end)
                   : 0;
    case GOR__REGION_ANON:
        return try_anonymous(blocks, window, region->start, region->end);
    case GOR__REGION_PLAIN:
    case GOR__REGION_STACK:
    default:
        return 0;
    }
}

int gor__blocks_open(struct gor__blocks *blocks, const struct gor__regions *regions)
{
    *blocks = (struct gor__blocks){gor__raw_map(runs_bytes()), 0};
    struct window *window = gor__raw_map(sizeof *window);
    int error = blocks->runs != NULL && window != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; error == 0 && i < regions->count; i++) {
        error = try_region(blocks, window, &regions->list[i]);
    }
    gor__raw_unmap(window, sizeof *window);
    if (error < 0) {
        gor__blocks_close(blocks);
    }
    return error;
}

/* ---- looking up */

static struct gor__run *find_run(const struct gor__blocks *blocks, uintptr_t address)
{
    struct gor__run *runs = blocks->runs;
    size_t at = gor__range_find(&runs->start, &runs->end, blocks->count, sizeof *runs, address);
    return at < blocks->count ? &runs[at] : NULL;
}

/* The last chunk that begins at or before number `at`. */
static size_t begin_before(const struct gor__run *run, size_t at)
{
    size_t page = at * UNIT / COVER_BYTES;
    size_t floor = page * COVER_BYTES / UNIT;
    size_t word = at / 64;
    uint64_t bits = run->begins[word] & (~UINT64_C(0) >> (63 - at % 64));
    while (bits == 0 && word * 64 > floor) {
        bits = run->begins[--word];
    }
    size_t found = bits != 0 ? word * 64 + 63 - (size_t)__builtin_clzll(bits) : 0;
    return bits != 0 && found >= floor ? found : run->covers[page];
}

bool gor__blocks_find(const struct gor__blocks *blocks, uintptr_t address,
                      struct gor__block *out_block)
{
    struct gor__run *run = find_run(blocks, address);
    if (run == NULL) {
        return false;
    }
    /* Up to the size of the next chunk all is this one's: its last word is in the next one's first. */
    uintptr_t offset = address - run->start;
    *out_block =
        (struct gor__block){run, offset >= UNIT ? begin_before(run, (offset - UNIT) / UNIT) : 0};
    return true;
}

void gor__block_bounds(const struct gor__block *block, uintptr_t *out_start, uintptr_t *out_end)
{
    const struct gor__run *run = block->run;
    size_t last = (run->end - run->start) / UNIT;
    size_t next = block->number + 1;
    while (next < last && !gor__bit(run->begins, next)) {
        next = run->begins[next / 64] >> (next % 64) == 0 ? (next / 64 + 1) * 64 : next + 1;
    }
    next = next < last ? next : last;
    uintptr_t end = run->start + next * UNIT + sizeof(uint64_t);
    *out_start = run->start + block->number * UNIT + UNIT;
    *out_end = end < run->end ? end : run->end;
}

static uint64_t kept_free_mark; /* 0: there is none */

void gor__blocks_learn(void)
{
    enum { WORDS = 3 };
    volatile uint64_t *block = malloc(WORDS * sizeof *block);
    uintptr_t address = (uintptr_t)block;
    if (block != NULL) {
        block[1] = 0;
    }
    free((void *)address);
    /* It is read although it is free: nobody but us need know. */
    __asm__ volatile("" : "+r"(address));
    kept_free_mark = address != 0 ? ((const volatile uint64_t *)address)[1] : 0;
}

bool gor__block_is_kept_free(uintptr_t start)
{
    return kept_free_mark != 0 && ((const volatile uint64_t *)start)[1] == kept_free_mark;
}
