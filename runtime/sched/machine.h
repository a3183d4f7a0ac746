/* SPDX-License-Identifier: MIT */
/* machine.h - M: a thread that runs goroutines, and the current one of each thread.
 *
 * An M without a P is looking for one or sleeps (find.c), or its goroutine is outside and has lost
 * it; see gor__lack and handoff.h.
 *
 * `after` is what remains to be done once the stack that was left is safely stored; whoever runs
 * next on this thread does it (gor__after_switch).
 *
 * Threads     its own thread only, but for `wake`, the atomics, and what says "under gor__sched.lock";
 *             `p` is also written by whoever takes the P while the thread is outside, or gives one.
 */
#ifndef GOR_SCHED_MACHINE_H
#define GOR_SCHED_MACHINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "runtime/base/lock.h"
#include "runtime/base/random.h"
#include "runtime/cpu/registers.h"
#include "runtime/cpu/sanitizer.h"
#include "runtime/cpu/switch.h"

struct gor__capture;
struct gor__g;
struct gor__p;

enum gor__after {
    GOR__AFTER_NOTHING,
    GOR__AFTER_UNLOCK,       /* a gor__lock */
    GOR__AFTER_UNLOCK_SPIN,  /* a gor__spin */
    GOR__AFTER_UNLOCK_CASES, /* the channels of the select that after_g waits in */
    GOR__AFTER_YIELD,        /* after_g is runnable again */
    GOR__AFTER_YIELD_BOUND,  /* the same, and bound to this thread */
    GOR__AFTER_EXIT,         /* after_g has ended */
    GOR__AFTER_EXIT_RESCUED, /* the same, on a stack that is not its own; see overflow.h */
};

/* Why an M that runs a goroutine has no P; under gor__sched.lock. */
enum gor__lack {
    GOR__LACK_NOTHING,
    GOR__LACK_AWAY,  /* its goroutine blocks in foreign code: it does not want one */
    GOR__LACK_WAITS, /* it is on gor__sched.waiting: came back from there, or bound to a goroutine */
    GOR__LACK_HOG,   /* it is on gor__sched.hogs: has used up its slice */
};

/* Values of gor__m.taken. Closed is for good: the runtime stops, and whoever comes back from outside
 * leaves its goroutine at the door. In the seeded mode it is GOR__TAKEN all the time. */
enum { GOR__NOT_TAKEN = 0, GOR__TAKEN = 1, GOR__CLOSED = 2 };

struct gor__m {
    struct gor__g *g; /* running now; NULL on the scheduler's own stack */
    struct gor__p *p; /* held; NULL: none */
    bool inside;      /* atomic: in the runtime's code, see door.h */
    uint32_t taken;   /* atomic: whether the P was taken, or is about to be */
    uint32_t
        let_on; /* futex: how often that was taken back. Whoever waits goes by this, for `taken`
                       * may have been set anew before he looks. */
    enum gor__after after;
    struct gor__g *after_g;
    void *after_lock;
    struct gor__context scheduler; /* the thread's own stack, while a goroutine runs */
    int *errno_address;            /* of this thread */
    struct gor__fiber fiber;       /* of the thread's own stack */
    struct gor__fiber *left;       /* the one that was just switched from; for the sanitizers */
    struct gor__random random;

    bool ends; /* the thread does: its bound goroutine has ended, or there are enough without it */
    bool spinning; /* looks for work without having any; counted in gor__sched.spinning */
    uint32_t wake; /* futex: 1 when woken */
    uint32_t id;
    struct gor__m *next_idle; /* list link; under gor__sched.lock, as all of these */
    struct gor__m *prev_idle; /* NULL: it is the first, or on no list */
    struct gor__m *next;      /* list link of all Ms */
    struct gor__m *prev;
    pthread_t thread;
    bool made; /* atomic: there is a thread */
    /* Robust: the thread holds it once it is about to end, and the kernel lets go when it has. */
    pthread_mutex_t ending;
    void *signal_stack; /* owned */

    /* Losing the P and getting one; under gor__sched.lock. */
    enum gor__lack lack;
    struct gor__m *next_lacking; /* list link of waiting and hogs */
    int64_t lacking_since;       /* gor_now() */
    int64_t cpu_seen;            /* CPU time of the thread when last looked at; sysmon's */
    struct gor__g *bound;        /* the goroutine that locked this thread; NULL: none */
    struct gor__m *next_bound;   /* list link of those with the same hash of `bound` */

    /* Set by the thread before it first has a P. */
    int tid;
    clockid_t cpu_clock;
    int preempt_timer; /* atomic; of the kernel, on the thread's CPU time; -1: none */

    /* For those who look at what it does. */
    struct gor__capture *captures; /* atomic: those who ask; see capture.h */
    uint32_t stopped;              /* atomic: odd while in the handler of preempt.c, and then ... */
    struct gor__registers stopped_at; /* ... where it was interrupted */
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
