/* SPDX-License-Identifier: MIT */
/* sched.h - the scheduler: which goroutine runs where, and how one waits and is woken.
 *
 * How a goroutine waits: it takes the lock of what it waits for, puts itself on that thing's queue,
 * and parks *with the lock held*; whoever runs next on the thread unlocks. A waker takes the lock,
 * so it cannot find a goroutine whose stack is still in use. A wait that several parties may end (a
 * deadline, a select) is armed with a token; see goroutine.h.
 *
 * Two orderings keep work and idle threads from missing each other:
 *   making work   put it on a queue; full fence; look for idle Ps and spinning Ms.
 *   going idle    give up the P, stop spinning; full fence; look at all queues once more.
 *
 * Locks, outermost first: channel or sync object < descriptor < watchers < timers < fresh <
 * gor__sched.lock < pool.
 */
#ifndef GOR_SCHED_SCHED_H
#define GOR_SCHED_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/futex.h"
#include "runtime/base/lock.h"
#include "runtime/sched/goroutine.h"
#include "runtime/sched/machine.h"
#include "runtime/sched/proc.h"

/* Ms that wait for a P, first come first served; `count` may be read without the lock. */
struct gor__m_queue {
    struct gor__m *first;
    struct gor__m *last;
    uint32_t count;
};

enum { GOR__BOUND_LISTS = 256 };

struct gor__sched {
    struct gor__mutex lock;

    /* Under the lock; the sizes may be read without it. */
    struct gor__g *global_first;
    struct gor__g *global_last;
    uint32_t global_count;
    struct gor__p *idle_procs;
    uint32_t idle_proc_count;
    struct gor__m *idle_machines; /* atomic: who gives up spinning peeks */
    struct gor__m *machines;
    struct gor__m *ended; /* Ms whose threads are ending, for the maker to free; atomic: it peeks */
    uint32_t machine_count;
    int32_t able; /* of these, how many have a P or could: gor__is_able */
    uint32_t machines_made;
    struct gor__m_queue waiting; /* Ms whose goroutine can go on at once, given a P */
    struct gor__m_queue hogs;    /* Ms whose goroutine has used up its slice */
    uint32_t away;               /* Ms whose lack is GOR__LACK_AWAY */
    struct gor__m *away_cursor;  /* where sysmon goes on looking for those; NULL: at the start */

    /* Atomic. */
    uint32_t spinning;  /* Ms that look for work */
    uint32_t poller;    /* 1: an M waits in the network poller */
    int64_t poll_until; /* the deadline it waits for */
    int64_t coarse_now; /* gor_now() as of the last look at the clock */
    bool stopping;
    bool running;
    uint32_t sysmon_word;     /* futex; GOR__SYSMON_ASLEEP: sysmon sleeps until work appears */
    uint32_t wanted;          /* futex; what the maker is to do, see machine.c */
    struct gor__trash *trash; /* atomic; what it is to free */
    uint32_t world_stopped;   /* futex; written under the lock; see world.h */
    uint32_t pauses;          /* futex; times an M has begun to pause for that */

    /* Set by start and resize. */
    uint32_t proc_count; /* Ps in use: procs[0] and on; atomic */
    uint32_t procs_made; /* Ps that exist; only grows; atomic */
    struct gor__p *procs[GOR__PROCS_MAX];
    struct gor_opts opts;
    int default_class; /* of stacks */
    int64_t started_at;
    uint32_t *root_done; /* borrowed futex, set to 1 and woken at the end of gor_run's root */
    pthread_t sysmon;
    pthread_t maker;

    /* Counters, relaxed. */
    uint64_t last_id; /* ids are handed out in blocks */
    uint64_t foreign_created;
    bool foreign_woke; /* a thread of the host has made a goroutine runnable; atomic */
    uint64_t parks;
    uint64_t wakeups;
    uint64_t polls;
    uint64_t handoffs;
    uint64_t preemptions;
    uint64_t blocking_calls;
    uint64_t quota_waiting; /* for a place in any quota, now */
    uint64_t quota_refused; /* times that somebody got none in one */
    uint32_t blocking_threads;

    struct gor__m *bound[GOR__BOUND_LISTS]; /* under the lock: Ms with a goroutine of their own */
};

extern struct gor__sched gor__sched __attribute__((visibility("hidden")));

/* ---- for those who wait and wake (sync, io) */

/* Park the calling goroutine; `held` is unlocked once its stack is stored. Returns when woken. */
void gor__park(struct gor__lock *held, enum gor_wait_reason reason);
void gor__park_spin(struct gor__spin *held, enum gor_wait_reason reason);

/* Park in a select, whose locked channels are unlocked by gor__select_unlock (sync/select.c). */
void gor__park_select(enum gor_wait_reason reason);
void gor__select_unlock(struct gor__g *g);

/* gor_yield, for whoever is inside. */
void gor__yield(struct gor__m *m);

/* Make a waiting goroutine runnable; the caller alone has the right to. Any thread. */
void gor__ready(struct gor__g *g);

/* A list, linked by g->next. Any thread. */
void gor__ready_list(struct gor__g *first, uint32_t count);

/* Have the calling goroutine's own timer claim `token` at the deadline and wake it, with woken_by
 * left alone; it starts with the next park, and gor__deadline_stop takes it back. GOR_NEVER:
 * nothing.
 */
void gor__deadline_start(struct gor__g *g, uint64_t token, int64_t deadline);
void gor__deadline_stop(struct gor__g *g, int64_t deadline);

/* The timer of `g` as it is for a deadline. */
void gor__deadline_set(struct gor__g *g, struct gor__timer *timer, uint64_t token,
                       int64_t deadline);

/* gor_now() at the last occasion somebody looked: cheap, up to 10 ms old while the runtime works.
 */
static inline int64_t gor__coarse_now(void)
{
    return __atomic_load_n(&gor__sched.coarse_now, __ATOMIC_RELAXED);
}

/* The clock, and a note of it for gor__coarse_now. */
int64_t gor__clock(void);

/* ---- inside sched/ */

/* Every so many switches of a P the scheduler looks at what its queues must not keep waiting. */
enum { GOR__FAIR_SWITCHES = 64 };

/* Run and forget the deferred calls, newest first. panic.c */
void gor__run_defers(struct gor__g *g);

/* Start fn(arg) for the caller, a goroutine or a thread of the host; the body of gor_go and gor_go_with:
 * it counts in the caller's quota, and may park at a ceiling. */
int gor__go(const struct gor_go_opts *opts, void (*fn)(void *), void *arg, const void *caller);

/* Start it for nobody in particular: functions of the user's that timers and contexts start. Never parks;
 * -EAGAIN at the ceiling. */
int gor__spawn(const struct gor_go_opts *opts, void (*fn)(void *), void *arg, const void *caller);

/* Start it under no ceiling, though it counts. */
int gor__spawn_always(const struct gor_go_opts *opts, void (*fn)(void *), void *arg,
                      const void *caller);

/* Start one of the library's own, which others wait for: in nobody's quota, under no ceiling, and in
 * nobody's way, but for its memory. The second one outside. */
int gor__spawn_own(const struct gor_go_opts *opts, void (*fn)(void *), void *arg);
int gor__go_own(const struct gor_go_opts *opts, void (*fn)(void *), void *arg);

/* While the runtime stops, after `running` was taken back and those who wait for a place were told: until
 * no thread of the host starts a goroutine any more. */
void gor__spawn_await_hosts(void);

/* On a thread's own stack: run goroutines until the runtime stops. */
void gor__schedule(struct gor__m *m);

/* Find something to run, sleeping if need be; NULL: the runtime stops, or this thread ends. find.c */
struct gor__g *gor__find_runnable(struct gor__m *m);

/* Whoever hand themselves on by runq.next must let the ring have a turn. The holder of the P. */
void gor__end_streak(struct gor__p *p);

/* The next goroutine from the P's own queues, or NULL. */
struct gor__g *gor__next_local(struct gor__p *p);

/* Finish what the switch that led here left to do. */
void gor__after_switch(struct gor__m *m);

/* Have an idle P served by another M, if there is one and nobody looks for work already. */
void gor__wake_idle(void);
/* The same once the world goes on, if something is to be done: for what came while nobody could have one. */
void gor__wake_after_stop(void);

/* Whether the threads that can have a P are as many as Ps: then one of them is about to look for work,
 * or to sleep, before which it looks once more. Under the lock. */
static inline bool gor__enough_machines(void)
{
    return gor__sched.able >= (int32_t)gor__sched.proc_count;
}

/* Queue a goroutine that has not run yet on the calling P. */
void gor__put_fresh(struct gor__p *p, struct gor__g *g);

/* The global queue; the second under gor__sched.lock. */
void gor__global_put(struct gor__g *first, struct gor__g *last, uint32_t count);
struct gor__g *gor__global_take(void);
void gor__global_put_locked(struct gor__g *first, struct gor__g *last, uint32_t count);

/* Idle lists; the caller holds gor__sched.lock. A P is given to somebody who waits for one rather
 * than put there. None is taken from there while the world is stopped, or once the runtime is. */
void gor__idle_put_proc(struct gor__p *p);
struct gor__p *gor__idle_take_proc(void);
struct gor__m *gor__idle_take_machine(void);

/* Have every scheduler look up before its next goroutine. */
void gor__call_attention(void);

/* Ps: procs.c */
int gor__procs_init(uint32_t count);

/* Times a goroutine was resumed, on all Ps together. Any thread. */
uint64_t gor__procs_switches(void);
void gor__procs_fini(void);

/* Something to be freed by fn(trash), which the scheduler itself may not do; part of the thing. */
struct gor__trash {
    struct gor__trash *next;
    void (*fn)(struct gor__trash *trash);
};

/* Threads: machine.c. Made by a thread of their own, the maker, for pthread_create wants memory. */
int gor__maker_start(void);
void gor__maker_stop(void);
void gor__machine_want(void);
/* Have the maker see when to look at idle stacks. */
void gor__maker_look(void);
/* Have the maker call fn() whenever it has slept; it answers when it wants to be called again at the
 * latest, by gor__monotonic. NULL: nothing. While it does not run. */
void gor__maker_errand(int64_t (*fn)(void));
/* Have the maker see whether all are asleep for good; see asleep.h. */
void gor__maker_look_asleep(void);
/* Have the maker free it: soon, at the latest when the runtime stops. Any thread, inside too. */
void gor__free_later(struct gor__trash *trash, void (*fn)(struct gor__trash *trash));
/* Free what was thrown away; outside. */
void gor__free_trash(void);
/* Once the maker has stopped: wait for threads that ended before the runtime stopped. False: not all have
 * gone by then. */
bool gor__machines_await_ended(int64_t deadline);

/* Sleep until woken, or until that moment of gor__monotonic: false then. */
bool gor__machine_sleep(struct gor__m *m, int64_t deadline);
void gor__machine_wake(struct gor__m *m);

/* Leave the running goroutine for good: the runtime stops, and there is no P to go on with. */
void gor__abandon(struct gor__m *m) __attribute__((noreturn));

/* sysmon.c */
enum { GOR__SYSMON_ASLEEP = 1 };
int gor__sysmon_start(void);
void gor__sysmon_stop(void);
/* Work has appeared after everybody was idle. */
static inline void gor__sysmon_notice(void)
{
    /* Sequential, as is the store of idle_proc_count before it: sysmon stores the word, then looks at
     * the count, and one of the two must see the other. */
    if (__atomic_load_n(&gor__sched.sysmon_word, __ATOMIC_SEQ_CST) == GOR__SYSMON_ASLEEP &&
        __atomic_exchange_n(&gor__sched.sysmon_word, 0, __ATOMIC_ACQ_REL) == GOR__SYSMON_ASLEEP) {
        gor__futex_wake(&gor__sched.sysmon_word, 1);
    }
}

/* fault.c: report stack overflows by name. */
enum { GOR__SIGNAL_STACK_BYTES = 65536 }; /* behind m->signal_stack */
void gor__fault_init(void);
void gor__fault_fini(void);
void gor__fault_thread_init(struct gor__m *m);
void gor__fault_thread_fini(struct gor__m *m);

#endif
