/* SPDX-License-Identifier: MIT */
/* seeded.h - the seeded mode: a program takes the same course every time it is run with the same seed.
 *
 * One P, one M; no sysmon, no preemption by time. All runnable goroutines stand in one pool, and who
 * is next is drawn from it by the M's generator, which is also the one that selects draw from. At
 * every door (door.h) the running goroutine may have to let another go first, by the same generator.
 *
 * With virtual time the clock stands still while anything can run; once everything waits it jumps to
 * the next timer.
 *
 * How it gets in without being asked for on the hot paths: `taken` of the M is set all the time, so
 * that every door leads to gor__door_wait, and `attention` of the P, so that every switch goes over
 * the scheduler's stack and gor__find_runnable.
 *
 * Threads     init and fini while nothing runs; next and point on the M; the questions anywhere.
 */
#ifndef GOR_SCHED_SEEDED_H
#define GOR_SCHED_SEEDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/assert.h"
#include "runtime/gor.h"

struct gor__g;
struct gor__m;

struct gor__seeded {
    bool on;
    bool
        virtual_time; /* atomic: gor_now() looks at it anywhere; the time is gor__sched.coarse_now */
    uint64_t seed;
    uint64_t draws;
    const uint32_t
        *root_done;           /* of gor_run: 1 when the root goroutine has ended; NULL: gor_start */
    bool root_has_begun;      /* atomic; before that it may be counted, and not be queued yet */
    struct gor__g **runnable; /* owned */
    size_t count;             /* atomic for readers */
    size_t capacity;
};

extern struct gor__seeded gor__seeded __attribute__((visibility("hidden")));

static inline bool gor__seeded_on(void)
{
    return GOR_UNLIKELY(gor__seeded.on);
}

static inline bool gor__time_is_virtual(void)
{
    return GOR_UNLIKELY(__atomic_load_n(&gor__seeded.virtual_time, __ATOMIC_RELAXED));
}

/* How many stand in the pool. */
static inline size_t gor__seeded_count(void)
{
    return __atomic_load_n(&gor__seeded.count, __ATOMIC_RELAXED);
}

/* As the options say, or else the environment. */
void gor__seeded_init(const struct gor_opts *opts);
void gor__seeded_fini(void);

/* The goroutine drawn to run next; NULL: there is none, and the M may sleep until something comes
 * from outside. Nothing that could come: the process ends with a report. */
struct gor__g *gor__seeded_next(struct gor__m *m);

/* At a door, inside: let another go first, or not. */
void gor__seeded_point(struct gor__m *m);

#endif
