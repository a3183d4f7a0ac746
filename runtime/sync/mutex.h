/* SPDX-License-Identifier: MIT */
/* mutex.h - gor_mutex for whoever is inside (sched/door.h). */
#ifndef GOR_SYNC_MUTEX_H
#define GOR_SYNC_MUTEX_H

#include "runtime/gor.h"
#include "runtime/sched/limit.h"

/* 0, or the error of the limit. */
int gor__mutex_acquire(struct gor_mutex *m, const struct gor__limit *limit);
void gor__mutex_release(struct gor_mutex *m);

#endif
