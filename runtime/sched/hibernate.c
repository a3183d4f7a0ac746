/* SPDX-License-Identifier: MIT */
/* hibernate.c - see hibernate.h.
 *
 * Freezing by the thread that a goroutine parks on was rejected but for tests: it would have to guess
 * that the wait will be long, and pay for it while others want to run. */
#include "runtime/sched/hibernate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/env.h"
#include "runtime/gor.h"
#include "runtime/sched/claim.h"
#include "runtime/sched/cold.h"
#include "runtime/sched/freeze.h"
#include "runtime/sched/sched.h"

#define DEFAULT_AFTER_NS (10 * GOR_SECOND)
#define LONGEST_MS ((uint64_t)(GOR_NEVER / GOR_MILLISECOND))

static struct {
    bool off;       /* by $GOR_HIBERNATE */
    bool everybody; /* may, who has not said no */
    bool wanted;    /* somebody may; atomic, as is all below */
    bool tried;     /* and `error` says what came of it */
    int error;
    int64_t after_ns;
} hibernate;

bool gor__hibernate_always;

static void read_environment(void)
{
    const char *forced = gor__env("GOR_HIBERNATE");
    bool always = forced != NULL && strcmp(forced, "always") == 0;
    uint64_t ms = 0;
    bool timed = forced != NULL && gor__env_is_number(forced, 1, &ms); /* 1 is a millisecond */
    bool on = !timed && gor__env_switch(forced) == GOR__ENV_ON;
    hibernate.off = gor__env_switch(forced) == GOR__ENV_OFF;
    if (forced != NULL && !always && !timed && !on && !hibernate.off) {
        gor__env_refuse("GOR_HIBERNATE", forced, "on, off, always or a number of milliseconds");
    }
    hibernate.everybody = hibernate.everybody || always || timed || on;
    if (ms > 0) {
        ms = ms < LONGEST_MS ? ms : LONGEST_MS;
        hibernate.after_ns = (int64_t)ms * GOR_MILLISECOND;
    }
    gor__hibernate_always = always && gor__hibernate_works();
}

void gor__hibernate_init(const struct gor_opts *opts)
{
    memset(&hibernate, 0, sizeof hibernate);
    hibernate.everybody = opts->hibernate;
    hibernate.after_ns = opts->hibernate_after_ns > 0 ? opts->hibernate_after_ns : DEFAULT_AFTER_NS;
    read_environment();
    hibernate.wanted = hibernate.everybody && !hibernate.off;
}

void gor__hibernate_fini(void)
{
    gor__freeze_fini();
    gor__cold_fini();
    gor__hibernate_always = false;
    memset(&hibernate, 0, sizeof hibernate);
}

static bool is_wanted(void)
{
    return __atomic_load_n(&hibernate.wanted, __ATOMIC_ACQUIRE);
}

bool gor__hibernate_works(void)
{
    if (hibernate.off || !(is_wanted() || hibernate.everybody)) {
        return false;
    }
    if (!__atomic_load_n(&hibernate.tried, __ATOMIC_RELAXED)) {
        __atomic_store_n(&hibernate.error, gor__cold_init(), __ATOMIC_RELAXED);
        __atomic_store_n(&hibernate.tried, true, __ATOMIC_RELEASE);
    }
    return gor__hibernate_error() == 0;
}

int gor__hibernate_error(void)
{
    int error = __atomic_load_n(&hibernate.error, __ATOMIC_RELAXED);
    return error != 0 ? error : gor__freeze_error();
}

int64_t gor__hibernate_after(void)
{
    return is_wanted() ? hibernate.after_ns : GOR_NEVER;
}

bool gor__hibernate_may(const struct gor__claim *claim)
{
    const struct gor__g *g = claim->g;
    bool may = gor__g_has_flag(g, GOR__G_HIBERNATES) ||
               (hibernate.everybody && !gor__g_has_flag(g, GOR__G_STAYS_WARM));
    /* What it waits in gor_blocking for may hand its memory to the kernel; and a stack that is not its own
     * lies in no arena. */
    return may && !gor__g_has_flag(g, GOR__G_RESCUED) &&
           __atomic_load_n(&g->reason, __ATOMIC_RELAXED) != GOR_WAIT_BLOCKING &&
           gor__cold_state(claim->stack) == GOR__WARM && gor__freeze_fits(claim);
}

bool gor__hibernate_is_due(const struct gor__claim *claim, int64_t waited_ns)
{
    return waited_ns == GOR_NEVER ||
           waited_ns >> gor__cold_patience(claim->stack) >= hibernate.after_ns;
}

static void set_flags(struct gor__g *g, uint16_t set, uint16_t clear)
{
    gor__g_clear_flag(g, clear);
    (void)__atomic_fetch_or(&g->flags, set, __ATOMIC_RELEASE);
}

void gor__hibernate_choose(struct gor__g *g, bool may)
{
    if (!may) {
        set_flags(g, GOR__G_STAYS_WARM, GOR__G_HIBERNATES);
        return;
    }
    set_flags(g, GOR__G_HIBERNATES, GOR__G_STAYS_WARM);
    if (!is_wanted() && !hibernate.off) {
        __atomic_store_n(&hibernate.wanted, true, __ATOMIC_RELEASE);
        gor__maker_look();
    }
}

bool gor_hibernate(bool may)
{
    struct gor__g *g = gor__g_self();
    GOR_ASSERT(g != NULL);
    bool might = gor__g_has_flag(g, GOR__G_HIBERNATES) ||
                 (hibernate.everybody && !gor__g_has_flag(g, GOR__G_STAYS_WARM));
    gor__hibernate_choose(g, may);
    return might;
}

void gor__hibernate_parked(struct gor__m *m)
{
    struct gor__claim claim;
    struct gor__g *g = m->after_g;
    /* It may have been woken, and even ended, since. */
    if (g != NULL && gor__claim_note(&claim, g) && gor__hibernate_may(&claim) &&
        gor__claim(&claim, 1) == 1) {
        (void)gor__freeze(&claim, 1);
        gor__unclaim(&claim, 1);
    }
}
