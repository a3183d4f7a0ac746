/* SPDX-License-Identifier: MIT */
/* cpu.c - the CPU profile: a thread empties the sampler's ring ten times a second and adds equal samples
 * up, so that an hour of them takes no more memory than a minute.
 *
 * Invariants  the thread runs exactly while profile.on; what it has added up stays until the next start.
 * Threads     any, outside the door, under profile.lock.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "runtime/base/futex.h"
#include "runtime/base/thread.h"
#include "runtime/cpu/calls.h"
#include "runtime/debug/mapping.h"
#include "runtime/debug/profile.h"
#include "runtime/debug/symbol.h"
#include "runtime/sched/labels.h"
#include "runtime/sched/sampler.h"
#include "runtime/sched/sched.h"

enum { DEFAULT_HZ = 100, HZ_MAX = 1000 };

#define EMPTY_EVERY_NS (100 * GOR_MILLISECOND)

static struct {
    struct gor__mutex life; /* start and stop, outside the lock: they wait for the thread */
    bool on;                /* under `life` */
    pthread_t thread;
    uint32_t ends; /* futex */

    struct gor__mutex lock;
    struct gor__samples samples;
    struct gor__mappings code; /* as it was at the start */
    bool failed;               /* out of memory: some are missing */
    int64_t period_ns;
    int64_t began_ns; /* since 1970; 0: never */
    int64_t began_at; /* CLOCK_MONOTONIC */
    int64_t ended_at; /* 0: still on */
} profile;

/* ---- adding up; under the lock */

static void add_key(const struct gor__sample_key *key, const char *labels, uint64_t weight)
{
    const int64_t values[GOR__SAMPLE_VALUES] = {(int64_t)weight,
                                                (int64_t)weight * profile.period_ns};
    profile.failed |= !gor__samples_add(&profile.samples, key, labels, values);
}

/* Asking for the symbol of what is not mapped is dear: all mappings are read again. */
static bool find_code(uintptr_t address, struct gor__symbol *out_symbol)
{
    return gor__mappings_find(&profile.code, address) != 0 &&
           gor__symbol_find((const void *)address, out_symbol) && out_symbol->start != 0;
}

/* Who called the function that was interrupted, if that has no frame, and frames so tell only of the
 * caller's caller; 0: it has one, or it cannot be told. */
static uintptr_t find_leaf_caller(const struct gor__cpu_sample *sample)
{
    struct gor__symbol leaf;
    struct gor__symbol caller;
    uintptr_t address = sample->leaf;
    if (address == 0 || (sample->frame_count > 1 && sample->frames[1] == address) ||
        !find_code(address - 1, &caller) || !find_code(sample->frames[0], &leaf) ||
        address - caller.start < GOR__CALL_BYTES_MAX) {
        return 0;
    }
    return !gor__sets_up_frame(leaf.start) && gor__returns_from(address, leaf.start) ? address : 0;
}

static void copy_frames(const struct gor__cpu_sample *sample, struct gor__sample_key *key)
{
    uintptr_t leaf_caller = find_leaf_caller(sample);
    uint16_t count = 0;
    /* The first one is no return address. */
    key->frames[count++] = sample->frames[0];
    if (leaf_caller != 0) {
        key->frames[count++] = leaf_caller - 1;
    }
    for (uint32_t i = 1; i < sample->frame_count && count < GOR__SAMPLE_FRAMES_MAX; i++) {
        key->frames[count++] = sample->frames[i] - 1;
    }
    key->frame_count = count;
}

static void add_sample(const struct gor__cpu_sample *sample)
{
    struct gor__sample_key key;
    memset(&key, 0, sizeof key);
    key.created_at = sample->created_at != NULL ? gor__call_before(sample->created_at) : 0;
    memcpy(key.name, sample->name, strlen(sample->name));
    copy_frames(sample, &key);
    const struct gor__labels *labels = sample->labels;
    key.labels_bytes = labels != NULL ? labels->bytes : 0;
    add_key(&key, labels != NULL ? labels->text : NULL, sample->weight);
}

static void empty_ring(void)
{
    const struct gor__cpu_sample *sample = NULL;
    while ((sample = gor__sampler_first()) != NULL) {
        add_sample(sample);
        gor__sampler_drop();
    }
    uint64_t lost = gor__sampler_take_lost();
    if (lost > 0) {
        struct gor__sample_key key;
        memset(&key, 0, sizeof key);
        key.frames[0] = GOR__PLACE_LOST;
        key.frame_count = 1;
        add_key(&key, NULL, lost);
    }
}

static void *empty_until_end(void *unused)
{
    (void)unused;
    gor__thread_name("gor-profile");
    while (__atomic_load_n(&profile.ends, __ATOMIC_ACQUIRE) == 0) {
        (void)gor__futex_wait(&profile.ends, 0, gor__monotonic_after(EMPTY_EVERY_NS));
        gor__mutex_lock(&profile.lock);
        empty_ring();
        gor__mutex_unlock(&profile.lock);
    }
    return NULL;
}

/* ---- on and off */

/* Under the lock. */
static void forget(int64_t period_ns)
{
    gor__samples_fini(&profile.samples);
    gor__mappings_fini(&profile.code);
    /* Without, callers of functions that have no frame stay unknown. */
    (void)gor__mappings_init(&profile.code);
    profile.failed = false;
    profile.period_ns = period_ns;
    profile.began_ns = gor__wall_clock();
    profile.began_at = gor__monotonic();
    profile.ended_at = 0;
}

static int begin(int64_t period_ns, bool all_threads)
{
    gor__mutex_lock(&profile.lock);
    int result = gor__sampler_begin(period_ns, all_threads);
    if (result == 0) {
        forget(period_ns);
    }
    gor__mutex_unlock(&profile.lock);
    return result;
}

static void end(void)
{
    gor__sampler_end();
    gor__mutex_lock(&profile.lock);
    empty_ring();
    profile.ended_at = gor__monotonic();
    gor__sampler_fini();
    gor__mutex_unlock(&profile.lock);
}

static int start(int64_t period_ns, bool all_threads)
{
    sigset_t all;
    int result = begin(period_ns, all_threads);
    if (result < 0) {
        return result;
    }
    sigfillset(&all);
    profile.ends = 0;
    result = gor__thread_start(&profile.thread, &all, empty_until_end, NULL);
    if (result < 0) {
        end();
    }
    profile.on = result == 0;
    return result;
}

int gor_cpu_profile_start(const struct gor_cpu_profile_opts *opts)
{
    unsigned hz = opts != NULL && opts->hz != 0 ? opts->hz : DEFAULT_HZ;
    int result = -EBUSY;
    if (hz > HZ_MAX) {
        return -EINVAL;
    }
    gor__mutex_lock(&profile.life);
    if (!__atomic_load_n(&gor__sched.running, __ATOMIC_ACQUIRE)) {
        result = -ESRCH;
    } else if (!profile.on) {
        result = start(GOR_SECOND / hz, opts != NULL && opts->all_threads);
    }
    gor__mutex_unlock(&profile.life);
    return result;
}

static void stop(void)
{
    __atomic_store_n(&profile.ends, 1, __ATOMIC_RELEASE);
    gor__futex_wake(&profile.ends, 1);
    pthread_join(profile.thread, NULL);
    end();
    profile.on = false;
}

int gor_cpu_profile_stop(void)
{
    gor__mutex_lock(&profile.life);
    if (profile.on) {
        stop();
    }
    gor__mutex_unlock(&profile.life);
    return 0;
}

/* ---- writing */

int gor__profile_cpu(struct gor__pprof *head, struct gor__samples *samples)
{
    gor__mutex_lock(&profile.lock);
    int result = profile.began_ns != 0 ? 0 : -ESRCH;
    if (result == 0) {
        empty_ring();
        int64_t until = profile.ended_at != 0 ? profile.ended_at : gor__monotonic();
        head->values[0] = (struct gor__pprof_type){"samples", "count"};
        head->values[1] = (struct gor__pprof_type){"cpu", "nanoseconds"};
        head->period_type = head->values[1];
        head->period = profile.period_ns;
        head->time_ns = profile.began_ns;
        head->duration_ns = until - profile.began_at;
        if (profile.failed || !gor__samples_add_all(samples, &profile.samples)) {
            result = -ENOMEM;
        }
    }
    gor__mutex_unlock(&profile.lock);
    return result;
}
