/* SPDX-License-Identifier: MIT */
/* waits.h - what could wake a goroutine that waits.
 *
 * Threads     one, while the world stands or everybody is asleep.
 */
#ifndef GOR_DEBUG_WAITS_H
#define GOR_DEBUG_WAITS_H

#include <stdbool.h>
#include <stdint.h>

struct gor__g;

enum gor__wakeable {
    /* It is not waiting, is being woken, or waits for what comes from outside: a timer, a descriptor,
     * a thread. */
    GOR__WAKEABLE_ANYWAY,
    /* Only whoever gets at one of the objects that were told, or to one that is none of these. */
    GOR__WAKEABLE_BY_OBJECT,
    /* Its stack is just being brought back, by somebody who touches it and so has reason to, or put away:
     * what it waits for is not looked at, for whoever does that may be halted. */
    GOR__WAKEABLE_UNSEEN,
};

/* Tell visit(arg, address) of an address within each object that `g` waits on: the queue it stands on,
 * or the watchers of the context that limits its wait. None are told of a goroutine that waits for ever
 * on nothing, such as a NULL channel. */
enum gor__wakeable gor__waits_of(const struct gor__g *g,
                                 void (*visit)(void *arg, uintptr_t address), void *arg);

#endif
