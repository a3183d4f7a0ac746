/* SPDX-License-Identifier: MIT */
/* goroutine.h - G: one goroutine, and how it waits.
 *
 * Gs live in tables (pool.h) for ever: the memory is type-stable, so that a late waker may still
 * look at one and find by `wake` that its time has passed. The stack comes with the first run
 * (stacks.h).
 *
 * States      one function changes them, gor__g_set_state; see GOR_STATES in gor.h. A G is on a
 *             run queue exactly while RUNNABLE, current on an M while RUNNING, in nobody's list
 *             but that of what it waits for while WAITING, on a free list while TERMINATED.
 * Threads     written by the M that runs it; while it waits, by whoever has won the right to wake
 *             it.
 */
#ifndef GOR_SCHED_GOROUTINE_H
#define GOR_SCHED_GOROUTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/cpu/switch.h"
#include "runtime/gor.h"
#include "runtime/sched/stacks.h"
#include "runtime/sched/timer.h"

struct gor__g;
struct gor__limit;
struct gor__waitq;

/* Bits of gor__g.flags. */
enum {
    GOR__G_COLD = 1,     /* who resumes it brings its stack back first; see cold.h */
    GOR__G_CLAIMED = 2,  /* who resumes it waits; see claim.h */
    GOR__G_LABELLED = 4, /* see labels.h */
    GOR__G_COUNTED = 8,  /* in `quota`; or, if that is NULL, as the library's own: see ceiling.h */
    GOR__G_SAMPLE = 16,  /* its stack was clean: memory tells how deep it goes; see sites.h */
    GOR__G_PANICS = 32,  /* see panic.h */
    GOR__G_RESCUED = 64, /* its stack is not its own; see overflow.h */
    GOR__G_ROOT = 128,   /* gor_run waits for its end */
    GOR__G_NAMED = 256,  /* see gor__pool_name */
    GOR__G_HIBERNATES = 512,  /* it may, whatever the program says; see hibernate.h */
    GOR__G_STAYS_WARM = 1024, /* it may not */
    GOR__G_STAMPED = 2048,    /* with the time it became runnable at; see latency.h */
    GOR__G_HANDLES = 4096,    /* panics: see gor__g_side */
    GOR__G_IN_NEED = 8192,    /* of stack, and overflows for that: see gor_stack_need */
};

/* One place in one queue of waiting goroutines. */
struct gor__waiter {
    struct gor__waiter *next; /* list link of the queue it is on */
    struct gor__waiter *prev;
    struct gor__g *g;
    uint64_t token; /* of gor__wake_arm; 0: only this queue can wake it, no claim needed */
    void *elem;     /* what is sent, or where it goes; may be NULL */
    uint32_t index; /* of the select case */
    int result;     /* filled by the waker: 1 done, 0 closed */
    struct gor__waitq *queue; /* the one it is on, under that one's lock; NULL: none */
};

/* Three cache lines, each for one occasion: a million goroutines lie far apart, and every line is a
 * miss of all caches. What few need is not here but beside the table (pool.c) or on the stack. */
struct gor__g {
    /* What a switch touches, and who wakes it. */
    struct gor__context context;
    struct gor__stack *stack; /* NULL until it first runs, and after its end; atomic for readers */
    struct gor__g *next;      /* list link of a run queue's overflow, a free list or a batch */
    uint8_t state;            /* enum gor_state */
    uint8_t reason;           /* enum gor_wait_reason */
    uint8_t stack_class;
    uint8_t io_streak : 4; /* I/O calls in a row that did not park */
    uint8_t limits : 4;    /* of the wait to come; see limit.c */
    uint16_t flags;        /* atomic, of GOR__G_...; set and cleared one by one */
    uint16_t thread_locks; /* gor_lock_os_thread without its counterpart; see bind.c */
    int saved_errno;
    /* Times resumed, or given a P anew: tells a reader of its stack that it has run meanwhile, and one of
     * a trace which turn is which. */
    uint32_t switches;
    int64_t waiting_since;        /* coarse clock, while WAITING; see also GOR__G_STAMPED */
    struct gor__waiter *woken_by; /* set by the waker; NULL: its limit */
    union {
        void *arg;                /* until it runs */
        struct gor__limit *limit; /* of the wait to come, if that has a context */
    };

    /* What it waits for. */
    uint64_t wake; /* see gor__wake_arm */
    union {
        struct gor__waiter waiter; /* for waits on one thing; on no queue while it does not wait */
        struct gor__timer sleep;   /* of gor_sleep; leaves waiter.queue alone */
    };

    /* Who it is. */
    gor_id_t id;
    gor_id_t parent;
    const void *created_at;
    void (*fn)(void *arg);
    char *cell; /* while it hibernates, see cold.h; atomic. Late readers find no other thing here */
    void *local;
    struct gor_defer *defers;
    struct gor_quota *quota; /* if GOR__G_COUNTED; then it lives as long as we do */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct gor__g) == 192, "a byte more costs a million goroutines 64 MB");
_Static_assert(offsetof(struct gor__g, wake) == 64 && offsetof(struct gor__g, id) == 128,
               "switching and waiting have a line each");
_Static_assert(sizeof(struct gor__timer) <= offsetof(struct gor__waiter, queue),
               "who sleeps is on no queue, as debug/waits.c can tell");

/* What few goroutines have: it lies beside the table (gor__pool_side), and is memory once it is used. */
struct gor__g_side {
    struct gor__timer deadline; /* of a wait for something else */
    /* If GOR__G_HANDLES. */
    void (*on_panic)(void *arg, const char *message);
    void *on_panic_arg;
} __attribute__((aligned(64)));

static inline void gor__g_set_state(struct gor__g *g, enum gor_state state,
                                    enum gor_wait_reason reason)
{
    __atomic_store_n(&g->reason, (uint8_t)reason, __ATOMIC_RELAXED);
    __atomic_store_n(&g->state, (uint8_t)state, __ATOMIC_RELEASE);
}

static inline enum gor_state gor__g_state(const struct gor__g *g)
{
    return (enum gor_state)__atomic_load_n(&g->state, __ATOMIC_ACQUIRE);
}

static inline bool gor__g_has_flag(const struct gor__g *g, uint16_t flags)
{
    return (__atomic_load_n(&g->flags, __ATOMIC_RELAXED) & flags) != 0;
}

/* Whether it works for the library itself. */
static inline bool gor__g_is_own(const struct gor__g *g)
{
    return gor__g_has_flag(g, GOR__G_COUNTED) && g->quota == NULL;
}

/* Who claims a goroutine sets a flag of its while it goes on, so nobody stores the word as a whole. */
static inline void gor__g_clear_flag(struct gor__g *g, uint16_t flag)
{
    if ((__atomic_load_n(&g->flags, __ATOMIC_RELAXED) & flag) != 0) {
        (void)__atomic_fetch_and(&g->flags, (uint16_t)~flag, __ATOMIC_RELEASE);
    }
}

/* A wait that more than one party can end: the token names this wait; the party whose
 * gor__wake_claim succeeds, and only it, makes the goroutine runnable. Even values are open waits,
 * odd ones are settled; they only grow, so a stale token never matches. */
uint64_t gor__wake_arm(struct gor__g *g);
bool gor__wake_claim(struct gor__g *g, uint64_t token);

#endif
