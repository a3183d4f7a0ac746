/* SPDX-License-Identifier: MIT */
/* lock.c - see lock.h. A queue lock was rejected: the critical sections are shorter than its
 * hand-off, and on a virtual machine the next in line may not even have a processor. */
#include "runtime/base/lock.h"

#include <sched.h>

enum { SPINS_BEFORE_YIELD = 200 };

#if !defined(__SANITIZE_THREAD__)
bool gor__solo;
#endif

void gor__spin_wait(struct gor__spin *spin)
{
    for (;;) {
        for (int i = 0; i < SPINS_BEFORE_YIELD; i++) {
            if (gor__spin_try_lock(spin)) {
                return;
            }
            gor__relax();
        }
        /* The holder has lost its processor: give it ours. */
        sched_yield();
    }
}
