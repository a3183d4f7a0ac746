/* SPDX-License-Identifier: MIT */
/* asleep.h - when nothing runs any more, and perhaps nothing ever will.
 *
 * Whoever puts the last P on the idle list has the maker look a little later (machine.c), off every hot
 * path and only if nobody waits for a descriptor. If nothing has run by then, what the maker finds out
 * further is debug/deadlock.c's business, which is called as a function since it lies above.
 *
 * Threads     watch while nothing runs; notice under gor__sched.lock; turn by the maker; the rest
 *             anywhere outside, but for what says otherwise.
 */
#ifndef GOR_SCHED_ASLEEP_H
#define GOR_SCHED_ASLEEP_H

#include <stdbool.h>
#include <stdint.h>

/* Have `look` called, by the maker and outside, whenever nothing could run for some milliseconds; it
 * answers in how many nanoseconds it wants to look again if nothing runs until then, or GOR_NEVER.
 * NULL: nobody looks. */
void gor__asleep_watch(int64_t (*look)(void));

/* All Ps are idle. */
void gor__asleep_notice(void);

/* What kept the stillness from being one is over, and nothing has run for that: a pause of nobody. Inside, or
 * on a thread that is not the runtime's; without the lock. */
void gor__asleep_notice_again(void);

/* What the maker does about it, when it was told (`noticed`) or the time has come that was answered
 * last. */
int64_t gor__asleep_turn(bool noticed);

/* Whether no P has anything to do, nobody wants one, no timer is set and nobody waits for a descriptor.
 * Perhaps: somebody has the world stand just now. *out_progress, if it is the same at two times, tells that
 * nothing has run in between. */
enum gor__asleep { GOR__AWAKE, GOR__ASLEEP, GOR__ASLEEP_PERHAPS };
enum gor__asleep gor__asleep_look(uint64_t *out_progress);

/* Nothing can ever run again: tell the handler of gor_on_deadlock, or print that and a dump, and end
 * the process. `note` follows the message. Outside. */
void gor__deadlock_report(const char *note);
bool gor__deadlock_has_handler(void);

#endif
