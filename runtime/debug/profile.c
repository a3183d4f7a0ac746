/* SPDX-License-Identifier: MIT */
/* profile.c - profiles go out in the form that Go's tools read; the goroutine profile. */
#include "runtime/debug/profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/cpu/frames.h"
#include "runtime/debug/gzip.h"
#include "runtime/debug/look.h"
#include "runtime/debug/running.h"
#include "runtime/debug/stream.h"
#include "runtime/debug/symbol.h"
#include "runtime/debug/trim.h"
#include "runtime/sched/labels.h"
#include "runtime/sched/pool.h"
#include "runtime/sched/sched.h"

/* ---- goroutines */

struct walk {
    struct gor__samples *samples;
    struct gor__running_list running;
    gor_id_t self; /* whoever asks */
    uintptr_t frame;
};

/* The stack of whoever asks, which runs: from the function that called the library. */
static unsigned walk_self(const struct walk *walk, uintptr_t *frames)
{
    const struct gor__stack *stack = gor__g_self()->stack;
    unsigned count = gor__walk_frames(walk->frame, walk->frame, (uintptr_t)gor__stack_top(stack),
                                      frames, GOR__SAMPLE_FRAMES_MAX);
    for (unsigned i = 0; i < count; i++) {
        frames[i]--;
    }
    return count;
}

static unsigned copy_frames(const struct walk *walk, const struct gor_info *info, uintptr_t *frames)
{
    if (info->id == walk->self) {
        return walk_self(walk, frames);
    }
    for (unsigned i = 0; i < info->frame_count; i++) {
        frames[i] = gor__call_before(info->frames[i]);
    }
    if (info->frame_count == 0) {
        /* Where it was begun, at least. */
        frames[0] = (uintptr_t)info->fn;
        return 1;
    }
    return info->frame_count;
}

static int add_goroutine(void *arg, struct gor__g *g)
{
    static const int64_t one[GOR__SAMPLE_VALUES] = {1, 0};
    const struct walk *walk = arg;
    struct gor_info info;
    struct gor__sample_key key;
    if (gor__look_is_over()) {
        return -ECANCELED;
    }
    if (!gor__look(g, true, &info)) {
        return 0;
    }
    (void)gor__running_fill(&walk->running, &info);
    struct gor__labels *labels = gor__labels_get(g);
    if (__atomic_load_n(&g->id, __ATOMIC_ACQUIRE) != info.id) {
        /* They may be those of the next one already. */
        gor__labels_unref(labels);
        labels = NULL;
    }
    memset(&key, 0, sizeof key);
    key.created_at = info.created_at != NULL ? gor__call_before(info.created_at) : 0;
    memcpy(key.name, info.name, strlen(info.name));
    key.reason = info.state == GOR_WAITING ? (uint16_t)info.reason : GOR_WAIT_NONE;
    key.frame_count = (uint16_t)copy_frames(walk, &info, key.frames);
    key.labels_bytes = labels != NULL ? labels->bytes : 0;
    bool added = gor__samples_add(walk->samples, &key, labels != NULL ? labels->text : NULL, one);
    gor__labels_unref(labels);
    return added ? 0 : -ENOMEM;
}

/* Not in line: then its frame is below that of the public function, which so is on the stack. */
__attribute__((noinline)) int gor__profile_goroutines(struct gor__pprof *head,
                                                      struct gor__samples *samples)
{
    struct walk walk = {
        .self = gor_self(),
        .frame = (uintptr_t)__builtin_frame_address(0),
    };
    head->values[0] = (struct gor__pprof_type){"goroutine", "count"};
    head->period_type = head->values[0];
    head->period = 1;
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        return -ESRCH;
    }
    struct gor__samples whole = {0};
    struct gor__bump bump = {0};
    walk.samples = &whole;
    gor__symbol_refresh();
    gor__running_look(&bump, true, &walk.running);
    int result = gor__pool_each(add_goroutine, &walk);
    if (result == 0 && !gor__samples_trim(samples, &whole, GOR__TRIM_WAITERS)) {
        result = -ENOMEM;
    }
    gor__bump_fini(&bump);
    gor__samples_fini(&whole);
    return result;
}

/* ---- writing */

static int gather(enum gor_profile profile, struct gor__pprof *head, struct gor__samples *samples)
{
    switch (profile) {
    case GOR_PROFILE_GOROUTINE:
        return gor__profile_goroutines(head, samples);
    case GOR_PROFILE_BLOCK:
        return gor__profile_contention(head, samples, GOR__CONTENTION_BLOCK);
    case GOR_PROFILE_MUTEX:
        return gor__profile_contention(head, samples, GOR__CONTENTION_MUTEX);
    case GOR_PROFILE_CPU:
        return gor__profile_cpu(head, samples);
    }
    return -EINVAL;
}

int64_t gor__wall_clock(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * GOR_SECOND + now.tv_nsec;
}

static int encode(enum gor_profile profile, struct gor__wire *out)
{
    struct gor__pprof head = {.time_ns = gor__wall_clock()};
    struct gor__samples samples = {0};
    int result = gather(profile, &head, &samples);
    if (result == 0) {
        result = gor__pprof_encode(&head, &samples, out);
    }
    gor__samples_fini(&samples);
    return result;
}

int gor_profile_write_to(enum gor_profile profile, const struct gor_profile_opts *opts,
                         int (*write)(void *arg, const void *bytes, size_t count), void *arg)
{
    struct gor__wire encoded = {0};
    int result = encode(profile, &encoded);
    if (result == 0) {
        result = opts != NULL && opts->uncompressed
                     ? write(arg, encoded.bytes, encoded.count)
                     : gor__gzip_store(encoded.bytes, encoded.count, write, arg);
    }
    gor__wire_fini(&encoded);
    return result;
}

static int write_to_stream(void *arg, const void *bytes, size_t count)
{
    return gor__stream_write(arg, bytes, count);
}

int gor_profile_write(enum gor_profile profile, const struct gor_profile_opts *opts, FILE *out)
{
    int result = gor_profile_write_to(profile, opts, write_to_stream, out);
    return result != 0 ? result : gor__stream_flush(out);
}
