/* SPDX-License-Identifier: MIT */
/* trace.h - what the scheduler does, noted down as it happens, in one ring for each P and one for
 * whatever happens without a P.
 *
 * Here is only the noting down: debug/trace.c switches it on, reads the rings and tells the story.
 * While it is off, all that is done is to ask gor__observes(GOR__OBSERVE_TRACE).
 *
 * A switch is one record: why the one before stopped, and who goes on. No record is needed to
 * understand a later one but to know more, for the flight recorder forgets the older ones.
 *
 * A record is written before the step it tells of can be seen by anybody: that a goroutine waits before
 * the lock is released under which it can be found, that it is ready before it is put on a queue, that it
 * runs after it was taken from one. So what happens to one goroutine is written in its true order, be it
 * in several rings; and by the turns in its records that order can be told from them where the clocks
 * of processors disagree.
 *
 * Two that hand each other messages wake and switch every few dozen nanoseconds, and another look at
 * the clock for each wake-up would be felt. While switches come that fast, a wake-up has the time of the
 * switch before it and says so; whether they still do is looked at every few switches, and at each one that
 * does not go to whom was woken last. The times of switches are always exact.
 *
 * Most often the next that happens is that the waker stops and the P goes to the one woken: then the
 * record of the switch says both. So such a wake-up is not written until it is known what comes next,
 * which is before anything else is written in that ring, and before somebody else can run the one woken:
 * before it leaves runq.next for the queue, before the P changes hands or its queues do in a resize, and
 * before sysmon offers it to thieves, which then is done with the waker held off outside (gor__offer_next).
 * So while a wake-up may be left out runq.next is its holder's alone, who puts there and takes by plain
 * steps, and that one is the next to run if no other has to go first. debug/trace_feed.c, through which all
 * readers look, puts the READY back where it was left out. Only a snapshot by somebody else may come before
 * a wake-up is written, and miss that one.
 *
 * Threads     the ring of a P has one writer at a time: its holder while that is inside (no signal stops
 *             it there, and nobody takes the P), or whoever takes the P from one that is outside, under
 *             gor__sched.lock and after the fence of door.h. The P changes hands under that lock, which
 *             orders the one's records before the other's. The common ring is written by anybody, under a
 *             lock of its own, while no signal can stop him. Rings come and go while the world stands:
 *             with no P held but by the one who has stopped it, nobody is in the middle of a record, and
 *             whoever gets a P afterwards sees what was changed by the lock he gets it under.
 * See also    docs/tracing.md.
 */
#ifndef GOR_SCHED_TRACE_H
#define GOR_SCHED_TRACE_H

#include "runtime/gor.h"
#include "runtime/sched/observe.h"
#include "runtime/sched/trace_ring.h"

struct gor__g;
struct gor__m;
struct gor__p;

/* Event, and what its record says: id; a; b. "g" is the id of a goroutine, "m" of a thread, "tid" the
 * kernel's. `a` has 56 bits. The turn of a goroutine, from bit GOR__TRACE_TURN_AT on, is how often it
 * had gone on before: gor__g.switches, 32 bits. */
#define GOR__TRACE_EVENTS(X)                                                           \
    X(NOTHING)                                                                         \
    X(CREATED)       /* g; where gor_go was called; its function */                    \
    X(NAMED)         /* g; bytes of the name, which follows in TEXTs */                \
    X(READY)         /* g; enum gor__trace_waker, GOR__TRACE_UNTIMED, turn */          \
    X(SWITCHED)      /* g or 0; state and reason of the one that stops, or 0, */       \
                     /* turn, GOR__TRACE_FIRST and GOR__TRACE_WOKEN of the one that */ \
                     /* goes on; function */                                           \
    X(TAKEN)         /* g that runs on without a P; enum gor__trace_loss, turn; m */   \
    X(GIVEN)         /* g that runs on with a P; m, turn; its function */              \
    X(HELD)          /* m that holds the P from now on; its tid */                     \
    X(DROPPED)       /* m that holds it no more */                                     \
    X(STOLEN)        /* index of the P they were taken from; how many */               \
    X(FIRED)         /* timers */                                                      \
    X(POLLED)        /* goroutines that the network woke */                            \
    X(THREAD_BEGAN)  /* m; its tid */                                                  \
    X(THREAD_ENDED)  /* m */                                                           \
    X(THREAD_SLEEPS) /* m, for want of work */                                         \
    X(THREAD_POLLS)  /* m waits in the network poller */                               \
    X(THREAD_AWAKE)  /* m */                                                           \
    X(THREAD_LACKS)  /* m; enum gor__lack; g or 0 */                                   \
    X(WORLD_STOPS)   /* g who wants it or 0 */                                         \
    X(WORLD_STANDS)                                                                    \
    X(WORLD_GOES_ON)                                                                   \
    X(PROCS)        /* Ps in use */                                                    \
    X(COUNTS)       /* goroutines; runnable ones; timers */                            \
    X(LOG)          /* g or 0; bytes of category and text, in TEXTs; of category */    \
    X(REGION_BEGAN) /* g; bytes of the name, which follows in TEXTs */                 \
    X(REGION_ENDED) /* g */                                                            \
    X(TEXT)         /* more of it, in place of all but the event */                    \
    X(GAP)          /* from the reader: --; how many were overwritten unread */        \
    X(GAP_ENDS)     /* and from here on all are there again */

enum gor__trace_event {
#define GOR__TRACE_ENUM(id) GOR__TRACE_##id,
    GOR__TRACE_EVENTS(GOR__TRACE_ENUM)
#undef GOR__TRACE_ENUM
        GOR__TRACE_EVENT_COUNT
};

enum gor__trace_waker {
    GOR__TRACE_BY_GOROUTINE,
    GOR__TRACE_BY_TIMER,
    GOR__TRACE_BY_NETWORK,
    GOR__TRACE_BY_STRANGER,      /* a thread that is not the runtime's */
    GOR__TRACE_UNTIMED = 1 << 8, /* since the last switch; it is not known when */
};

enum gor__trace_loss {
    GOR__TRACE_LOST_BLOCKED, /* in foreign code */
    GOR__TRACE_LOST_HOG,     /* had used up its slice */
    GOR__TRACE_LOST_WORLD,   /* the world stops */
    GOR__TRACE_LOST_RETIRED, /* GOMAXPROCS is less now */
};

enum {
    GOR__TRACE_TEXT_BYTES = 31, /* of one TEXT: all but the event */
    GOR__TRACE_TEXT_MAX = (GOR__TRACE_UNIT_MAX - 1) * GOR__TRACE_TEXT_BYTES,
    GOR__TRACE_WOKEN = 1 << 22, /* with SWITCHED: a READY before it is left out */
    GOR__TRACE_FIRST = 1 << 23, /* with SWITCHED: its first turn */
    GOR__TRACE_TURN_AT = 24,
    GOR__TRACE_BRIEF_TICKS = 512, /* of the cpu: some 200 ns, how fast switches come; see above */
    GOR__TRACE_PACE = 8,          /* switches between two looks whether they still do */
};

/* The ring for what happens without a P. */
extern struct gor__trace_ring gor__trace_common __attribute__((visibility("hidden")));

/* For a P that has no ring: what is written there is lost. Mask 0. */
extern struct gor__trace_record gor__trace_nowhere[1] __attribute__((visibility("hidden")));

/* Give the common ring memory, or NULL; afterwards nobody writes to what it had. Any thread. */
void gor__trace_set_common(struct gor__trace_record *records, uint64_t count);

/* A ring for a P that is about to be made, as large as the others are; debug/trace.c. */
void gor__trace_new_proc(struct gor__p *p);

/* The process is about to end in a panic or a deadlock: write what was to be kept for that; outside;
 * debug/trace.c. */
void gor__trace_crash(void);

/* With the world standing: what is so when a trace begins. `m`: who has stopped it, or NULL. */
void gor__trace_begin(const struct gor__m *m);

/* Write the wake-up that was to go with the next switch of `p`, if there is one, for something else comes
 * before that. The writer of its ring. */
void gor__trace_settle(struct gor__p *p);

/* ---- noting down; while it is on. Those with an `m`: to the ring of its P, if it has one. */

/* Any event: in the ring of a P, as its holder or under gor__sched.lock; or where `m`, which may be
 * NULL, writes. */
void gor__trace_proc(struct gor__p *p, enum gor__trace_event event, uint64_t id, uint64_t a,
                     uint64_t b);
void gor__trace_at(const struct gor__m *m, enum gor__trace_event event, uint64_t id, uint64_t a,
                   uint64_t b);

/* With bytes behind it, at most GOR__TRACE_TEXT_MAX; their number is `a`. */
void gor__trace_text(const struct gor__m *m, enum gor__trace_event event, uint64_t id, uint64_t b,
                     const char *text, size_t bytes);

/* One TEXT of up to GOR__TRACE_TEXT_BYTES; and all of those bytes of one. */
void gor__trace_pack(struct gor__trace_record *out, const char *text, size_t bytes);
void gor__trace_unpack(const struct gor__trace_record *record, char *out_text);

/* The same from outside: a goroutine that has lost its P meanwhile waits for one, as at every door; the
 * seed's course stays. */
void gor__trace_outside(enum gor__trace_event event, uint64_t id, uint64_t b, const char *text,
                        size_t bytes);

/* Every GOR__TRACE_PACE switches of `p`: whether they still come fast. */
void gor__trace_look_at_pace(struct gor__p *p);

/* If thieves are offered runq.next of `p`, and none has taken that up: whether it was taken back, and no
 * other is made while the holder is inside. */
bool gor__trace_take_back_offer(struct gor__p *p);

/* On `p`: from one goroutine to another: trace_felt.h. From `left`, whose state is set, to the scheduler's stack (NULL: the runtime stops);
 * from there to `next`. */
void gor__trace_leave(struct gor__p *p, const struct gor__g *left);
void gor__trace_resume(struct gor__p *p, const struct gor__g *next);
void gor__trace_created(const struct gor__m *m, const struct gor__g *g);
/* `g` is to run next on `p`, and cannot be left out: whether it was written without a look at the clock;
 * else gor__trace_ready is to be called. */
bool gor__trace_ready_untimed(struct gor__p *p, const struct gor__g *g);
/* `from_network`: it is in a list from the poller, unless a goroutine runs. */
void gor__trace_ready(const struct gor__g *g, bool from_network);
void gor__trace_held(const struct gor__m *m, struct gor__p *p);
void gor__trace_taken(const struct gor__m *m, struct gor__p *p, enum gor__trace_loss loss);
void gor__trace_given(const struct gor__m *m, struct gor__p *p);
/* With the world standing, before what Ps have changes hands: that there are to be `count`. */
void gor__trace_resized(uint32_t count);
/* The gauges of now. Sysmon, or whoever has stopped the world. */
void gor__trace_counts(void);

/* ---- the same for rare occasions, with the question */

static inline void gor__note_proc(struct gor__p *p, enum gor__trace_event event, uint64_t id,
                                  uint64_t a)
{
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_proc(p, event, id, a, 0);
    }
}

static inline void gor__note(const struct gor__m *m, enum gor__trace_event event, uint64_t id,
                             uint64_t a)
{
    if (gor__observes(GOR__OBSERVE_TRACE)) {
        gor__trace_at(m, event, id, a, 0);
    }
}

/* Something of the thread itself, whatever P it has. */
static inline void gor__note_thread(enum gor__trace_event event, uint64_t id, uint64_t a)
{
    gor__note(NULL, event, id, a);
}

#endif
