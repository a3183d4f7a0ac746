/* SPDX-License-Identifier: MIT */
/* storm.h - what the workers of storm_test share, and the list of all they may do.
 *
 * Each action is one step of one worker; it may park, but not for long. Whatever it takes from the
 * shared things it gives back, and counts, so that storm_test.c can add everything up in the end.
 */
#ifndef GOR_TESTS_RUNTIME_STORM_STORM_H
#define GOR_TESTS_RUNTIME_STORM_STORM_H

#include <pthread.h>

#include "tests/runtime/help.h"

enum { STORM_CHANNELS = 6, STORM_PERMITS = 5, STORM_TOKENS = 8, STORM_ONCES = 16 };

struct storm {
    struct gor_chan *c[STORM_CHANNELS]; /* elements of int64_t, the first half unbuffered */
    _Atomic int64_t sent;
    _Atomic int64_t received;

    struct gor_mutex m;
    struct gor_cond cond; /* over m */
    long locked;          /* guarded by m */
    _Atomic long locks;
    struct gor_rwmutex rw;
    long written;      /* guarded by rw */
    long written_copy; /* guarded by rw */
    _Atomic long writes;
    struct gor_sem sem;
    _Atomic long permits_out;
    struct gor_once onces[STORM_ONCES];
    _Atomic long once_calls[STORM_ONCES];
    pthread_mutex_t foreign_lock;
    long foreign_count; /* guarded by foreign_lock */
    _Atomic long foreign_counts;

    struct gor_timer *ticker;
    _Atomic long timers;
    _Atomic long timers_fired;
    _Atomic long timers_prevented;
    struct gor_ctx *root_ctx;
    _Atomic long afters;
    _Atomic long afters_run;
    _Atomic long afters_stopped;

    int pipe[2]; /* holds STORM_TOKENS bytes, or those who took one give it back */
    _Atomic long children;
    _Atomic long children_ended;
    _Atomic long panics;
    _Atomic long panics_handled;
    _Atomic long deferred;
    _Atomic long deferred_run;

    struct gor_pool *pool;

    struct gor_waitgroup workers;
    int steps;
};

struct storm_worker {
    struct storm *s;
    uint64_t random;
};

/* A thread that traces it all meanwhile, and checks what it gets. */
struct storm_tracer {
    uint64_t random;
    _Atomic bool stop;
    size_t traces;
    size_t events;
    size_t runs;
    uint64_t lost;
};

void *storm_trace(void *tracer);

/* name, how many tickets it has in the draw */
#define STORM_ACTIONS(X)                                    \
    /* chans.c */                                           \
    X(send, 4)                                              \
    X(recv, 4)                                              \
    X(try, 2)                                               \
    X(select, 4)                                            \
    X(close, 2)                                             \
    /* locks.c */                                           \
    X(lock, 4)                                              \
    X(rwlock, 2)                                            \
    X(permits, 2)                                           \
    X(once, 1)                                              \
    X(broadcast, 1)                                         \
    /* times.c */                                           \
    X(sleep, 2)                                             \
    X(timer, 2)                                             \
    X(timer_func, 2)                                        \
    X(tick, 1)                                              \
    X(context, 2)                                           \
    X(context_tree, 2)                                      \
    X(after_func, 2)                                        \
    /* ctxs.c */                                            \
    X(ctx_chan, 2)                                          \
    X(ctx_select, 2)                                        \
    X(ctx_lock, 2)                                          \
    X(ctx_rwlock, 1)                                        \
    X(ctx_permits, 2)                                       \
    X(ctx_wait, 1)                                          \
    /* groups.c */                                          \
    X(group, 1)                                             \
    X(pool, 2)                                              \
    /* ios.c */                                             \
    X(token, 2)                                             \
    X(own_pipe, 2)                                          \
    X(socket, 1)                                            \
    X(close_under_use, 2)                                   \
    X(blocking, 2)                                          \
    /* lives.c */                                           \
    X(deep, 2)                                              \
    X(spawn, 2)                                             \
    X(panic, 1)                                             \
    X(defer, 1)                                             \
    X(look, 2)                                              \
    X(resize, 1)                                            \
    X(yield, 1)                                             \
    /* foreigns.c: code that knows nothing of goroutines */ \
    X(nap, 1)                                               \
    X(spin, 1)                                              \
    X(memory, 2)                                            \
    X(foreign_lock, 1)                                      \
    X(lock_thread, 1)                                       \
    X(keep_errno, 1)

#define STORM_DECLARE(name, tickets) void storm_##name(struct storm_worker *w);
STORM_ACTIONS(STORM_DECLARE)
#undef STORM_DECLARE

/* Of the pool. */
void *storm_make_object(void *arg);
void storm_destroy_object(void *object, void *arg);

static inline int storm_below(struct storm_worker *w, int limit)
{
    return random_below(&w->random, limit);
}

/* A deadline at most a fifth of a millisecond away. */
static inline int64_t storm_soon(struct storm_worker *w)
{
    return gor_after(storm_below(w, 200) * GOR_MICROSECOND);
}

static inline struct gor_chan *storm_any_chan(struct storm_worker *w)
{
    return w->s->c[storm_below(w, STORM_CHANNELS)];
}

#endif
