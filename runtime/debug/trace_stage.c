/* SPDX-License-Identifier: MIT */
/* trace_stage.c - see trace_stage.h. */
#include "runtime/debug/trace_stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS_MAX = 1 << 20 };

/* uuids: small numbers for those that are there once, and a number above for each kind. */
static const uint64_t proc_uuids = UINT64_C(1) << 32;
static const uint64_t thread_uuids = UINT64_C(2) << 32;
static const uint64_t goroutine_uuids = UINT64_C(1) << 60;
enum { FIRST_UUID = 1, RANK_OF_PROCS = 1000, RANK_OF_GOROUTINES = 100000 };

static const char *const counter_names[GOR__TRACK_COUNT] = {
    [GOR__TRACK_GOROUTINES] = "goroutines",
    [GOR__TRACK_RUNNABLE] = "runnable goroutines",
    [GOR__TRACK_TIMERS] = "timers",
    [GOR__TRACK_PROCS] = "GOMAXPROCS",
};

static const char *const track_names[GOR__TRACK_COUNT] = {
    [GOR__TRACK_WORLD] = "world",
    [GOR__TRACK_ELSEWHERE] = "without a P",
};

void gor__stage_open(struct gor__stage *stage, struct gor__perfetto *to)
{
    memset(stage, 0, sizeof *stage);
    stage->to = to;
    stage->pid = (int)getpid();
}

void gor__stage_close(struct gor__stage *stage)
{
    free(stage->threads);
    stage->threads = NULL;
    stage->thread_count = 0;
}

/* ---- tracks */

uint64_t gor__stage_track(struct gor__stage *stage, enum gor__track track)
{
    uint64_t uuid = FIRST_UUID + (uint64_t)track;
    if (stage->named[track] || stage->silent) {
        return uuid;
    }
    stage->named[track] = true;
    if (track == GOR__TRACK_PROCESS) {
        gor__perfetto_process(stage->to, uuid, stage->pid, program_invocation_short_name);
        return uuid;
    }
    uint64_t parent = gor__stage_track(stage, GOR__TRACK_PROCESS);
    if (counter_names[track] != NULL) {
        gor__perfetto_counter(stage->to, uuid, parent, (int)track, counter_names[track]);
    } else {
        gor__perfetto_track(stage->to, uuid, parent, (int)track, track_names[track]);
    }
    return uuid;
}

uint64_t gor__stage_proc(struct gor__stage *stage, uint32_t proc)
{
    if (!stage->proc_named[proc] && !stage->silent) {
        char name[16];
        uint64_t parent = gor__stage_track(stage, GOR__TRACK_PROCESS);
        (void)snprintf(name, sizeof name, "P %u", proc);
        stage->proc_named[proc] = true;
        gor__perfetto_track(stage->to, proc_uuids + proc, parent, RANK_OF_PROCS + (int)proc, name);
    }
    return proc_uuids + proc;
}

uint64_t gor__stage_goroutine(struct gor__stage *stage, struct gor__actor *actor)
{
    if (!actor->has_track && !stage->silent) {
        uint64_t parent = gor__stage_track(stage, GOR__TRACK_PROCESS);
        actor->has_track = true;
        gor__perfetto_track(stage->to, goroutine_uuids + actor->id, parent, RANK_OF_GOROUTINES,
                            actor->label);
    }
    return goroutine_uuids + actor->id;
}

void gor__stage_event(struct gor__stage *stage, const struct gor__perfetto_event *event)
{
    if (!stage->silent) {
        gor__perfetto_event(stage->to, event);
    }
}

void gor__stage_count(struct gor__stage *stage, int64_t ns, enum gor__track track, uint64_t value)
{
    if (!stage->silent) {
        gor__perfetto_count(stage->to, ns, gor__stage_track(stage, track), (int64_t)value);
    }
}

/* ---- threads */

static struct gor__stage_thread *find_thread(struct gor__stage *stage, uint64_t m)
{
    if (m < stage->thread_count) {
        return &stage->threads[m];
    }
    size_t count = stage->thread_count != 0 ? stage->thread_count : 64;
    while (count <= m && count < THREADS_MAX) {
        count *= 2;
    }
    struct gor__stage_thread *threads =
        count > m ? realloc(stage->threads, count * sizeof *threads) : NULL;
    if (threads == NULL) {
        stage->failed = true;
        return NULL;
    }
    memset(threads + stage->thread_count, 0, (count - stage->thread_count) * sizeof *threads);
    stage->threads = threads;
    stage->thread_count = count;
    return &threads[m];
}

static void end_shown(struct gor__stage *stage, int64_t ns, uint64_t m)
{
    if (stage->threads[m].shown) {
        struct gor__perfetto_event end = {
            .kind = GOR__PERFETTO_END, .ns = ns, .track = thread_uuids + m};
        stage->threads[m].shown = false;
        gor__stage_event(stage, &end);
    }
}

static const char *describe(const struct gor__stage_thread *thread, char *room, size_t bytes)
{
    static const char *const texts[] = {
        [GOR__THREAD_SLEEPS] = "sleeps",
        [GOR__THREAD_POLLS] = "waits in the network poller",
        [GOR__THREAD_BLOCKS] = "in foreign code, without a P",
        [GOR__THREAD_WAITS] = "waits for a P",
        [GOR__THREAD_HOG] = "stopped: its slice is over",
    };
    if (thread->does != GOR__THREAD_HOLDS) {
        return texts[thread->does];
    }
    (void)snprintf(room, bytes, "P %u", thread->proc);
    return room;
}

/* Its track can be named once the kernel's number is known. */
static bool has_track(struct gor__stage *stage, uint64_t m)
{
    struct gor__stage_thread *thread = &stage->threads[m];
    char name[24];
    if (thread->tid == 0 || stage->silent) {
        return false;
    }
    if (!thread->named) {
        (void)snprintf(name, sizeof name, "gor-m%u", (unsigned)m);
        (void)gor__stage_track(stage, GOR__TRACK_PROCESS);
        gor__perfetto_thread(stage->to, thread_uuids + m, stage->pid, thread->tid, name);
        thread->named = true;
    }
    return true;
}

static void show(struct gor__stage *stage, int64_t ns, uint64_t m)
{
    struct gor__stage_thread *thread = &stage->threads[m];
    if (thread->does == GOR__THREAD_NOTHING || !has_track(stage, m)) {
        return;
    }
    char room[16];
    struct gor__perfetto_arg arg = {"goroutine", NULL, thread->g};
    struct gor__perfetto_event begin = {
        .kind = GOR__PERFETTO_BEGIN,
        .ns = ns,
        .track = thread_uuids + m,
        .category = "thread",
        .name = describe(thread, room, sizeof room),
        .args = &arg,
        .arg_count = thread->g != 0,
    };
    thread->shown = true;
    gor__stage_event(stage, &begin);
}

static bool same(const struct gor__stage_thread *a, const struct gor__stage_thread *b)
{
    return a->does == b->does && a->proc == b->proc && a->g == b->g;
}

void gor__stage_name_thread(struct gor__stage *stage, uint64_t m, uint64_t tid)
{
    struct gor__stage_thread *thread = tid != 0 ? find_thread(stage, m) : NULL;
    if (thread != NULL && thread->tid == 0) {
        thread->tid = (int)tid;
    }
}

void gor__stage_thread(struct gor__stage *stage, int64_t ns, uint64_t m,
                       const struct gor__stage_thread *now)
{
    struct gor__stage_thread *thread = find_thread(stage, m);
    if (thread == NULL || (thread->shown && same(thread, now))) {
        return;
    }
    end_shown(stage, ns, m);
    thread->does = now->does;
    thread->proc = now->proc;
    thread->g = now->g;
    show(stage, ns, m);
}

enum gor__thread_does gor__stage_does(const struct gor__stage *stage, uint64_t m)
{
    return m < stage->thread_count ? stage->threads[m].does : GOR__THREAD_NOTHING;
}

bool gor__stage_holds(const struct gor__stage *stage, uint64_t m, uint32_t proc)
{
    return gor__stage_does(stage, m) == GOR__THREAD_HOLDS && stage->threads[m].proc == proc;
}

void gor__stage_show_threads(struct gor__stage *stage, int64_t ns)
{
    for (uint64_t m = 0; m < stage->thread_count; m++) {
        show(stage, ns, m);
    }
}

void gor__stage_end_threads(struct gor__stage *stage, int64_t ns)
{
    for (uint64_t m = 0; m < stage->thread_count; m++) {
        end_shown(stage, ns, m);
    }
}
