/* SPDX-License-Identifier: MIT */
/* trace_stage.h - the tracks of a trace, which are named when something first happens on them: one for
 * each P, each thread, each goroutine that marks regions, and some for all; and what each thread does.
 *
 * Threads     one at a time, outside the door: it calls malloc.
 * Ownership   the struct is the caller's, from gor__stage_open to gor__stage_close.
 */
#ifndef GOR_DEBUG_TRACE_STAGE_H
#define GOR_DEBUG_TRACE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/debug/perfetto.h"
#include "runtime/debug/trace_cast.h"
#include "runtime/sched/proc.h"

/* Those that are there once. The order is that in which they are shown. */
enum gor__track {
    GOR__TRACK_PROCESS,
    GOR__TRACK_WORLD,      /* stops of the world */
    GOR__TRACK_GOROUTINES, /* counters */
    GOR__TRACK_RUNNABLE,
    GOR__TRACK_TIMERS,
    GOR__TRACK_PROCS,
    GOR__TRACK_ELSEWHERE, /* what happens without a P */
    GOR__TRACK_COUNT
};

/* What a thread does; nothing we know of when it is none of these. */
enum gor__thread_does {
    GOR__THREAD_NOTHING,
    GOR__THREAD_HOLDS, /* a P */
    GOR__THREAD_SLEEPS,
    GOR__THREAD_POLLS,
    GOR__THREAD_BLOCKS, /* in foreign code, and has lost its P */
    GOR__THREAD_WAITS,  /* for a P, at the door */
    GOR__THREAD_HOG,    /* stopped */
};

struct gor__stage_thread {
    enum gor__thread_does does;
    uint32_t proc; /* that it holds */
    uint64_t g;    /* that it has with it */
    int tid;       /* 0: unknown */
    bool named;    /* its track has been */
    bool shown;    /* what it does is an open slice */
};

struct gor__stage {
    struct gor__perfetto *to; /* borrowed */
    int pid;
    bool silent; /* the events so far only tell how things stand */
    bool named[GOR__TRACK_COUNT];
    bool proc_named[GOR__PROCS_MAX];
    struct gor__stage_thread *threads; /* owned; by number */
    size_t thread_count;
    bool failed; /* out of memory, once */
};

void gor__stage_open(struct gor__stage *stage, struct gor__perfetto *to);
void gor__stage_close(struct gor__stage *stage);

/* Their uuids, named from now on. */
uint64_t gor__stage_track(struct gor__stage *stage, enum gor__track track);
uint64_t gor__stage_proc(struct gor__stage *stage, uint32_t proc);
uint64_t gor__stage_goroutine(struct gor__stage *stage, struct gor__actor *actor);

/* Write an event, unless the stage is silent. */
void gor__stage_event(struct gor__stage *stage, const struct gor__perfetto_event *event);
void gor__stage_count(struct gor__stage *stage, int64_t ns, enum gor__track track, uint64_t value);

/* Thread `m` is the kernel's `tid`; 0: unknown yet. */
void gor__stage_name_thread(struct gor__stage *stage, uint64_t m, uint64_t tid);

/* Thread `m` does this from now on. */
void gor__stage_thread(struct gor__stage *stage, int64_t ns, uint64_t m,
                       const struct gor__stage_thread *now);

/* What it does; and whether it holds that P. */
enum gor__thread_does gor__stage_does(const struct gor__stage *stage, uint64_t m);
bool gor__stage_holds(const struct gor__stage *stage, uint64_t m, uint32_t proc);

/* Show what all threads do, from now on; or show nothing more. */
void gor__stage_show_threads(struct gor__stage *stage, int64_t ns);
void gor__stage_end_threads(struct gor__stage *stage, int64_t ns);

#endif
