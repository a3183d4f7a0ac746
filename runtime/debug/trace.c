/* SPDX-License-Identifier: MIT */
/* trace.c - tracing on and off, and the thread that writes what the rings hold.
 *
 * The rings are there while the flight recorder is on or a trace is being written, or both. They come
 * and go while the world stands, so that everything a trace tells of begins at one moment, and nobody
 * writes to memory that is gone.
 *
 * Locks       control.lock < gor__world_lock. A goroutine waits for both by yielding.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/thread.h"
#include "runtime/cpu/memory.h"
#include "runtime/debug/trace_life.h"
#include "runtime/debug/trace_teller.h"
#include "runtime/sched/door.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/world.h"

enum {
    STREAM_BYTES = 8 << 20,
    FLIGHT_BYTES = 1 << 20,
    BYTES_MAX = 1 << 30,
    PASS_NS = 20000000, /* between two looks at the rings */
};

struct stream {
    struct gor__teller teller;
    pthread_t thread;
    uint32_t stop; /* futex */
};

static struct {
    struct gor__mutex lock; /* of all but what is named below */
    bool flight;
    char *crash_file; /* owned */
    struct stream *stream;
    FILE *file; /* $GOR_TRACE */
    struct gor__trace_clock began;

    /* Under gor__world_lock, written with the world standing. */
    uint64_t records; /* of each ring; a power of two; 0: there are none */
    struct gor__trace_record
        *memory[GOR__PROCS_MAX + 1]; /* owned; the last one of the common ring */
} control;

/* ---- rings */

static size_t ring_bytes(uint64_t records)
{
    return (size_t)records * sizeof(struct gor__trace_record);
}

static uint64_t records_of(const struct gor_trace_opts *opts, size_t fallback)
{
    size_t wanted = opts != NULL && opts->buffer_bytes != 0 ? opts->buffer_bytes : fallback;
    uint64_t records = 4 * GOR__TRACE_UNIT_MAX;
    while (ring_bytes(records) < wanted && ring_bytes(records) < BYTES_MAX) {
        records *= 2;
    }
    return records;
}

static void release_rings(void)
{
    for (uint32_t i = 0; i < gor__sched.procs_made; i++) {
        gor__sched.procs[i]->trace.records = NULL;
    }
    gor__trace_set_common(NULL, 0);
    for (uint32_t i = 0; i <= GOR__PROCS_MAX; i++) {
        if (control.memory[i] != NULL) {
            gor__memory_release(control.memory[i], ring_bytes(control.records));
            control.memory[i] = NULL;
        }
    }
    control.records = 0;
}

static void give_ring(struct gor__p *p)
{
    struct gor__trace_record *memory = control.memory[p->index];
    if (memory != NULL) {
        gor__trace_ring_init(&p->trace, memory, control.records);
    } else {
        gor__trace_ring_init(&p->trace, gor__trace_nowhere, 1);
    }
    p->trace.fences = gor__fences_work();
    p->trace.woken = GOR__TRACE_WAKE_TIMED;
    p->trace.last_ticks = 0;
}

/* Small ones have memory behind them at once, for a fault in the middle of a switch would be felt. */
static struct gor__trace_record *reserve_ring(void)
{
    struct iovec range = {NULL, ring_bytes(control.records)};
    range.iov_base = gor__memory_reserve(range.iov_len, 64);
    if (range.iov_base != NULL && range.iov_len <= FLIGHT_BYTES) {
        gor__memory_populate(&range, 1);
    }
    return range.iov_base;
}

/* Before the world is stopped: mapping memory takes its time. */
static int reserve_rings(uint64_t records)
{
    control.records = records;
    for (uint32_t i = 0; i <= gor__sched.procs_made; i++) {
        uint32_t place = i < gor__sched.procs_made ? i : GOR__PROCS_MAX;
        control.memory[place] = reserve_ring();
        if (control.memory[place] == NULL) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* The world stands. Without memory this P's events go nowhere. */
void gor__trace_new_proc(struct gor__p *p)
{
    if (control.records != 0) {
        control.memory[p->index] = reserve_ring();
        give_ring(p);
    }
}

/* While the world stands: from now on. */
static void begin_now(const struct gor__m *m, bool fresh, struct gor__feed *feed)
{
    for (uint32_t i = 0; fresh && i < gor__sched.procs_made; i++) {
        give_ring(gor__sched.procs[i]);
    }
    if (fresh) {
        gor__trace_set_common(control.memory[GOR__PROCS_MAX], control.records);
        gor__trace_clock_set(&control.began);
    }
    if (feed != NULL) {
        gor__feed_open(feed, false);
    }
    gor__observe(GOR__OBSERVE_TRACE, true);
    gor__trace_begin(m);
}

/* Events are noted down from one moment on; `feed`, which may be NULL, begins with that. */
static int begin_noting(uint64_t records, struct gor__feed *feed)
{
    bool fresh = control.records == 0;
    gor__world_lock_outside();
    int result = fresh ? reserve_rings(records) : 0;
    if (result == 0) {
        struct gor__m *m = gor__enter_any();
        if (gor__world_stop(m)) {
            begin_now(m, fresh, feed);
        } else {
            result = -ESRCH;
        }
        gor__world_start();
        gor__leave_any(m);
    }
    if (result < 0 && fresh) {
        release_rings();
    }
    gor__mutex_unlock(&gor__world_lock);
    return result;
}

/* Once the world has stood nobody notes anything down in the ring of a P any more. False: the runtime
 * stops, and gor__trace_fini will see to the rings. */
static bool end_noting(void)
{
    gor__world_lock_outside();
    struct gor__m *m = gor__enter_any();
    bool stood = gor__world_stop(m);
    gor__observe(GOR__OBSERVE_TRACE, false);
    gor__world_start();
    gor__leave_any(m);
    gor__mutex_unlock(&gor__world_lock);
    return stood;
}

static void forget_rings(void)
{
    gor__world_lock_outside();
    release_rings();
    gor__mutex_unlock(&gor__world_lock);
}

/* ---- a trace that is written while it happens */

static void *stream_main(void *arg)
{
    struct stream *s = arg;
    struct gor__teller *t = &s->teller;
    gor__thread_name("gor-trace");
    gor__story_meet(&t->story);
    while (__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE) == 0) {
        /* What is older than the last look has been written by whoever began to. */
        uint64_t before = gor__trace_clock_last(&t->clock);
        gor__trace_clock_set(&t->clock);
        size_t most = gor__feed_fill(&t->feed);
        gor__teller_tell(t, before, 0);
        (void)gor__perfetto_flush(&t->perfetto);
        if (most < control.records / 4) {
            (void)gor__futex_wait(&s->stop, 0, gor__monotonic_after(PASS_NS));
        }
    }
    gor__trace_clock_set(&t->clock);
    gor__teller_fill(t);
    gor__teller_tell(t, UINT64_MAX, 0);
    return NULL;
}

static int start_thread(struct stream *s)
{
    sigset_t all;
    sigfillset(&all);
    return gor__thread_start(&s->thread, &all, stream_main, s);
}

/* End the thread and the trace, whoever goes on noting down. */
static int finish_stream(struct gor_trace_summary *out_summary)
{
    struct stream *s = control.stream;
    __atomic_store_n(&s->stop, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&s->stop, 1);
    pthread_join(s->thread, NULL);
    int result = gor__teller_close(&s->teller, out_summary);
    control.stream = NULL;
    free(s);
    if (control.file != NULL) {
        (void)fclose(control.file);
        control.file = NULL;
    }
    return result;
}

static int start_locked(const struct gor_trace_opts *opts, gor_trace_write *write, void *arg)
{
    if (control.stream != NULL) {
        return -EBUSY;
    }
    struct stream *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return -ENOMEM;
    }
    gor__teller_open(&s->teller, write, arg);
    gor__trace_clock_set(&s->teller.clock);
    int result = begin_noting(records_of(opts, STREAM_BYTES), &s->teller.feed);
    if (result == 0) {
        result = start_thread(s);
    }
    if (result == 0) {
        control.stream = s;
        return 0;
    }
    if (control.records != 0 && !control.flight && end_noting()) {
        forget_rings();
    }
    (void)gor__teller_close(&s->teller, NULL);
    free(s);
    return result;
}

static bool runs(void)
{
    return __atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE);
}

int gor_trace_start(const struct gor_trace_opts *opts, gor_trace_write *write, void *arg)
{
    if (write == NULL) {
        return -EINVAL;
    }
    if (!runs()) {
        return -ESRCH;
    }
    gor__lock_outside(&control.lock);
    int result = start_locked(opts, write, arg);
    gor__mutex_unlock(&control.lock);
    return result;
}

int gor_trace_stop(struct gor_trace_summary *out_summary)
{
    int result = -ESRCH;
    gor__lock_outside(&control.lock);
    if (control.stream != NULL) {
        bool quiet = !control.flight && end_noting();
        result = finish_stream(out_summary);
        if (quiet) {
            forget_rings();
        }
    }
    gor__mutex_unlock(&control.lock);
    return result;
}

/* ---- the flight recorder */

static int flight_locked(const struct gor_trace_opts *opts)
{
    if (control.flight) {
        return -EBUSY;
    }
    const char *path = opts != NULL ? opts->crash_file : NULL;
    char *copy = path != NULL ? strdup(path) : NULL;
    int result = path != NULL && copy == NULL ? -ENOMEM : 0;
    if (result == 0 && control.records == 0) {
        result = begin_noting(records_of(opts, FLIGHT_BYTES), NULL);
    }
    if (result < 0) {
        free(copy);
        return result;
    }
    control.crash_file = copy;
    control.flight = true;
    return 0;
}

int gor_trace_flight_start(const struct gor_trace_opts *opts)
{
    if (!runs()) {
        return -ESRCH;
    }
    gor__lock_outside(&control.lock);
    int result = flight_locked(opts);
    gor__mutex_unlock(&control.lock);
    return result;
}

static void land(void)
{
    free(control.crash_file);
    control.crash_file = NULL;
    control.flight = false;
}

int gor_trace_flight_stop(void)
{
    gor__lock_outside(&control.lock);
    int result = control.flight ? 0 : -ESRCH;
    if (control.flight) {
        land();
        if (control.stream == NULL && end_noting()) {
            forget_rings();
        }
    }
    gor__mutex_unlock(&control.lock);
    return result;
}

static int snapshot_locked(int64_t last_ns, gor_trace_write *write, void *arg,
                           struct gor_trace_summary *out_summary)
{
    if (control.records == 0) {
        return -ESRCH;
    }
    struct gor__teller *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return -ENOMEM;
    }
    gor__teller_open(t, write, arg);
    gor__story_meet(&t->story);
    t->clock = control.began;
    gor__trace_clock_set(&t->clock);
    int64_t now = gor__monotonic();
    uint64_t before = gor__trace_clock_last(&t->clock);
    gor__feed_open(&t->feed, true);
    gor__teller_fill(t);
    if (last_ns > 0) {
        gor__story_hush(&t->story);
    }
    gor__teller_tell(t, before, now - last_ns);
    if (t->story.stage.silent) {
        gor__story_speak(&t->story, now - last_ns);
    }
    int result = gor__teller_close(t, out_summary);
    free(t);
    return result;
}

/* Whom the caller has just woken belongs to what is asked for. */
static void settle_own(void)
{
    struct gor__m *m = gor__enter_any();
    if (m != NULL && m->p != NULL && gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_settle(m->p);
    }
    gor__leave_any(m);
}

int gor_trace_snapshot(int64_t last_ns, gor_trace_write *write, void *arg,
                       struct gor_trace_summary *out_summary)
{
    if (write == NULL || last_ns < 0) {
        return -EINVAL;
    }
    settle_own();
    gor__lock_outside(&control.lock);
    int result = snapshot_locked(last_ns, write, arg, out_summary);
    gor__mutex_unlock(&control.lock);
    return result;
}

/* ---- without being asked */

int gor_trace_to_file(void *file, const void *bytes, size_t count)
{
    errno = 0;
    if (fwrite(bytes, 1, count, file) != count || fflush(file) != 0) {
        return errno != 0 ? -errno : -EIO;
    }
    return 0;
}

static void complain(const char *path, int error)
{
    fprintf(stderr, "gor: no trace in %s: %s\n", path, strerror(-error));
}

void gor__trace_crash(void)
{
    if (!gor__mutex_try_lock(&control.lock)) {
        return;
    }
    if (control.stream != NULL) {
        (void)finish_stream(NULL);
    }
    if (control.flight && control.crash_file != NULL) {
        FILE *file = fopen(control.crash_file, "we");
        int result = file != NULL ? snapshot_locked(0, gor_trace_to_file, file, NULL) : -errno;
        if (file != NULL && fclose(file) != 0 && result == 0) {
            result = -errno;
        }
        if (result < 0) {
            complain(control.crash_file, result);
        } else {
            fprintf(stderr, "gor: the last moments are in %s, for https://ui.perfetto.dev\n",
                    control.crash_file);
        }
    }
    gor__mutex_unlock(&control.lock);
}

/* A program that ends by exit(). */
static void finish_at_exit(void)
{
    if (gor__mutex_try_lock(&control.lock)) {
        if (control.stream != NULL && control.file != NULL) {
            (void)finish_stream(NULL);
        }
        gor__mutex_unlock(&control.lock);
    }
}

static void stream_to(const char *path)
{
    static bool registered;
    control.file = fopen(path, "we");
    int result =
        control.file != NULL ? start_locked(NULL, gor_trace_to_file, control.file) : -errno;
    if (result < 0) {
        complain(path, result);
        if (control.file != NULL) {
            (void)fclose(control.file);
            control.file = NULL;
        }
    } else if (!registered) {
        registered = atexit(finish_at_exit) == 0;
    }
}

void gor__trace_from_environment(void)
{
    const char *flight = getenv("GOR_TRACE_FLIGHT");
    const char *path = getenv("GOR_TRACE");
    gor__mutex_lock(&control.lock);
    if (flight != NULL && flight[0] != '\0') {
        const struct gor_trace_opts opts = {.crash_file = flight};
        int result = flight_locked(&opts);
        if (result < 0) {
            complain(flight, result);
        }
    }
    if (path != NULL && path[0] != '\0') {
        stream_to(path);
    }
    gor__mutex_unlock(&control.lock);
}

void gor__trace_fini(bool quiet)
{
    if (!gor__mutex_try_lock(&control.lock)) {
        /* By a goroutine that was left for good in the middle of it; or it goes on, and so do we. */
        if (!quiet) {
            return;
        }
        control.lock.word = 0;
        gor__mutex_lock(&control.lock);
    }
    gor__observe(GOR__OBSERVE_TRACE, false);
    if (control.stream != NULL) {
        (void)finish_stream(NULL);
    }
    land();
    if (quiet && control.records != 0) {
        release_rings();
    }
    gor__mutex_unlock(&control.lock);
}
