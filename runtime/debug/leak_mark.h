/* SPDX-License-Identifier: MIT */
/* leak_mark.h - the part of a scan for leaks that is done while nobody else runs. No lock may be taken
 * in it, and no sanitizer's code run: a frozen thread may have that lock, or be in the middle of that.
 *
 * Threads     one, in three steps.
 */
#ifndef GOR_DEBUG_LEAK_MARK_H
#define GOR_DEBUG_LEAK_MARK_H

#include "runtime/debug/halt.h"
#include "runtime/debug/leak_scan.h"
#include "runtime/debug/reach.h"
#include "runtime/debug/regions.h"

struct gor__m;
struct gor__hole;

struct gor__leak_mark {
    struct gor__leak_scan *scan;
    const struct gor__m *self; /* the caller's M, or NULL */
    /* Where nobody can be frozen: whether there are no registers but the caller's that may hold
     * something. */
    bool (*is_alone)(const struct gor__m *self);
    struct gor__reach reach;
    struct gor__regions regions;
    struct gor__halt halt;
    bool frozen;
    uintptr_t sp;        /* of the caller; what lies above may be read */
    uintptr_t stack_end; /* of the caller, a thread of its own: what is below sp; 0: not known */
    struct gor__hole *holes; /* owned */
    size_t hole_count;
};

/* With the world stopped: what is needed later. 0 or -ENOMEM. */
int gor__leak_mark_open(struct gor__leak_mark *mark, struct gor__leak_scan *scan,
                        const struct gor__m *self, bool (*is_alone)(const struct gor__m *self));
void gor__leak_mark_close(struct gor__leak_mark *mark);

/* Freeze, mark, thaw, and put the findings into the scan. */
int gor__leak_mark(struct gor__leak_mark *mark);

#endif
