/* SPDX-License-Identifier: MIT */
/* threads.h - whether all threads of the process are the runtime's.
 *
 * Threads     any, outside the door.
 */
#ifndef GOR_DEBUG_THREADS_H
#define GOR_DEBUG_THREADS_H

#include <stdbool.h>

/* True when there are none but Ms, the runtime's helpers, threads of gor_blocking, the caller and, while
 * gor_run waits for its root, its caller. A thread that is just ending may make the answer false. */
bool gor__threads_are_ours(void);

#endif
