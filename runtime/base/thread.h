/* SPDX-License-Identifier: MIT */
/* thread.h - threads of the runtime's own, which leave signals to the host program's.
 *
 * Threads     any.
 */
#ifndef GOR_BASE_THREAD_H
#define GOR_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/gor.h"

/* Start main(arg) with exactly these signals blocked from its first instruction on, but for SIGSEGV and
 * SIGBUS. 0, or a negative errno. */
int gor__thread_start(pthread_t *thread, const sigset_t *blocked, void *(*main)(void *arg),
                      void *arg);

/* What debuggers, ps and top call the calling thread: at most 15 bytes. */
void gor__thread_name(const char *name);

/* Give the calling thread a table of descriptors of its own, with nothing in it but these two: what it
 * opens from then on takes no number that the program may be about to get, nor keeps open what the program
 * closes. False when the kernel cannot (before Linux 5.9, or forbidden). */
bool gor__thread_unshare_descriptors(int kept, int kept_too);

/* A set of signals: bit n - 1 is signal n. */
enum { GOR__SIGNALS = 64 };
static inline uint64_t gor__signal_bit(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

/* Let these signals in to the calling thread, which has blocked all but SIGSEGV and SIGBUS, and no others. It is to do so again, and
 * wait for no longer than GOR__SIGNAL_PATIENCE_NS at a time. */
void gor__thread_let_in(uint64_t signals);

/* ThreadSanitizer puts a handler off until the thread calls something that it intercepts. */
#if defined(__SANITIZE_THREAD__)
#define GOR__SIGNAL_PATIENCE_NS (10 * GOR_MILLISECOND)
#else
#define GOR__SIGNAL_PATIENCE_NS GOR_NEVER
#endif

#endif
