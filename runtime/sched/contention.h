/* SPDX-License-Identifier: MIT */
/* contention.h - how long goroutines wait, added up by the stack they wait on, and how long they keep
 * others waiting for a lock, by the stack they give it up on: Go's block and mutex profiles.
 *
 * While both are off, all that is done is to ask gor__observes. What is added up stays until the process
 * ends, whatever becomes of the runtime.
 *
 * Invariants  a bucket's stack is written once, before its frame_count, and never changes.
 * Threads     each P has tables of its own, which its holder writes, inside; any thread reads. The
 *             memory is the kernel's, since nobody may call malloc inside.
 */
#ifndef GOR_SCHED_CONTENTION_H
#define GOR_SCHED_CONTENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/gor.h"
#include "runtime/sched/observe.h"

struct gor__g;
struct gor__waitq;

enum gor__contention { GOR__CONTENTION_BLOCK, GOR__CONTENTION_MUTEX, GOR__CONTENTION_KINDS };

enum { GOR__CONTENTION_FRAMES = 61 };

struct gor__contention_bucket {
    uint32_t hash;
    uint16_t reason; /* enum gor_wait_reason */
    uint16_t
        frame_count;   /* atomic; 0: free, but for the last bucket: stacks there was no room for */
    uint64_t count;    /* atomic; the bits of a double */
    uint64_t delay_ns; /* atomic */
    uintptr_t frames[GOR__CONTENTION_FRAMES]; /* return addresses, innermost first */
};

/* Whether such a wait is to be timed exactly: a look at the clock costs as much as a switch. */
bool gor__contention_times(enum gor_wait_reason reason);

/* After a wait that was, by the goroutine that waited; `began` as gor_now() was then. */
void gor__contention_waited(enum gor_wait_reason reason, int64_t began);

/* By whoever wakes `g`, before it can run. */
void gor__contention_woken(struct gor__g *g);

/* By whoever gives up a lock, which is held while those are counted who wait for it, on `queue`: what
 * they have waited since the lock last changed hands, *since, which is now; 0: not to be noted. */
int64_t gor__contention_owed(const struct gor__waitq *queue, int64_t *since);

/* The same, as it goes on, with nothing held. */
void gor__contention_released(enum gor_wait_reason reason, int64_t owed);

/* Visit all buckets until `visit` answers non-zero; answers that. */
int gor__contention_each(enum gor__contention kind,
                         int (*visit)(void *arg, const struct gor__contention_bucket *bucket),
                         void *arg);

/* Of a bucket, as it is just now. */
double gor__contention_count(const struct gor__contention_bucket *bucket);

#endif
