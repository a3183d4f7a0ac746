/* SPDX-License-Identifier: MIT */
/* thread.h - threads of the runtime's own, which leave signals to the host program's.
 *
 * Threads     any.
 */
#ifndef GOR_BASE_THREAD_H
#define GOR_BASE_THREAD_H

#include <pthread.h>
#include <signal.h>

/* Start main(arg) with exactly these signals blocked from its first instruction on, and a name of at
 * most 15 bytes, or NULL. 0, or a negative errno. */
int gor__thread_start(pthread_t *thread, const sigset_t *blocked, const char *name,
                      void *(*main)(void *arg), void *arg);

#endif
