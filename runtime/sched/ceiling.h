/* SPDX-License-Identifier: MIT */
/* ceiling.h - how many goroutines there may be: what gor_opts says, what the memory for stacks allows,
 * and what address space and mappings do. Whoever starts one has a place for it first, so that a
 * goroutine that was promised gets its stack.
 *
 * A P takes places in advance, a few at a time, and uses them up without looking at anybody; the fewer are
 * left, the fewer it takes. Nothing is given back at the end of a goroutine: a look counts those that live
 * by the counters there are anyway. So a spawn costs a decrement, and a spawn and an end a load.
 *
 * The library's own goroutines, which others wait for, need no place and take none: they count only in the
 * memory that is left.
 *
 * Memory      Stacks that have memory are those in use, and what Ps keep of free ones (stacks.h). Each
 *             goroutine that was let in is paid for, in use or not, and what Ps may keep is set aside. So
 *
 *                 warm stacks * page + grown  <=  bytes
 *
 *             but for what stacks have grown since the last look (grown.h), and for goroutines that are
 *             always let in: gor_run's root, and the library's own.
 *             Where stacks have grown so much that there is nothing left, those that exist may be used
 *             again: as many as got their memory while there was some.
 *
 * Who waits   is served in the order of coming, by whoever makes room: by the end of a goroutine, by
 *             using up or giving back a place, since a look may have counted both it and its goroutine, or
 *             by sysmon, for memory. Making room is counting it, then looking at `watched`; the first to
 *             wait sets that and has the kernel fence every thread. From then on who makes room fences,
 *             and looks at the line; see line.h.
 *
 * Invariants  never more goroutines than the ceiling says, but for those that are always let in; a 64th
 *             less, perhaps, while other Ps have places in advance. Somebody waits only while `watched`.
 * Threads     any, inside or on the host's threads.
 */
#ifndef GOR_SCHED_CEILING_H
#define GOR_SCHED_CEILING_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/sched/line.h"
#include "runtime/sched/proc.h"

struct gor__ceiling {
    struct gor__line line;
    int64_t waited_at; /* when somebody last did; coarse clock; under the lock */
    uint64_t promised; /* places of those who are about to start one; atomic */
    uint64_t own;      /* the library's own goroutines that live; atomic */
    uint64_t kept;     /* free stacks that Ps may keep, all together; atomic */
    bool watched;      /* atomic: whoever makes room looks whether somebody waits */
    /* Set at the start. */
    uint64_t most;  /* gor_opts.max_goroutines, and what address space and mappings allow */
    uint64_t bytes; /* of stacks */
    uint64_t goroutine_bytes; /* what a goroutine costs at least */
    int stack_class;          /* of those that ask for none */
};

extern struct gor__ceiling gor__ceiling __attribute__((visibility("hidden")));

/* Once there are Ps, and it is known whether fences work. */
void gor__ceiling_init(const struct gor_opts *opts, int stack_class);

/* There are more Ps, or fewer; while the world stands. */
void gor__ceiling_resize(void);

/* Whoever of the host's threads waits gives up, with -ESRCH, and nobody waits any more. */
void gor__ceiling_stop(void);

/* Whether all stacks fit under it if so many have memory. */
bool gor__ceiling_has_memory_for(uint64_t warm_stacks);

/* How a place was got, and is used up: by gor__ceiling_use, once the goroutine is counted. */
enum gor__place_kind {
    GOR__PLACE_NONE,     /* none is needed */
    GOR__PLACE_OF_P,     /* it is one of p->places */
    GOR__PLACE_PROMISED, /* it is in gor__ceiling.promised */
};

/* How long to wait for a place. */
struct gor__patience {
    bool waits;                     /* false: not at all */
    const struct gor__limit *limit; /* NULL: for ever */
};

/* A place for one more, waiting for it as `patience` says; the P may be another one afterwards unless it
 * says not at all. 0; -EAGAIN; or as gor__line_wait. */
int gor__ceiling_take(struct gor__p *p, const struct gor__patience *patience,
                      enum gor__place_kind *out_place);

/* Give places to those who wait, as far as there are any. */
void gor__ceiling_serve(void);

/* The second half of gor__ceiling_note_room. */
void gor__ceiling_came_room(void);

/* There may be room, and it is counted: a goroutine has ended, a place was used up or given back. */
static inline void gor__ceiling_note_room(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the rest is the fence of whoever sets it */
    if (GOR_UNLIKELY(__atomic_load_n(&gor__ceiling.watched, __ATOMIC_RELAXED))) {
        gor__ceiling_came_room();
    }
}

void gor__ceiling_use_promised(void);

static inline void gor__ceiling_use(struct gor__p *p, enum gor__place_kind place)
{
    if (GOR_LIKELY(place == GOR__PLACE_OF_P)) {
        /* Release: pairs with who counts, and must see the goroutine that the place was for. */
        __atomic_store_n(&p->places, p->places - 1, __ATOMIC_RELEASE);
        gor__ceiling_note_room();
    } else if (place == GOR__PLACE_PROMISED) {
        gor__ceiling_use_promised();
    }
}

/* Not used after all. */
void gor__ceiling_put_back(enum gor__place_kind place);

/* The holder of a P that was called: if somebody waits, it keeps no places. */
void gor__ceiling_attend(struct gor__p *p);

/* One of the library's own has started, once it is counted; or ends, before it is counted. */
static inline void gor__ceiling_count_own(int64_t change)
{
    __atomic_add_fetch(&gor__ceiling.own, (uint64_t)change, __ATOMIC_RELEASE);
}

/* Sysmon, now and then: stacks have grown, or lost memory. */
void gor__ceiling_look(int64_t now);

/* The most goroutines there may be just now. */
uint64_t gor__ceiling_now(void);

/* Memory behind stacks, and promised to goroutines that have none yet. */
uint64_t gor__ceiling_used_bytes(void);

#endif
