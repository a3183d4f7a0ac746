/* SPDX-License-Identifier: MIT */
/* grown.h - how far stacks have grown beyond their first page, all together: found out by asking the
 * kernel, arena by arena, and only while it can matter.
 *
 * A stack grows by page faults, of which nobody tells us. Asking for each is slow (64 KiB of answers for
 * an arena), so nothing is asked while all stacks, grown to the last page, would fit under the ceiling,
 * or while the whole process has never had as much memory as half of it.
 *
 * In the seeded mode, which has no sysmon, only gor_stacks_release looks.
 *
 * Threads     gor__grown_look by sysmon.
 */
#ifndef GOR_SCHED_GROWN_H
#define GOR_SCHED_GROWN_H

#include <stdint.h>

#include "runtime/sched/stacks.h"

/* The memory behind the stacks of an arena; see gor__stacks_ask. */
struct gor__grown_memory {
    uint64_t bytes;
    uint64_t grown_bytes; /* of it, beyond a page for each stack */
};
struct gor__grown_memory gor__grown_ask(const struct gor__stacks_span *span);

/* Look at the next arena, if it is time to; `ceiling_bytes` is what all stacks may have. */
void gor__grown_look(int64_t now, uint64_t ceiling_bytes);

/* Bytes behind stacks beyond a page for each, as of the last look. */
uint64_t gor__grown_bytes(void);

/* Look at all arenas now. Any thread, outside. */
void gor__grown_look_at_all(void);

/* No thread looks any more. */
void gor__grown_fini(void);

#endif
