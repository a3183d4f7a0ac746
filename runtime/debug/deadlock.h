/* SPDX-License-Identifier: MIT */
/* deadlock.h - find out whether goroutines that are all asleep could ever be woken. */
#ifndef GOR_DEBUG_DEADLOCK_H
#define GOR_DEBUG_DEADLOCK_H

/* Before the runtime starts, and after it has stopped: as $GOR_DEADLOCK says. */
void gor__deadlock_init(void);
void gor__deadlock_fini(void);

#endif
