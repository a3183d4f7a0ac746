/* SPDX-License-Identifier: MIT */
/* leak_scan.c - see leak_scan.h.
 *
 * Where threads cannot be frozen, only those can be vouched for whose registers hold nothing of the
 * program's: the runtime's that are not in a goroutine. If there are others the scan is not complete,
 * and nobody is said to have leaked.
 */
#include "runtime/debug/leak_scan.h"

#include <errno.h>

#include "runtime/debug/blocks.h"
#include "runtime/debug/leak_mark.h"
#include "runtime/debug/peek.h"
#include "runtime/debug/raw.h"
#include "runtime/debug/threads.h"
#include "runtime/io/workers.h"
#include "runtime/sched/door.h"
#include "runtime/sched/idle_stacks.h"
#include "runtime/sched/netpoll.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/world.h"

static bool only_we_run(const struct gor__m *self)
{
    bool alone = true;
    gor__mutex_lock(&gor__sched.lock);
    for (const struct gor__m *m = gor__sched.machines; m != NULL; m = m->next) {
        alone = alone && (m->g == NULL || m == self);
    }
    gor__mutex_unlock(&gor__sched.lock);
    return alone && gor__workers_are_idle() && gor__threads_are_ours();
}

static void withdraw(struct gor__leak_scan *scan)
{
    for (size_t i = 0; i < scan->count; i++) {
        scan->list[i].leaked = false;
    }
    scan->leaked = 0;
}

static int scan_stopped(struct gor__leak_scan *scan, const struct gor__m *self, uintptr_t stack,
                        uintptr_t stack_end)
{
    struct gor__leak_mark mark;
    int error = gor__leak_mark_open(&mark, scan, self, only_we_run);
    if (error < 0) {
        return error;
    }
    mark.sp = stack;
    mark.stack_end = stack_end;
    error = gor__leak_mark(&mark);
    if (!scan->complete) {
        withdraw(scan);
    }
    gor__leak_mark_close(&mark);
    return error;
}

/* Who looks is a thread of its own, and no goroutine: only then nobody else says where its stack ends. */
static uintptr_t end_of_stack(uintptr_t stack)
{
    const struct gor__m *m = gor__m_self();
    return m == NULL || m->g == NULL ? gor__thread_stack_end(stack) : 0;
}

static int scan_locked(struct gor__leak_scan *scan, uintptr_t stack, uintptr_t stack_end)
{
    struct gor__m *m = gor__enter_any();
    int error = gor__world_stop(m) ? scan_stopped(scan, m, stack, stack_end) : -ESRCH;
    gor__world_start();
    gor__netpoll_break();
    gor__leave_any(m);
    return error;
}

int gor__leak_scan(struct gor__leak_scan *scan, uintptr_t stack)
{
    *scan = (struct gor__leak_scan){.list = NULL};
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        return -ESRCH;
    }
    gor__blocks_learn();
    uintptr_t stack_end = end_of_stack(stack);
    /* Nobody is about to hibernate meanwhile. */
    gor__idle_stacks_hold();
    gor__world_lock_outside();
    int error = -ENOSYS;
    if (gor__peek_open()) {
        error = scan_locked(scan, stack, stack_end);
        gor__peek_close();
    }
    gor__mutex_unlock(&gor__world_lock);
    gor__idle_stacks_let_go();
    if (error < 0) {
        gor__leak_scan_close(scan);
    }
    return error;
}

void gor__leak_scan_close(struct gor__leak_scan *scan)
{
    gor__raw_unmap(scan->list, scan->room * sizeof *scan->list);
    *scan = (struct gor__leak_scan){.list = NULL};
}
