/* SPDX-License-Identifier: MIT */
/* machine.h - M: a thread that runs goroutines, and the current one of each thread.
 *
 * `after` is what remains to be done once the stack that was left is safely stored; whoever runs
 * next on this thread does it (gor__after_switch).
 *
 * Threads     its own thread only, but for `park` and what says "under gor__sched.lock".
 */
#ifndef GOR_SCHED_MACHINE_H
#define GOR_SCHED_MACHINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "runtime/base/lock.h"
#include "runtime/base/random.h"
#include "runtime/cpu/sanitizer.h"
#include "runtime/cpu/switch.h"

struct gor__g;
struct gor__p;

enum gor__after {
    GOR__AFTER_NOTHING,
    GOR__AFTER_UNLOCK,       /* a gor__lock */
    GOR__AFTER_UNLOCK_SPIN,  /* a gor__spin */
    GOR__AFTER_UNLOCK_CASES, /* the channels of the select that after_g waits in */
    GOR__AFTER_YIELD,        /* after_g is runnable again */
    GOR__AFTER_EXIT,         /* after_g has ended */
};

struct gor__m {
    struct gor__g *g; /* running now; NULL on the scheduler's own stack */
    struct gor__p *p; /* held; NULL: none */
    enum gor__after after;
    struct gor__g *after_g;
    void *after_lock;
    struct gor__context scheduler; /* the thread's own stack, while a goroutine runs */
    int *errno_address;            /* of this thread */
    struct gor__fiber fiber;       /* of the thread's own stack */
    struct gor__fiber *left;       /* the one that was just switched from; for the sanitizers */
    struct gor__random random;

    bool spinning; /* looks for work without having any; counted in gor__sched.spinning */
    uint32_t wake; /* futex: 1 when woken */
    uint32_t id;
    struct gor__m *next_idle; /* list link; under gor__sched.lock */
    struct gor__m *next;      /* list link of all Ms; under gor__sched.lock */
    pthread_t thread;
    void *signal_stack; /* owned */
};

static inline void gor__m_note_left(struct gor__m *m, struct gor__fiber *left)
{
#if defined(__SANITIZE_ADDRESS__)
    m->left = left;
#endif
    (void)m;
    (void)left;
}

extern __thread struct gor__m *gor__tls_m __attribute__((tls_model("initial-exec")));

/* The M of the calling thread; NULL outside the runtime. Read anew at every call: a compiler may
 * keep the address of a thread-local across a switch, and the thread may be another one afterwards.
 */
static inline struct gor__m *gor__m_self(void)
{
    struct gor__m *m;
    GOR__TLS_LOAD(gor__tls_m, m);
    return m;
}

/* For what only a goroutine may call and has no result to say so with: while the runtime is solo, a
 * thread that nobody reckons with would break plain operations unseen. */
static inline void gor__only_inside(void)
{
    GOR_ASSERT(gor__m_self() != NULL);
}

/* The calling goroutine; NULL when there is none. */
static inline struct gor__g *gor__g_self(void)
{
    struct gor__m *m = gor__m_self();
    return m != NULL ? m->g : NULL;
}

#endif
