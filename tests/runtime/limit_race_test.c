/* SPDX-License-Identifier: MIT */
/* limit_race_test.c - contexts that end at any moment, against what the waits are for: nothing is
 * lost, nothing counted twice, nobody forgotten.
 *
 * Workers wait with contexts that others cancel all the time. GOR_TEST_SEED repeats the draws. */
#include "tests/runtime/help.h"

enum { SLOTS = 4, WORKERS = 12, CHANNELS = 3, PERMITS = 3 };

static struct {
    struct gor_mutex guard; /* of the slots */
    struct gor_ctx *slots[SLOTS];
    struct gor_chan *c[CHANNELS];
    struct gor_mutex mutex;
    struct gor_rwmutex rwmutex;
    struct gor_sem sem;
    struct gor_waitgroup workers;
    long locked;  /* guarded by mutex */
    long written; /* guarded by rwmutex */
    _Atomic long locks;
    _Atomic long writes;
    _Atomic long readers;
    _Atomic long permits_out;
    _Atomic int64_t sent;
    _Atomic int64_t received;
    _Atomic long ended;
    _Atomic bool stop;
} race;

struct worker {
    uint64_t random;
    int rounds;
};

/* One of those that may end at any moment, or have ended. */
static struct gor_ctx *borrow(struct worker *w)
{
    gor_mutex_lock(&race.guard);
    struct gor_ctx *ctx = gor_ctx_ref(race.slots[random_below(&w->random, SLOTS)]);
    gor_mutex_unlock(&race.guard);
    return ctx;
}

static bool got(int result)
{
    CHECK(result >= 0 || result == -ECANCELED || result == -ETIMEDOUT);
    return result >= 0;
}

static void use_mutex(struct worker *w, struct gor_ctx *ctx)
{
    if (got(gor_mutex_lock_ctx(&race.mutex, ctx))) {
        race.locked++;
        atomic_fetch_add(&race.locks, 1);
        if (random_below(&w->random, 4) == 0) {
            gor_yield();
        }
        gor_mutex_unlock(&race.mutex);
    }
}

static void use_rwmutex(struct worker *w, struct gor_ctx *ctx)
{
    if (random_below(&w->random, 3) == 0) {
        if (got(gor_rwmutex_lock_ctx(&race.rwmutex, ctx))) {
            CHECK_EQ(atomic_load(&race.readers), 0);
            race.written++;
            atomic_fetch_add(&race.writes, 1);
            gor_yield();
            gor_rwmutex_unlock(&race.rwmutex);
        }
    } else if (got(gor_rwmutex_rlock_ctx(&race.rwmutex, ctx))) {
        atomic_fetch_add(&race.readers, 1);
        gor_yield();
        atomic_fetch_sub(&race.readers, 1);
        gor_rwmutex_runlock(&race.rwmutex);
    }
}

static void use_sem(struct worker *w, struct gor_ctx *ctx)
{
    int count = 1 + random_below(&w->random, PERMITS);
    if (got(gor_sem_acquire_ctx(&race.sem, count, ctx))) {
        CHECK_INT(atomic_fetch_add(&race.permits_out, count) + count, <=, PERMITS);
        gor_yield();
        atomic_fetch_sub(&race.permits_out, count);
        gor_sem_release(&race.sem, count);
    }
}

static void use_chan(struct worker *w, struct gor_ctx *ctx)
{
    struct gor_chan *c = race.c[random_below(&w->random, CHANNELS)];
    int64_t value = 1 + random_below(&w->random, 100);
    if (random_below(&w->random, 2) == 0) {
        if (got(gor_chan_send_ctx(c, &value, ctx))) {
            atomic_fetch_add(&race.sent, value);
        }
    } else if (got(gor_chan_recv_ctx(c, &value, ctx))) {
        atomic_fetch_add(&race.received, value);
    }
}

static void use_select(struct worker *w, struct gor_ctx *ctx)
{
    int64_t out = 1 + random_below(&w->random, 100);
    int64_t in = 0;
    struct gor_case cases[] = {
        {.chan = race.c[0], .value = &in, .op = GOR_RECV},
        {.chan = race.c[random_below(&w->random, CHANNELS)], .value = &out, .op = GOR_SEND},
        {.chan = race.c[1], .value = &in, .op = GOR_RECV},
    };
    int done = gor_select_ctx(cases, 3, ctx);
    if (got(done)) {
        atomic_fetch_add(done == 1 ? &race.sent : &race.received, done == 1 ? out : in);
    }
}

static void work(void *arg)
{
    static void (*const uses[])(struct worker *, struct gor_ctx *) = {
        use_mutex, use_rwmutex, use_sem, use_chan, use_select};
    struct worker *w = arg;
    for (int i = 0; i < w->rounds; i++) {
        struct gor_ctx *ctx = borrow(w);
        uses[random_below(&w->random, 5)](w, ctx);
        gor_ctx_unref(ctx);
    }
    gor_waitgroup_done(&race.workers);
}

static struct gor_ctx *new_ctx(struct worker *w)
{
    struct gor_ctx *ctx = NULL;
    int64_t ns = random_below(&w->random, 200) * GOR_MICROSECOND;
    CHECK_EQ(random_below(&w->random, 2) == 0
                 ? gor_ctx_with_cancel(gor_ctx_background(), &ctx)
                 : gor_ctx_with_timeout(gor_ctx_background(), ns, &ctx),
             0);
    return ctx;
}

/* Until the workers are through: whoever waits has a context that ends. */
static void cancel_all_the_time(void *arg)
{
    struct worker *w = arg;
    while (!atomic_load(&race.stop)) {
        struct gor_ctx *fresh = new_ctx(w);
        int slot = random_below(&w->random, SLOTS);
        gor_mutex_lock(&race.guard);
        struct gor_ctx *former = race.slots[slot];
        race.slots[slot] = fresh;
        gor_mutex_unlock(&race.guard);
        for (int i = random_below(&w->random, 4); i > 0; i--) {
            gor_yield();
        }
        gor_ctx_cancel(former, NULL);
        gor_ctx_unref(former);
    }
    atomic_fetch_add(&race.ended, 1);
}

static void drain(void)
{
    int64_t value = 0;
    for (int i = 0; i < CHANNELS; i++) {
        while (gor_chan_try_recv(race.c[i], &value) == 1) {
            atomic_fetch_add(&race.received, value);
        }
        gor_chan_unref(race.c[i]);
    }
}

GO_TEST(limit_race_loses_nothing)
{
    static struct worker workers[WORKERS + 1];
    uint64_t seed = test_seed();
    for (int i = 0; i <= WORKERS; i++) {
        workers[i].random = seed + (uint64_t)i;
        workers[i].rounds = SCALED(4000, 1000, 400);
    }
    for (int i = 0; i < CHANNELS; i++) {
        race.c[i] = new_chan(sizeof(int64_t), (size_t)i);
    }
    for (int i = 0; i < SLOTS; i++) {
        race.slots[i] = new_ctx(&workers[WORKERS]);
    }
    gor_sem_release(&race.sem, PERMITS);
    gor_waitgroup_add(&race.workers, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        spawn(work, &workers[i]);
    }
    spawn(cancel_all_the_time, &workers[WORKERS]);
    gor_waitgroup_wait(&race.workers);
    atomic_store(&race.stop, true);
    YIELD_UNTIL(atomic_load(&race.ended) == 1)
    for (int i = 0; i < SLOTS; i++) {
        gor_ctx_unref(race.slots[i]);
    }
    drain();
    CHECK_EQ(race.locked, atomic_load(&race.locks));
    CHECK_EQ(race.written, atomic_load(&race.writes));
    CHECK_EQ(atomic_load(&race.sent), atomic_load(&race.received));
    CHECK_EQ(gor_sem_acquire(&race.sem, PERMITS, 0), 0);
    CHECK_EQ(gor_mutex_try_lock(&race.mutex), 0);
    CHECK_EQ(gor_rwmutex_lock_until(&race.rwmutex, 0), 0);
    /* Who came too late for its deadline still has the memory. */
    await_alone();
}
