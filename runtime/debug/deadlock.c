/* SPDX-License-Identifier: MIT */
/* deadlock.c - see deadlock.h.
 *
 * Nobody runs, no timer is set, nobody waits for a descriptor. What may still come comes from a thread:
 * one of gor_blocking that is at work, or one of the host's. Without such threads it is a deadlock. With
 * them it is one if none of them can get at what the goroutines wait on, which the leak finder knows;
 * as that makes them stand still for a moment, they are given a second first.
 *
 * Threads     the maker.
 */
#include "runtime/debug/deadlock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/env.h"
#include "runtime/debug/leak.h"
#include "runtime/debug/leak_scan.h"
#include "runtime/debug/threads.h"
#include "runtime/debug/waits.h"
#include "runtime/gor.h"
#include "runtime/io/workers.h"
#include "runtime/sched/asleep.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/seeded.h"
#include "runtime/sched/world.h"

#define FIRST_NS GOR_SECOND
#define SOON_NS (5 * GOR_MILLISECOND)
#define SECOND_NS (30 * GOR_SECOND)

enum { SCANS_MAX = 2 };

/* Of a sleep, which ends when anything runs. */
static struct {
    uint64_t progress;
    unsigned looks;
    bool certain; /* that it will not end */
} sleep;

static void ignore(void *unused, uintptr_t address)
{
    (void)unused;
    (void)address;
}

/* -EBUSY: nobody can tell now. */
static int can_be_woken(void *unused, struct gor__g *g)
{
    enum gor_state state = gor__g_state(g);
    (void)unused;
    if (state == GOR_TERMINATED || state == GOR_CREATED) {
        return false;
    }
    enum gor__wakeable wakeable = gor__waits_of(g, ignore, NULL);
    return wakeable == GOR__WAKEABLE_UNSEEN ? -EBUSY : wakeable == GOR__WAKEABLE_ANYWAY;
}

/* Whether there is one. The world stands meanwhile, for a thread of the host may make a goroutine runnable,
 * and what it waits for lies on its stack. -EBUSY: nobody can tell now, or somebody else has it stand. */
static int somebody_can_be_woken(void)
{
    if (!gor__mutex_try_lock(&gor__world_lock)) {
        return -EBUSY;
    }
    int can = gor__world_stop(NULL) ? gor__pool_each(can_be_woken, NULL) : true;
    gor__world_start();
    gor__mutex_unlock(&gor__world_lock);
    return can;
}

/* Whether somebody waits for us to say it. */
static bool is_asked_for(void)
{
    const uint32_t *done = __atomic_load_n(&gor__seeded.root_done, __ATOMIC_ACQUIRE);
    bool root_lives = done != NULL && __atomic_load_n(done, __ATOMIC_ACQUIRE) == 0;
    return root_lives || gor__deadlock_has_handler();
}

/* A thread of the host's that has started goroutines may start more, and nothing in memory leads to those.
 * The first one is gor_run's. Who has a handler decides for himself. */
static bool host_starts_goroutines(void)
{
    return !gor__deadlock_has_handler() &&
           __atomic_load_n(&gor__sched.foreign_created, __ATOMIC_RELAXED) > 1;
}

/* Somebody waits for ever on purpose: beside threads of the host that is no sign of a fault. */
static bool somebody_is_excused(const struct gor__leak_scan *scan)
{
    struct gor_info info;
    bool excused = false;
    for (size_t i = 0; i < scan->count && !excused; i++) {
        excused = gor_lookup(scan->list[i].id, &info) == 0 && gor__leak_is_ignored(&info);
    }
    return excused;
}

static bool nobody_can_be_reached(void)
{
    struct gor__leak_scan scan;
    if (host_starts_goroutines() || gor__leak_scan(&scan, GOR__LEAK_STACK()) < 0) {
        return false;
    }
    bool none = scan.complete && scan.others == 0 && scan.count > 0 && scan.leaked == scan.count &&
                !somebody_is_excused(&scan);
    gor__leak_scan_close(&scan);
    return none;
}

/* When to look again, or GOR_NEVER. */
static int64_t judge(void)
{
    static const int64_t pauses[SCANS_MAX + 1] = {FIRST_NS, SECOND_NS, GOR_NEVER};
    unsigned looks = sleep.looks++;
    sleep.certain = (gor__workers_are_idle() && gor__threads_are_ours()) ||
                    (looks > 0 && looks <= SCANS_MAX && nobody_can_be_reached());
    return looks <= SCANS_MAX ? pauses[looks] : GOR_NEVER;
}

static int64_t look(void)
{
    uint64_t before = 0;
    uint64_t after = 0;
    int64_t again = SOON_NS;
    if (!is_asked_for() || gor_num_goroutine() == 0) {
        return GOR_NEVER;
    }
    enum gor__asleep found = gor__asleep_look(&before);
    if (found != GOR__ASLEEP) {
        return found == GOR__ASLEEP_PERHAPS ? SOON_NS : GOR_NEVER;
    }
    if (before != sleep.progress) {
        sleep.progress = before;
        sleep.looks = 0;
        sleep.certain = false;
    }
    int can = somebody_can_be_woken();
    if (can != 0) {
        return can < 0 ? SOON_NS : GOR_NEVER;
    }
    if (!sleep.certain) {
        again = judge();
    }
    /* The look itself has woken Ms, which may not have found out yet that there is nothing to do. */
    if (sleep.certain && gor__asleep_look(&after) == GOR__ASLEEP && before == after &&
        is_asked_for()) {
        gor__deadlock_report("");
        return GOR_NEVER;
    }
    return sleep.certain ? SOON_NS : again;
}

void gor__deadlock_init(void)
{
    const char *wish = gor__env("GOR_DEADLOCK");
    bool off = gor__env_switch(wish) == GOR__ENV_OFF;
    if (wish != NULL && gor__env_switch(wish) == GOR__ENV_ELSE) {
        gor__env_refuse("GOR_DEADLOCK", wish, "on or off");
    }
    memset(&sleep, 0, sizeof sleep);
    gor__asleep_watch(off || gor__seeded_on() ? NULL : look);
}

void gor__deadlock_fini(void)
{
    gor__asleep_watch(NULL);
}
