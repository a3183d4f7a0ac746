/* SPDX-License-Identifier: MIT */
/* sampler.h - where threads spend CPU time: each has a timer on its own, whose signal (SIGPROF) notes
 * where the thread is and for which goroutine, in a ring that somebody else empties.
 *
 * The timer expires only while the thread computes, and the kernel raises its signal on the way back to
 * user mode: a call that blocks meanwhile is not interrupted; see preempt.h, which relies on the same.
 *
 * Invariants  a cell of the ring belongs to the handler that has taken its number, then to the reader.
 * Threads     begin, end and read one at a time, outside the door; thread_init and thread_fini on the
 *             thread itself, which is one of the runtime's.
 */
#ifndef GOR_SCHED_SAMPLER_H
#define GOR_SCHED_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/gor.h"

struct gor__labels;

enum { GOR__SAMPLER_FRAMES = 64 };

struct gor__cpu_sample {
    uint64_t turn;   /* atomic; whose the cell is, see sampler.c */
    uint32_t weight; /* periods of the timer that have passed */
    uint32_t frame_count;
    struct gor__labels *labels; /* a reference; NULL: none */
    const void *created_at;     /* NULL: no goroutine's */
    char name[GOR_NAME_BYTES];
    uintptr_t leaf;                        /* see gor__interrupted_frames */
    uintptr_t frames[GOR__SAMPLER_FRAMES]; /* where it was, then return addresses */
};

/* Begin, `period_ns` of CPU time apart; also on the host's threads there are now, if asked for. -EBUSY:
 * somebody has a handler for SIGPROF. -ENOMEM. */
int gor__sampler_begin(int64_t period_ns, bool all_threads);

/* No handler runs any more once this returns; what is in the ring can still be read. */
void gor__sampler_end(void);

/* Give the memory back; all was read. */
void gor__sampler_fini(void);

/* The oldest sample, until _drop; NULL: there is none. */
const struct gor__cpu_sample *gor__sampler_first(void);
void gor__sampler_drop(void);

/* Samples for which there was no room since the last call. */
uint64_t gor__sampler_take_lost(void);

void gor__sampler_thread_init(void);
void gor__sampler_thread_fini(void);

#endif
