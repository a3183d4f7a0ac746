/* SPDX-License-Identifier: MIT */
/* idle_stacks.h - memory of stacks that nobody uses goes back to the system, in the background.
 *
 *   parked   a goroutine that has waited for long keeps the pages from its stack pointer up. The
 *            others go while its stack is claimed (claim.h), so whoever wakes it waits for that. One
 *            that may hibernate (hibernate.h) is put away altogether, a little later.
 *   free     stacks that the P, then everybody, has not wanted for a whole period are emptied; so what
 *            stays warm is as much as was used at a time lately.
 *
 * Which stacks have memory is asked of the kernel, an arena at a time (mincore: a tenth of a
 * millisecond for 2,048 stacks); goroutines that never went deep are not even looked at unless somebody
 * hibernates, and those that do have no memory there. The maker's thread does it (machine.c), twice in
 * gor_opts.stack_idle_ns while anything runs, for a twentieth of a CPU at most, and not at all once nothing
 * has run since the last time.
 *
 * Threads     as each says.
 */
#ifndef GOR_SCHED_IDLE_STACKS_H
#define GOR_SCHED_IDLE_STACKS_H

#include <stdbool.h>
#include <stdint.h>

void gor__idle_stacks_init(int64_t idle_ns);

/* The maker: look if it is time to. When it will be next, by gor__monotonic; GOR_NEVER: once
 * gor__idle_stacks_rouse says so. */
int64_t gor__idle_stacks_look(void);

/* Sysmon: something runs. True: the maker must be told. */
bool gor__idle_stacks_rouse(void);

/* Memory behind stacks now. Any thread; outside, for it takes a while. */
uint64_t gor__idle_stacks_committed(void);

/* The same as of the last look. Any thread. */
uint64_t gor__idle_stacks_committed_lately(void);

/* Keep others from looking, and goroutines from hibernating, until let_go. Outside, before the lock of
 * world.h. */
void gor__idle_stacks_hold(void);
void gor__idle_stacks_let_go(void);

#endif
