/* SPDX-License-Identifier: MIT */
/* reach.h - which of the goroutines that wait can be reached by one that runs, or by anybody else.
 *
 * A *place* is memory that is reached as a whole: a block of malloc's, or the stack of a goroutine.
 * Whoever waits on an object in a place is *alive* once that place is reached; so is who waits on an
 * object anywhere else, for there everybody may get at it. What is alive is read for pointers to
 * further places, until there are no new ones. Pointers are guessed: a word that could be one is one.
 *
 * Used so: open; look; give all goroutines, each once; settle; read what is alive anyhow; run; ask; close.
 *
 * Threads     one, with the world stopped; from look to run with the others frozen. No malloc.
 */
#ifndef GOR_DEBUG_REACH_H
#define GOR_DEBUG_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/debug/blocks.h"
#include "runtime/debug/regions.h"

struct gor__g;

/* A goroutine that only an object it waits on can wake. */
struct gor__candidate {
    const struct gor__g *g;
    bool alive;
    bool reached; /* its stack */
    bool keyed;   /* there is an object on its stack that somebody waits on */
};

struct gor__key;
struct gor__range;
struct gor__arena_owners;

struct gor__reach {
    const struct gor__regions *regions;
    struct gor__blocks blocks;
    struct gor__arena_owners *arenas; /* by address; owned, as all below */
    size_t arena_count;
    struct gor__candidate *candidates;
    size_t candidate_count;
    size_t candidate_room;
    struct gor__key *keys;
    size_t key_count;
    size_t key_room;
    uint32_t *table; /* of keys by place; a power of two */
    size_t table_size;
    struct gor__range *ranges; /* to be read */
    size_t range_count;
    size_t range_room;
    uint32_t *revived; /* candidates found alive, whose turn is to come */
    size_t revived_count;
    char *buffer;
    int error; /* the first */
};

/* 0 or -ENOMEM; to be closed in any case. */
int gor__reach_open(struct gor__reach *reach);
void gor__reach_close(struct gor__reach *reach);

/* Find out where blocks are. 0, -ENOMEM. */
int gor__reach_look(struct gor__reach *reach, const struct gor__regions *regions);

/* The memory of all stacks, and of their records. */
void gor__reach_arenas(const struct gor__reach *reach,
                       void (*visit)(void *arg, const void *memory, size_t bytes), void *arg);

/* One that has not ended. True: it waits, and only an object could wake it. */
bool gor__reach_add(struct gor__reach *reach, const struct gor__g *g);

/* Find out what place each object is in. */
void gor__reach_settle(struct gor__reach *reach);

/* What is in this memory, or is alive, is read. */
void gor__reach_words(void *arg, const uint64_t *words, size_t count);
void gor__reach_goroutine(struct gor__reach *reach, const struct gor__g *g, uintptr_t sp);

/* Read on until nothing new is found. 0, or -ENOMEM. */
int gor__reach_run(struct gor__reach *reach);

#endif
