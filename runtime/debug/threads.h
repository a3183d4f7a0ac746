/* SPDX-License-Identifier: MIT */
/* threads.h - whether all threads of the process are the runtime's, and where the stack of one ends.
 *
 * Threads     any, outside the door.
 */
#ifndef GOR_DEBUG_THREADS_H
#define GOR_DEBUG_THREADS_H

#include <stdbool.h>
#include <stdint.h>

/* True when there are none but Ms, the runtime's helpers, threads of gor_blocking, the caller and, while
 * gor_run waits for its root, its caller. A thread that is just ending may make the answer false. */
bool gor__threads_are_ours(void);

/* The lowest address of the calling thread's own stack; 0: `sp` lies on another one, or it is not known.
 * It calls malloc, and for the first thread reads /proc. */
uintptr_t gor__thread_stack_end(uintptr_t sp);

#endif
