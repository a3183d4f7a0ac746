/* SPDX-License-Identifier: MIT */
/* latency.h - how long goroutines are runnable before they run: a sample, weighted to stand for all.
 *
 * A look at the clock costs as much as a switch, so few are timed: about every two milliseconds the
 * scheduler, on its way through find.c, *arms* the sampler, by GOR__OBSERVE_LATENCY. While that is on,
 * whoever makes a goroutine runnable comes here; a number drawn by lot are let pass, as many as there
 * were since the last sample, at most 64, so that no pattern of the program's keeps step with us; the
 * next is stamped with the time, and nobody comes here any more. A program that switches seldom has
 * one in a dozen timed so. A stamped goroutine carries GOR__G_STAMPED, which gor__claim_pass looks for
 * in the same word as for claims: whoever resumes it counts what it waited, and counts it for all
 * switches there were since the one that was counted before. Without these weights busy times, of
 * which fewer are timed, would hardly be seen beside quiet ones.
 *
 * So the total is the number of switches, nearly, and costs those who are not timed nothing but a
 * branch on a word that is asked for anyway. Threads that wait for a P (handoff.h) are few and slow:
 * each of them is timed.
 *
 * Nothing is timed in the seeded mode, whose clock may be ours.
 *
 * Threads     any that is inside or in the scheduler.
 */
#ifndef GOR_SCHED_LATENCY_H
#define GOR_SCHED_LATENCY_H

#include <stdint.h>

#include "runtime/gor.h"
#include "runtime/sched/observe.h"
#include "runtime/sched/sched.h"

struct gor__latency {
    int64_t next_at;   /* when to arm again; coarse clock; atomic */
    uint32_t to_pass;  /* that become runnable before the one that is timed; atomic */
    uint64_t answered; /* switches that those counted stand for; atomic */
};

extern struct gor__latency gor__latency __attribute__((visibility("hidden")));

void gor__latency_init(void);

/* Arm the sampler, now that it is time. */
void gor__latency_arm(int64_t now);

/* By a thread that looks for work. */
static inline void gor__latency_look(void)
{
    int64_t now = gor__coarse_now();
    if (GOR_UNLIKELY(now >= __atomic_load_n(&gor__latency.next_at, __ATOMIC_RELAXED))) {
        gor__latency_arm(now);
    }
}

/* `g` is about to be put on a queue, while the sampler is armed: stamp it, if it is its turn. */
void gor__latency_runnable(struct gor__g *g);

/* A stamped goroutine runs. */
void gor__latency_runs(struct gor__g *g);

/* One has waited so long, on its thread, for a P. */
void gor__latency_waited(int64_t ns);

#endif
