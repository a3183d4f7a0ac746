/* SPDX-License-Identifier: MIT */
/* pool.h - where goroutines and their stacks come from.
 *
 * Arenas of 256 MiB of address space are cut into slots of one stack class; slot i of an arena and
 * entry i of its table of Gs belong together for ever. Slots are prepared a slab at a time: guards
 * and first pages in two system calls for all of them. The first page of each stack is populated,
 * the kernel adds more as it grows down.
 *
 *     stack_low                                            stack_top
 *     | guard page | not yet touched ...      | first page |
 *
 * Stack tops are staggered within their page, since stacks a power of two apart would all want the
 * same few lines of the first-level cache.
 *
 * Threads     gor__pool_get and _put by any thread; with a P they use its free lists first.
 */
#ifndef GOR_SCHED_POOL_H
#define GOR_SCHED_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gor__g;
struct gor__p;

/* The class whose stacks have at least `bytes`; -EINVAL when there is none. */
int gor__stack_class(size_t bytes);
size_t gor__stack_class_bytes(int class);

/* A terminated G with a stack of this class; NULL: out of memory. `p` may be NULL. */
struct gor__g *gor__pool_get(struct gor__p *p, int class);
void gor__pool_put(struct gor__p *p, struct gor__g *g);

/* Give a P's free lists to the common ones. */
void gor__pool_flush(struct gor__p *p);

/* Visit every G ever made until `visit` answers non-zero; answers that. Lock-free. */
int gor__pool_each(int (*visit)(void *arg, struct gor__g *g), void *arg);

/* The G whose stack, guard included, holds this address; NULL. Async-signal-safe. */
struct gor__g *gor__pool_find(const void *address);

struct gor__pool_stats {
    uint64_t reserved_bytes;
    uint64_t made; /* Gs, alive or cached */
};
void gor__pool_stats(struct gor__pool_stats *out_stats);

/* Unmap everything; no goroutine may exist. */
void gor__pool_fini(void);

#endif
