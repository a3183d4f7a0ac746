/* SPDX-License-Identifier: MIT */
/* pool.h - where goroutines come from: dense tables of Gs that are never unmapped while the runtime
 * runs, so that a late waker or a reader may still look at one that has ended.
 *
 * Threads     get and put by any thread; with a P they use its free list.
 */
#ifndef GOR_SCHED_POOL_H
#define GOR_SCHED_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gor__g;
struct gor__g_side;
struct gor__labels;
struct gor__p;

/* Free Gs, last in first out. */
struct gor__free_list {
    struct gor__g *first;
    uint32_t count;
};

/* A terminated G without a stack; NULL: out of memory. `p` may be NULL. */
struct gor__g *gor__pool_get(struct gor__p *p);
void gor__pool_put(struct gor__p *p, struct gor__g *g);

/* Copy `name` to where it stays readable as long as `g` does: whoever looks at a goroutine may be too
 * late for a text of its caller's. NULL: no name. */
void gor__pool_set_name(struct gor__g *g, const char *name);
/* NULL: none. */
const char *gor__pool_name(const struct gor__g *g);

/* Where the labels of `g` are kept; see labels.h. */
struct gor__labels **gor__pool_labels(const struct gor__g *g);

/* What few have; zero at first, and left as it is from one goroutine to the next. */
struct gor__g_side *gor__pool_side(const struct gor__g *g);

/* Of `g`, by which it sees to its panics; NULL: none. */
void gor__pool_set_handler(struct gor__g *g, void (*handler)(void *arg, const char *message),
                           void *arg);

/* Give a P's free list to the common one. */
void gor__pool_flush(struct gor__p *p);

/* Visit every G ever made until `visit` answers non-zero; answers that. Lock-free. */
int gor__pool_each(int (*visit)(void *arg, struct gor__g *g), void *arg);

/* The Gs of a table, of which those up to `count` were ever made, and what lies behind them. False: there
 * are not so many tables. Lock-free; also while threads are frozen in the middle of ThreadSanitizer. */
struct gor__pool_table {
    const struct gor__g *list;
    uint32_t count;
    size_t bytes;
};
bool gor__pool_table(uint32_t number, struct gor__pool_table *out_table);

/* Unmap everything; no goroutine may exist. */
void gor__pool_fini(void);

#endif
