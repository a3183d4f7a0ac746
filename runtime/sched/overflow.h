/* SPDX-License-Identifier: MIT */
/* overflow.h - a goroutine that has used up its stack goes on with another one, to panic there: its
 * deferred calls and its handler need stack, and what they work on may lie in the frames below which
 * there is none left.
 *
 * The handler of the fault gives it a rescue stack and returns there. From then on that is the
 * goroutine's stack (g->stack); its own stays as it is, and for it alone, until the goroutine has ended.
 *
 * That is not done where it could do harm: in code of this library or of the C library, whose locks nobody
 * would unlock, so nor in a static program, where nobody can tell which code is the C library's; nor under
 * the sanitizers, which would not follow. The process ends there with a report, which tells where it was:
 * but under the sanitizers on such a stack, too, and without waiting for any lock.
 *
 * Who calls gor_stack_need overflows before it does anything with a lock: that is the one place in the library
 * where the goroutine may be moved away, and it says so by a flag (GOR__G_IN_NEED).
 *
 * Threads     as each says. Rescue stacks are never unmapped while the runtime runs, as any record of a
 *             stack.
 */
#ifndef GOR_SCHED_OVERFLOW_H
#define GOR_SCHED_OVERFLOW_H

#include <stdbool.h>
#include <ucontext.h>

struct gor__g;
struct gor__m;

/* Before threads: find out where the C library lies. */
void gor__overflow_init(void);
void gor__overflow_fini(void);

/* In the handler of the fault, on the thread of `m`: its goroutine goes on elsewhere when the handler
 * returns; or else the process ends here, with a report. */
void gor__overflow_rescue(struct gor__m *m, ucontext_t *context);

/* `g` was rescued and has ended, and nobody runs on its stack any more: it has its own one again. */
void gor__overflow_end(struct gor__g *g);

#endif
