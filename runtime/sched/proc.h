/* SPDX-License-Identifier: MIT */
/* proc.h - P: the right to run goroutines, and what goes with it without locks.
 *
 * A thread (M) runs goroutines only while it holds a P; there are GOMAXPROCS of them in use.
 *
 * Threads     everything but the atomics named so is touched by the holder only.
 */
#ifndef GOR_SCHED_PROC_H
#define GOR_SCHED_PROC_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/gor.h"
#include "runtime/sched/fresh.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/runq.h"
#include "runtime/sched/stacks.h"
#include "runtime/sched/timer.h"
#include "runtime/sched/trace_ring.h"

struct gor__g;
struct gor__m;

enum { GOR__PROCS_MAX = 1024 };

/* Whether thieves may have runq.next. Sysmon opens the offer, once that has waited for a whole tick of its;
 * the thief who takes it up has the place to himself until he closes it. */
enum gor__offer { GOR__OFFER_NONE, GOR__OFFER_OPEN, GOR__OFFER_TAKEN_UP };

struct gor__p {
    /* The scheduler's hot path. */
    uint64_t switches;    /* goroutines resumed; read by anybody */
    uint32_t next_streak; /* times in a row that runq.next was taken, since it was last looked at */
    uint64_t streak_began; /* cpu ticks, when they were first looked at; 0: not yet */
    bool attention;   /* atomic: the scheduler must look (world stop, stop, who waits for a P) */
    bool trim_stacks; /* atomic: and see gor__stacks_trim */
    uint8_t offer;    /* atomic: of runq.next to thieves; enum gor__offer */
    struct gor__runq runq;   /* woken and yielding goroutines, first come first served */
    struct gor__fresh fresh; /* goroutines that have not run yet, newest first */
    int64_t oldest_taken;    /* when the oldest fresh one last had a turn; coarse clock */
    struct gor__timers timers;
    uint64_t timers_checked; /* cpu ticks */
    uint64_t polled;         /* cpu ticks of the last look at the network poller */

    struct gor__free_list free;
    struct gor__stack_list stacks[GOR__STACK_CLASSES];
    gor_id_t next_id; /* ids of our own: next_id up to end_id */
    gor_id_t end_id;
    uint64_t places; /* goroutines it may start without asking (ceiling.h); read by anybody */

    struct gor__trace_ring trace; /* see trace.h */

    /* Counters, written by the holder, read by anybody. */
    uint64_t created;
    uint64_t ended;
    uint64_t steals;
    uint64_t lock_wait_ns; /* see sync/lock_time.h */

    unsigned index;
    bool in_use;               /* below proc_count, or not yet retired; under gor__sched.lock */
    bool idle;                 /* on the idle list; likewise */
    struct gor__p *next_idle;  /* list link, likewise */
    struct gor__m *holder;     /* NULL: none; likewise */
    struct gor__m *taken_from; /* by a stop of the world; likewise */
    int64_t hog_had_it;        /* when a hog last got it or lost it; coarse clock, likewise */
    bool queues_turn;       /* its queues come before threads that wait; likewise, or the holder */
    uint32_t turns;         /* its queues have had in between; likewise */
    bool look_fairly;       /* this one is for what they have kept waiting; the holder */
    bool pausing;           /* the holder is in gor__world_pause; likewise */
    uint64_t seen_switches; /* sysmon's, as is the rest */
    int64_t stuck_since;    /* when seen_switches was first seen */
    bool sampled;           /* the holder's cpu_seen is of this spell */
} __attribute__((aligned(128)));

#endif
