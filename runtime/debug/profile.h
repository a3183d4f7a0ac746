/* SPDX-License-Identifier: MIT */
/* profile.h - what gor_profile_write knows of each kind of profile: how its samples are had.
 *
 * Threads     any, outside the door. 0, or a negative errno; *head, but for what it is counted in, and
 *             *samples are the caller's, ready when zeroed.
 */
#ifndef GOR_DEBUG_PROFILE_H
#define GOR_DEBUG_PROFILE_H

#include "runtime/debug/pprof.h"
#include "runtime/sched/contention.h"

int gor__profile_goroutines(struct gor__pprof *head, struct gor__samples *samples);
int gor__profile_contention(struct gor__pprof *head, struct gor__samples *samples,
                            enum gor__contention kind);
int gor__profile_cpu(struct gor__pprof *head, struct gor__samples *samples);

/* Now, since 1970. */
int64_t gor__wall_clock(void);

#endif
