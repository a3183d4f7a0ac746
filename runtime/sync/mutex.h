/* SPDX-License-Identifier: MIT */
/* mutex.h - gor_mutex for whoever is inside (sched/door.h). */
#ifndef GOR_SYNC_MUTEX_H
#define GOR_SYNC_MUTEX_H

#include "runtime/gor.h"

void gor__mutex_acquire(struct gor_mutex *m);
void gor__mutex_release(struct gor_mutex *m);

#endif
