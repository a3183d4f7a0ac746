/* SPDX-License-Identifier: MIT */
/* freeze.h - put the stacks of goroutines that wait away; see cold.h for what that means, and for how they
 * come back.
 *
 *     take a cell        as large as what is live (cells.h)
 *     lock               nobody writes any more (evict.h); who tries waits
 *     copy
 *     drop               nobody reads any more, and the memory is the kernel's
 *     note               whoever resumes it brings it back
 *
 * A stack that somebody has pinned for the kernel is left alone. After an error all is as it was.
 *
 * Threads     any that holds the claims.
 */
#ifndef GOR_SCHED_FREEZE_H
#define GOR_SCHED_FREEZE_H

#include <stdbool.h>
#include <stdint.h>

struct gor__claim;

/* Whether freezing the stack would save anything; to be asked before it is claimed, too. */
bool gor__freeze_fits(const struct gor__claim *claim);

/* Freeze the stacks of those who are claimed; how many were. Those that cannot be are left as they are.
 * Neighbours that follow each other in the list cost a fraction of what others do. */
uint32_t gor__freeze(const struct gor__claim *claims, uint32_t count);

/* Why the kernel has refused to have more of it; 0: it has not. */
int gor__freeze_error(void);

/* When nothing runs. */
void gor__freeze_fini(void);

#endif
