/* SPDX-License-Identifier: MIT */
/* panic.h - a goroutine cannot go on: where it was, and what becomes of it.
 *
 * Threads     the goroutine itself, outside, unless said otherwise.
 * Ownership   a panic lies on a stack of the goroutine's, to its end.
 */
#ifndef GOR_SCHED_PANIC_H
#define GOR_SCHED_PANIC_H

#include <stdbool.h>
#include <stdio.h>

#include "runtime/cpu/registers.h"
#include "runtime/gor.h"

struct gor__g;
struct gor__stack;

struct gor__panic {
    struct gor__panic *next; /* list link of all under way */
    struct gor__g *g;
    /* Where it was; its frames stay as they are to its end, for all that runs then runs below them, or
     * elsewhere. */
    const struct gor__stack *stack;
    struct gor__registers registers;
    const char *message; /* as long as the frames */
};

/* Run the deferred calls, tell the handler, and end the goroutine; without a handler, the process. */
void gor__panic_now(struct gor__panic *panic, struct gor__g *g, const char *message)
    __attribute__((noreturn));

/* That of the calling goroutine; false: there is none. */
bool gor__panic_get(struct gor__panic *out_panic);

/* In debug/panic.c: all other goroutines, as gor_dump shows them. */
void gor__panic_dump_others(FILE *out);

/* Likewise: to standard error, where the goroutine was, and all others. For the end of a process: no lock is
 * waited for, and no memory taken from malloc. Any context with some 64 KiB of stack. */
void gor__panic_tell(const struct gor__panic *panic, gor_id_t id, const char *name);

/* `g` ends; inside. */
void gor__panic_forget(struct gor__g *g);

/* No goroutine exists any more. */
void gor__panics_fini(void);

#endif
