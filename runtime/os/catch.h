/* SPDX-License-Identifier: MIT */
/* catch.h - signals, from wherever they arrive to a goroutine.
 *
 * A handler notes the signal and rings an eventfd, which a goroutine of ours reads: so it does not
 * matter which thread the signal comes to. In case no thread of the host lets it in, there is one of
 * our own that does, and lets in nothing else. A signalfd was rejected: it gets only what all threads
 * block, and the host's threads are not ours.
 *
 * Threads     goroutines, one at a time, but for gor__catch_stop.
 */
#ifndef GOR_OS_CATCH_H
#define GOR_OS_CATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Those a program may ask for: not the runtime's own, nor those that nobody can catch, or that tell
 * of a fault of the thread they come to. */
uint64_t gor__catch_possible(void);

/* Start the goroutine, which calls deliver(signal) for each, and the thread, if they do not run.
 * -ENOMEM, -EAGAIN, -EMFILE. */
int gor__catch_start(void (*deliver)(int signal));

enum gor__catch_how { GOR__CATCH_FORMER, GOR__CATCH_CAUGHT, GOR__CATCH_IGNORED };

/* From now on `signals` are dealt with so; FORMER: as before the first call that named them. */
void gor__catch_set(uint64_t signals, enum gor__catch_how how);

/* All is as it was before the start; called when no goroutine runs any more. */
void gor__catch_stop(void);

#endif
