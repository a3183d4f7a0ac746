/* SPDX-License-Identifier: MIT */
/* sites.h - how deep the stacks of goroutines went, by the place they were started at.
 *
 * The memory behind a stack tells how deep it was ever used, not by whom. So only goroutines whose
 * stack was clean at their start are measured (GOR__G_SAMPLE): one in 32 of those on new stacks, and one
 * a second on each P. That costs the others nothing.
 *
 * Threads     any; the table is lock-free and only grows.
 */
#ifndef GOR_SCHED_SITES_H
#define GOR_SCHED_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gor__g;
struct gor__stack;

enum { GOR__SITES_MAX = 4096 }; /* the last one is for all there is no room for */

/* All atomic. */
struct gor__site {
    const void *created_at; /* NULL: unused */
    uint64_t measured;      /* goroutines that have ended */
    uint64_t most_bytes;    /* stack the deepest used, ended or not */
    uint64_t reserve_bytes; /* the largest reserve of any that was measured */
};

/* That of goroutines started there; NULL if there is none yet, and `add` is false. */
struct gor__site *gor__site_of(const void *created_at, bool add);
/* By number, below GOR__SITES_MAX. */
struct gor__site *gor__site_at(uint32_t number);

/* `g`, whose stack was clean, ends, or is about to have some of its memory given back. */
void gor__sites_note_end(struct gor__g *g);
void gor__sites_note(const struct gor__g *g, const struct gor__stack *stack);

/* A goroutine of the site has used so much. */
void gor__site_raise(struct gor__site *site, size_t depth_bytes, size_t reserve_bytes);

/* Bytes from the top of the slot down to the lowest page that has memory; 0: unknown. */
size_t gor__stack_depth(const struct gor__stack *stack, int class);

void gor__sites_fini(void);

#endif
