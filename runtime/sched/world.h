/* SPDX-License-Identifier: MIT */
/* world.h - stop the world: for as long as it lasts nobody holds a P but the caller.
 *
 * Goroutines outside go on with their own code, without a P, and wait at the door. Threads without a
 * P (the poller, foreign ones, sysmon) may still append to the global queue, under its lock.
 *
 * Threads     any, one at a time: gor__world.lock is taken first, and outside the door, for whoever
 *             waits for it must not keep a P.
 */
#ifndef GOR_SCHED_WORLD_H
#define GOR_SCHED_WORLD_H

#include "runtime/sched/histogram.h"
#include "runtime/sched/sched.h"

extern struct gor__mutex gor__world_lock __attribute__((visibility("hidden")));

/* Outside. A goroutine waits by yielding, and then by short sleeps: whoever has the lock may want its P. */
void gor__world_lock_outside(void);
/* The same for any lock that is held while the world is stopped; outside, too. */
void gor__lock_outside(struct gor__mutex *mutex);

/* `self`: the calling M, which is inside and keeps its P; NULL on a foreign thread. Blocks until the
 * last is at a door or in the scheduler: some microseconds. False: the runtime stops, and those who
 * have ended hold their Ps; all there is to do is gor__world_start. */
bool gor__world_stop(struct gor__m *self);

/* Go on. Ps that were taken from threads outside go back to them, and work that came meanwhile is seen to. */
void gor__world_start(void);

/* Sleep while it stands. It may stand again by the time this returns: who must know looks once more. */
void gor__world_await(void);

/* How long it takes until the world stands, and until it goes on: each of those stops that came about. */
struct gor__world_pauses {
    struct gor__histogram stopping;
    struct gor__histogram total; /* from the same moment on */
};

extern struct gor__world_pauses gor__world_pauses __attribute__((visibility("hidden")));

void gor__world_init(void);

/* In the scheduler, with a P: stay here while the world stands. */
void gor__world_pause(struct gor__m *m);

#endif
