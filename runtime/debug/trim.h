/* SPDX-License-Identifier: MIT */
/* trim.h - stacks of those who wait, without what is below the public function they wait in: it says
 * nothing that the function does not, and is not the same for all who wait in the same place.
 *
 * Threads     any, outside the door: it calls malloc, and reads files for the names.
 */
#ifndef GOR_DEBUG_TRIM_H
#define GOR_DEBUG_TRIM_H

#include "runtime/debug/samples.h"

/* What is done in the public function: wait for the reason, or give up what others wait for. */
enum gor__trim { GOR__TRIM_WAITERS, GOR__TRIM_UNLOCKERS, GOR__TRIM_KINDS };

/* Where the public function begins that somebody who does that stands in, as far as the reason tells;
 * 0: one of several. */
uintptr_t gor__trim_public(enum gor__trim kind, enum gor_wait_reason reason);

/* Add the samples of `from`, trimmed, to `samples`; false when there is no memory. */
bool gor__samples_trim(struct gor__samples *samples, const struct gor__samples *from,
                       enum gor__trim kind);

#endif
