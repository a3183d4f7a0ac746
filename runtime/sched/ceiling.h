/* SPDX-License-Identifier: MIT */
/* ceiling.h - how many goroutines there may be: what gor_opts says, what the memory for stacks allows,
 * and what address space and mappings do. Whoever starts one has a place for it first, so that a
 * goroutine that was promised gets its stack.
 *
 * A P takes places in advance, a few at a time, and uses them up without looking at anybody; near the
 * ceiling, one at a time. Nothing is given back at the end of a goroutine: a look counts those that
 * live by the counters there are anyway. So a spawn costs a decrement, and an end a load.
 *
 * Invariants  never more goroutines than the ceiling says, but for those of gor__spawn_always; a 64th
 *             less, perhaps, while other Ps have places in advance.
 *             A wait is served in its order, at the end of a goroutine, or by sysmon.
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
    uint64_t promised; /* places of those who are about to start one; atomic */
    /* Set at the start. */
    uint64_t most;  /* gor_opts.max_goroutines, and what address space and mappings allow */
    uint64_t bytes; /* of stacks */
    uint64_t goroutine_bytes; /* what a goroutine costs at least */
};

extern struct gor__ceiling gor__ceiling __attribute__((visibility("hidden")));

void gor__ceiling_init(const struct gor_opts *opts, int stack_class);

/* Whoever of the host's threads waits gives up, with -ESRCH. */
void gor__ceiling_fini(void);

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

void gor__ceiling_use_promised(void);

static inline void gor__ceiling_use(struct gor__p *p, enum gor__place_kind place)
{
    if (GOR_LIKELY(place == GOR__PLACE_OF_P)) {
        /* Release: pairs with who counts, and must see the goroutine that the place was for. */
        __atomic_store_n(&p->places, p->places - 1, __ATOMIC_RELEASE);
    } else if (place == GOR__PLACE_PROMISED) {
        gor__ceiling_use_promised();
    }
}

/* Not used after all. */
void gor__ceiling_put_back(enum gor__place_kind place);

/* Give places to those who wait, as far as there are any. */
void gor__ceiling_serve(void);

/* A goroutine has ended, and is counted. */
static inline void gor__ceiling_note_end(void)
{
    if (GOR_UNLIKELY(!gor__line_is_empty(&gor__ceiling.line))) {
        gor__ceiling_serve();
    }
}

/* Sysmon, now and then: stacks have grown, or Ps given up their places. */
void gor__ceiling_look(int64_t now);

/* The most goroutines there may be just now. */
uint64_t gor__ceiling_now(void);

/* Memory behind stacks, and promised to goroutines that have none yet. */
uint64_t gor__ceiling_used_bytes(void);

#endif
