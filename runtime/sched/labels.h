/* SPDX-License-Identifier: MIT */
/* labels.h - keys and values a goroutine carries for profiles, and hands to those it starts.
 *
 * A set never changes once a goroutine has it: another label makes another set. So whoever starts
 * goroutines shares its own with them for a count, and whoever looks keeps what it has seen.
 *
 * Invariants  the place of a goroutine marked GOR__G_LABELLED names a set with a reference of its own.
 * Threads     a goroutine's set is changed by itself only; gor__labels_get is for any thread and for
 *             signal handlers: the memory of sets is used again, but never unmapped while the runtime
 *             runs, so one that goes meanwhile is seen to be gone.
 * Ownership   a set goes with its last reference.
 */
#ifndef GOR_SCHED_LABELS_H
#define GOR_SCHED_LABELS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/sched/goroutine.h"

/* Of all keys and values of a set, with their ends. */
enum { GOR__LABELS_BYTES = 1000 };

struct gor__labels {
    uint32_t refs;                /* atomic; 0: on the free list */
    uint16_t bytes;               /* of text */
    char text[GOR__LABELS_BYTES]; /* key, value, key, value, ..., a zero behind each; by key */
    struct gor__labels *next;     /* list link of the free ones */
};

/* A reference to the labels `g` has now; NULL: none. */
struct gor__labels *gor__labels_get(struct gor__g *g);

/* Any thread; a goroutine inside the door, or a handler must not. NULL is fine. */
void gor__labels_unref(struct gor__labels *labels);

/* Inside: `g`, which does not run yet, gets those of its parent. */
void gor__labels_inherit(struct gor__g *g, struct gor__g *parent);

/* Inside: `g` ends. */
void gor__labels_drop(struct gor__g *g);

/* Unmap everything; no goroutine may exist. */
void gor__labels_fini(void);

#endif
