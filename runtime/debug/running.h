/* SPDX-License-Identifier: MIT */
/* running.h - the stacks of goroutines that are on a thread just now: computing, blocked in a system
 * call, stopped for having computed too long, waiting at the door.
 *
 * A thread that computes is asked by a signal that comes only while it does (sched/capture.h); where
 * a blocked one stands the kernel tells (/proc/self/task/TID/syscall), so nothing is sent to it.
 *
 * Threads     any, outside the door.
 */
#ifndef GOR_DEBUG_RUNNING_H
#define GOR_DEBUG_RUNNING_H

#include "runtime/debug/bump.h"
#include "runtime/gor.h"

enum { GOR__RUNNING_FRAMES = sizeof(((struct gor_info *)0)->frames) / sizeof(void *) };

struct gor__running {
    gor_id_t id;
    bool in_call; /* blocked in a system call */
    unsigned frame_count;
    const void *frames[GOR__RUNNING_FRAMES];
    enum gor_frames_end frames_end;
};

struct gor__running_list {
    struct gor__running *list;
    size_t count;
};

/* Look at all of them. `may_wait`: else no lock is waited for, and nobody is asked, for the others may
 * have been halted by a debugger. Out of memory, some are missing. Memory comes from `bump`. */
void gor__running_look(struct gor__bump *bump, bool may_wait, struct gor__running_list *out_list);

/* NULL: it was on no thread, or nothing could be found out. */
const struct gor__running *gor__running_find(const struct gor__running_list *list, gor_id_t id);

/* Give `info` its frames from there, if it has none of its own and was on a thread: whether it was blocked in
 * a system call. */
bool gor__running_fill(const struct gor__running_list *list, struct gor_info *info);

#endif
