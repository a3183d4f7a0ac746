/* SPDX-License-Identifier: MIT */
/* interrupted.h - the stack of the code that a signal has interrupted, whatever that is: a goroutine,
 * the scheduler, a switch between the two, or a thread that is none of the runtime's.
 *
 * Threads     the interrupted one, in the handler, on whatever stack.
 */
#ifndef GOR_SCHED_INTERRUPTED_H
#define GOR_SCHED_INTERRUPTED_H

#include <stdint.h>

struct gor__m;

/* Of a thread; all zero: not known. */
struct gor__thread_stack {
    uintptr_t low;
    uintptr_t top;
};

/* Where it was, then return addresses by frame pointers, at most `room`; how many, at least that one.
 * `context` is the handler's third argument; `m` may be NULL. *out_leaf is the return address if the
 * function has no frame and has saved nothing, else anything; 0: unknown. */
unsigned gor__interrupted_frames(const void *context, const struct gor__m *m,
                                 const struct gor__thread_stack *own, uintptr_t *out_frames,
                                 unsigned room, uintptr_t *out_leaf);

#endif
