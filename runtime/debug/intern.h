/* SPDX-License-Identifier: MIT */
/* intern.h - gives equal bytes one number: 0, 1, 2, ... in the order they come. Profiles name texts,
 * places and whole stacks that way.
 *
 * Out of memory is remembered; every number is 0 from then on, and gor__interned_ok says so.
 *
 * Threads     one at a time, outside the door: it calls malloc.
 * Ownership   the struct is the caller's and ready when zeroed; keys are copied.
 */
#ifndef GOR_DEBUG_INTERN_H
#define GOR_DEBUG_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gor__interned_key {
    void *bytes; /* owned; aligned as from malloc */
    size_t count;
    uint64_t hash;
};

struct gor__interned {
    struct gor__interned_key *keys; /* owned; by number */
    size_t count;
    size_t room;
    uint32_t *slots; /* owned; a number and 1, by hash; 0: free */
    size_t slot_count;
    bool failed;
};

void gor__interned_fini(struct gor__interned *t);

static inline bool gor__interned_ok(const struct gor__interned *t)
{
    return !t->failed;
}

/* The number of these bytes, which are new if it is what t->count was. */
uint32_t gor__intern(struct gor__interned *t, const void *bytes, size_t count);

#endif
