/* SPDX-License-Identifier: MIT */
/* quota.h - a ceiling for some goroutines of their own: see "quotas" in gor.h.
 *
 * Threads     any; counted under the lock of the line.
 * Ownership   references: one for each goroutine that counts in it, one for each of the user's.
 */
#ifndef GOR_SCHED_QUOTA_H
#define GOR_SCHED_QUOTA_H

#include <stdint.h>

#include "runtime/gor.h"
#include "runtime/sched/ceiling.h"
#include "runtime/sched/line.h"
#include "runtime/sched/sched.h"

struct gor_quota {
    struct gor__line line;
    uint64_t most;
    uint64_t live; /* goroutines that count in it, or have a place there */
    uint32_t refs; /* atomic */
    struct gor__trash trash;
};

/* A place, with a reference. Errors as gor__ceiling_take. */
int gor__quota_enter(struct gor_quota *quota, const struct gor__patience *patience);

/* It has ended, or did not start; inside. */
void gor__quota_leave(struct gor_quota *quota);

#endif
