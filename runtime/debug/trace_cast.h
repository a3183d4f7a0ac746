/* SPDX-License-Identifier: MIT */
/* trace_cast.h - the goroutines a trace has told of, by their ids.
 *
 * Threads     one at a time, outside the door: it calls malloc.
 * Ownership   the struct is the caller's, ready when zeroed; what it answers lasts until it is removed.
 */
#ifndef GOR_DEBUG_TRACE_CAST_H
#define GOR_DEBUG_TRACE_CAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/gor.h"

/* What a goroutine does, as far as has been told. */
enum gor__act {
    GOR__ACT_UNKNOWN,
    GOR__ACT_WAITS,
    GOR__ACT_READY,
    GOR__ACT_RUNS, /* on a P */
    GOR__ACT_AWAY, /* on its thread, which has lost its P */
    GOR__ACT_ENDED,
};

struct gor__actor {
    struct gor__actor *next; /* list link of its bucket */
    uint64_t id;
    uint64_t fn;
    uint64_t created_at; /* 0: unknown */
    uint64_t parent;     /* 0: unknown, or a stranger */
    uint64_t flow;       /* of the arrow that leads to its next run; 0: none */
    int64_t since_ns;    /* in this state; 0: unknown */
    uint64_t gaps;       /* of the story, when that was told */
    uint32_t turn;       /* how often it has gone on */
    bool has_turn;       /* that is known */
    bool early;          /* it has run, and was not told to be made before */
    enum gor__act act;
    uint32_t proc;             /* that it runs on */
    uint32_t regions;          /* open */
    bool has_track;            /* of its own */
    char name[GOR_NAME_BYTES]; /* "" for none */
    char label[96];            /* "goroutine 7 worker"; "" when it must be made anew */
};

struct gor__cast {
    struct gor__actor **buckets; /* owned */
    size_t bucket_count;
    size_t count;
    bool failed; /* out of memory, once */
};

void gor__cast_fini(struct gor__cast *cast);

/* NULL: it is not known. */
struct gor__actor *gor__cast_find(const struct gor__cast *cast, uint64_t id);

/* The same, made if need be; NULL: out of memory. */
struct gor__actor *gor__cast_get(struct gor__cast *cast, uint64_t id);

void gor__cast_remove(struct gor__cast *cast, uint64_t id);

/* Remove those who do nothing that must be ended; they are made anew when they are told of again. */
void gor__cast_prune(struct gor__cast *cast);

/* Call visit(arg, actor) for every one, which may not add or remove any. */
void gor__cast_each(const struct gor__cast *cast,
                    void (*visit)(void *arg, struct gor__actor *actor), void *arg);

/* "goroutine 7 worker", by its name or else its function's. */
const char *gor__actor_label(struct gor__actor *actor);

/* Its function, which is known by now. */
void gor__actor_learn(struct gor__actor *actor, uint64_t fn);

/* "worker"; and "make_workers main.c:12", of a return address. */
void gor__name_function(uint64_t fn, char *room, size_t bytes);
void gor__name_place(uint64_t address, char *room, size_t bytes);

#endif
