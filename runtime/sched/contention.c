/* SPDX-License-Identifier: MIT */
/* contention.c - see contention.h.
 *
 * Sampling is Go's (runtime/mprof.go), and unbiased. Of waits, one that lasts as long as the rate counts
 * as it is; a shorter one is taken with a probability of its length by the rate, and counts for as many
 * as that stands for. Of locks given up one in `fraction` is taken, and counts for all of them.
 *
 * Who gives up a lock is charged for what all that wait for it have waited meanwhile, not only the one
 * that gets it: so each holder answers for its own time. Of very long queues the first are counted.
 */
#include "runtime/sched/contention.h"

#include <string.h>

#include "runtime/cpu/frames.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/waitq.h"

enum {
    BUCKETS = 4096, /* and one more */
    TABLE_BYTES = (BUCKETS + 1) * sizeof(struct gor__contention_bucket),
    PROBES_MAX = 64,
    QUEUE_MAX = 128,
};

static struct gor__contention_bucket *tables[GOR__CONTENTION_KINDS][GOR__PROCS_MAX]; /* atomic */
static int64_t block_rate_ns;                                                        /* atomic */
static int mutex_fraction;                                                           /* atomic */

/* ---- buckets */

/* NULL: no memory. */
static struct gor__contention_bucket *table_of(enum gor__contention kind, const struct gor__p *p)
{
    struct gor__contention_bucket **place = &tables[kind][p->index];
    if (*place == NULL) {
        __atomic_store_n(place, gor__memory_reserve(TABLE_BYTES, 1), __ATOMIC_RELEASE);
    }
    return *place;
}

static uint32_t hash_of(enum gor_wait_reason reason, const uintptr_t *frames, unsigned count)
{
    uint64_t hash = reason;
    for (unsigned i = 0; i < count; i++) {
        hash = (hash ^ frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (uint32_t)hash;
}

static void fill(struct gor__contention_bucket *bucket, uint32_t hash, enum gor_wait_reason reason,
                 const uintptr_t *frames, unsigned count)
{
    bucket->hash = hash;
    bucket->reason = (uint16_t)reason;
    memcpy(bucket->frames, frames, count * sizeof *frames);
    /* Release: pairs with gor__contention_each. */
    __atomic_store_n(&bucket->frame_count, (uint16_t)count, __ATOMIC_RELEASE);
}

/* The bucket of a stack, which may be a new one; the last one if there is no room. */
static struct gor__contention_bucket *find_bucket(struct gor__contention_bucket *table,
                                                  enum gor_wait_reason reason,
                                                  const uintptr_t *frames, unsigned count)
{
    uint32_t hash = hash_of(reason, frames, count);
    for (uint32_t i = 0; i < PROBES_MAX && count > 0; i++) {
        struct gor__contention_bucket *bucket = &table[(hash + i) % BUCKETS];
        if (bucket->frame_count == 0) {
            fill(bucket, hash, reason, frames, count);
            return bucket;
        }
        if (bucket->hash == hash && bucket->reason == reason && bucket->frame_count == count &&
            memcmp(bucket->frames, frames, count * sizeof *frames) == 0) {
            return bucket;
        }
    }
    return &table[BUCKETS];
}

double gor__contention_count(const struct gor__contention_bucket *bucket)
{
    double count = 0;
    uint64_t bits = __atomic_load_n(&bucket->count, __ATOMIC_RELAXED);
    memcpy(&count, &bits, sizeof count);
    return count;
}

static void add(struct gor__contention_bucket *bucket, double count, uint64_t delay_ns)
{
    uint64_t bits = 0;
    count += gor__contention_count(bucket);
    memcpy(&bits, &count, sizeof bits);
    __atomic_store_n(&bucket->count, bits, __ATOMIC_RELAXED);
    delay_ns += __atomic_load_n(&bucket->delay_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&bucket->delay_ns, delay_ns, __ATOMIC_RELAXED);
}

/* Inside, with `frame` on the calling goroutine's stack. */
static void note(enum gor__contention kind, enum gor_wait_reason reason, const void *frame,
                 double count, uint64_t delay_ns)
{
    uintptr_t frames[GOR__CONTENTION_FRAMES];
    const struct gor__m *m = gor__m_self();
    struct gor__contention_bucket *table = table_of(kind, m->p);
    if (table != NULL) {
        unsigned frame_count = gor__walk_frames((uintptr_t)frame, (uintptr_t)frame,
                                                (uintptr_t)gor__stack_top(m->g->stack), frames,
                                                GOR__CONTENTION_FRAMES);
        add(find_bucket(table, reason, frames, frame_count), count, delay_ns);
    }
}

int gor__contention_each(enum gor__contention kind,
                         int (*visit)(void *arg, const struct gor__contention_bucket *bucket),
                         void *arg)
{
    for (unsigned i = 0; i < GOR__PROCS_MAX; i++) {
        const struct gor__contention_bucket *table =
            __atomic_load_n(&tables[kind][i], __ATOMIC_ACQUIRE);
        for (uint32_t k = 0; table != NULL && k <= BUCKETS; k++) {
            const struct gor__contention_bucket *bucket = &table[k];
            if (k < BUCKETS && __atomic_load_n(&bucket->frame_count, __ATOMIC_ACQUIRE) == 0) {
                continue;
            }
            int result = visit(arg, bucket);
            if (result != 0) {
                return result;
            }
        }
    }
    return 0;
}

/* ---- waiting */

/* What Go counts: to wait for others. Not for time, the network or a process, nor for ever. */
static bool is_blocking(enum gor_wait_reason reason)
{
    const uint32_t counted = 1U << GOR_WAIT_CHAN_SEND | 1U << GOR_WAIT_CHAN_RECV |
                             1U << GOR_WAIT_SELECT | 1U << GOR_WAIT_MUTEX |
                             1U << GOR_WAIT_RWMUTEX_READ | 1U << GOR_WAIT_RWMUTEX_WRITE |
                             1U << GOR_WAIT_WAITGROUP | 1U << GOR_WAIT_COND | 1U << GOR_WAIT_ONCE |
                             1U << GOR_WAIT_SEMAPHORE;
    return (counted >> reason & 1) != 0;
}
_Static_assert(GOR_WAIT_COUNT <= 32, "reasons are bits of a word");

static uint64_t random_below(uint64_t bound)
{
    struct gor__random *random = &gor__m_self()->random;
    uint64_t number = (uint64_t)gor__random_next(random) << 32 | gor__random_next(random);
    return number % bound;
}

void gor__contention_woken(struct gor__g *g)
{
    g->waiting_since = gor_now();
}

bool gor__contention_times(enum gor_wait_reason reason)
{
    const uint32_t locks =
        1U << GOR_WAIT_MUTEX | 1U << GOR_WAIT_RWMUTEX_READ | 1U << GOR_WAIT_RWMUTEX_WRITE;
    return (gor__observes(GOR__OBSERVE_BLOCK) && is_blocking(reason)) ||
           (gor__observes(GOR__OBSERVE_MUTEX) && (locks >> reason & 1) != 0);
}

__attribute__((noinline)) void gor__contention_waited(enum gor_wait_reason reason, int64_t began)
{
    int64_t rate = __atomic_load_n(&block_rate_ns, __ATOMIC_RELAXED);
    if (rate <= 0 || !is_blocking(reason)) {
        return;
    }
    int64_t woken = gor__g_self()->waiting_since;
    /* Nobody has noted it: the profile was not yet on, or a timer has ended the wait. */
    int64_t waited = (woken != began ? woken : gor_now()) - began;
    waited = waited > 0 ? waited : 1;
    if (waited < rate && (int64_t)random_below((uint64_t)rate) > waited) {
        return;
    }
    double count = waited < rate ? (double)rate / (double)waited : 1;
    note(GOR__CONTENTION_BLOCK, reason, __builtin_frame_address(0), count,
         (uint64_t)(waited < rate ? rate : waited));
}

void gor_set_block_profile_rate(int64_t rate_ns)
{
    __atomic_store_n(&block_rate_ns, rate_ns, __ATOMIC_RELAXED);
    gor__observe(GOR__OBSERVE_BLOCK, rate_ns > 0);
}

/* ---- keeping others waiting */

int64_t gor__contention_owed(const struct gor__waitq *queue, int64_t *since)
{
    int64_t now = gor_now();
    int64_t owed = 0;
    int left = QUEUE_MAX;
    int fraction = __atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED);
    if (fraction > 0 && random_below((uint64_t)fraction) == 0) {
        for (const struct gor__waiter *w = queue->first; w != NULL && left > 0; w = w->next) {
            int64_t began = w->g->waiting_since > *since ? w->g->waiting_since : *since;
            owed += now > began ? now - began : 0;
            left--;
        }
    }
    *since = now;
    return owed;
}

__attribute__((noinline)) void gor__contention_released(enum gor_wait_reason reason, int64_t owed)
{
    int fraction = __atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED);
    if (owed > 0 && fraction > 0) {
        note(GOR__CONTENTION_MUTEX, reason, __builtin_frame_address(0), fraction,
             (uint64_t)owed * (uint64_t)fraction);
    }
}

int gor_set_mutex_profile_fraction(int fraction)
{
    if (fraction < 0) {
        return __atomic_load_n(&mutex_fraction, __ATOMIC_RELAXED);
    }
    int former = __atomic_exchange_n(&mutex_fraction, fraction, __ATOMIC_RELAXED);
    gor__observe(GOR__OBSERVE_MUTEX, fraction > 0);
    return former;
}
