/* SPDX-License-Identifier: MIT */
/* samples.h - what a profile has found: for each stack, with what else tells goroutines apart, one or
 * two numbers, which add up.
 *
 * Threads     one at a time, outside the door: it calls malloc.
 * Ownership   the struct is the caller's and ready when zeroed; all of a sample is copied.
 */
#ifndef GOR_DEBUG_SAMPLES_H
#define GOR_DEBUG_SAMPLES_H

#include "runtime/debug/intern.h"
#include "runtime/gor.h"

enum { GOR__SAMPLE_VALUES = 2, GOR__SAMPLE_FRAMES_MAX = 64 };

/* Places that are none. */
enum gor__pseudo_place {
    GOR__PLACE_UNKNOWN = 1, /* nothing is known of the stack */
    GOR__PLACE_LOST,        /* samples there was no room for */
    GOR__PLACE_OTHER,       /* stacks there was no room for */
    GOR__PLACE_COUNT
};

/* A return address as a profile has it: within the call, for what comes behind may be of another line,
 * or of another function. */
static inline uintptr_t gor__call_before(const void *return_address)
{
    return (uintptr_t)return_address - 1;
}

/* Its beginning is compared byte by byte: no padding, and what is not used is zero. */
struct gor__sample_key {
    uintptr_t created_at; /* within the call that started the goroutine; 0: unknown */
    char name[GOR_NAME_BYTES];
    uint16_t reason; /* enum gor_wait_reason */
    uint16_t
        is_first_whole; /* frames[0] is a function as such, whatever was inlined into it there */
    uint16_t frame_count;
    uint16_t labels_bytes;
    uintptr_t frames[GOR__SAMPLE_FRAMES_MAX]; /* innermost first */
    /* Behind the last frame: the labels, as sched/labels.h has them. */
};

struct gor__samples {
    struct gor__interned keys;             /* of the bytes of sample keys */
    int64_t (*values)[GOR__SAMPLE_VALUES]; /* owned; by number of the key */
    size_t room;
};

void gor__samples_fini(struct gor__samples *s);

/* Add `values` to those of the key; false when there is no memory. `labels`: key->labels_bytes. */
bool gor__samples_add(struct gor__samples *s, const struct gor__sample_key *key, const char *labels,
                      const int64_t values[GOR__SAMPLE_VALUES]);

/* All of `from` as well; false when there is no memory. */
bool gor__samples_add_all(struct gor__samples *s, const struct gor__samples *from);

#endif
