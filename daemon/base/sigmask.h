/* SPDX-License-Identifier: MIT */
/* sigmask.h - threads beside the loop's, which take no signals: those are the loop's.
 *
 * Threads     any; what a thread makes inherits its mask.
 */
#ifndef GORD_BASE_SIGMASK_H
#define GORD_BASE_SIGMASK_H

#include <signal.h>

/* Block all for the calling thread but SIGSEGV and SIGBUS: who looks at a goroutine's stack may have to bring it
 * back by a fault, and the kernel ends a process that blocks what its fault raises. What was blocked before is in
 * *out_former; NULL: nobody asks. */
void gord_signals_block(sigset_t *out_former);

#endif
