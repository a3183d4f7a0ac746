/* SPDX-License-Identifier: MIT */
/* quota.h - a ceiling for some goroutines of their own: see "quotas" in gor.h.
 *
 * The end of the runtime is the end of all goroutines that count in one, though none comes to its own end:
 * so all quotas are on a list, by which they are told.
 *
 * Threads     any; counted under the lock of the line.
 * Ownership   references: those of the user's, and one while anybody counts in it. Who calls with a quota
 *             has a reference, or counts in it.
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
    uint64_t live;           /* goroutines that count in it, or have a place there */
    uint32_t refs;           /* atomic */
    struct gor_quota *above; /* owned reference: who has a place here has one there; NULL: none */
    struct gor_quota *next;  /* list links, of all quotas */
    struct gor_quota *prev;
    struct gor__trash trash;
    bool paused;          /* under the lock, and atomic */
    struct gor__g *aside; /* list by next: those that would run, see pause.h */
    struct gor__g *aside_last;
    uint32_t aside_count;
};

/* A place, here and in all above. Errors as gor__ceiling_take. */
int gor__quota_enter(struct gor_quota *quota, const struct gor__patience *patience);

/* It has ended, or did not start; inside. */
void gor__quota_leave(struct gor_quota *quota);

/* The runtime stops: see gor__line_stop. */
void gor__quotas_stop(void);

/* It has stopped, and nobody counts in any quota. */
void gor__quotas_forget(void);

#endif
