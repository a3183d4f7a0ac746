/* SPDX-License-Identifier: MIT */
/* standing.h - how a job stands besides its state: what keeps it from its turn, how often it ran.
 *
 * Only jobs with something to say have one; for the others everything is as if all were 0. A change
 * makes a new one, which the event that says so carries to the job, the watchers and the store.
 * Threads     immutable once an event has it; ref and unref from any thread.
 * Ownership   counted references.
 */
#ifndef GORD_EVENT_STANDING_H
#define GORD_EVENT_STANDING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gord_standing {
    atomic_uint refs;
    bool held;
    bool coming;         /* a group that does not begin before all of its tasks are there */
    uint32_t attempt;    /* runs that ended by themselves, before this one */
    uint32_t losses;     /* runs that ended with a daemon */
    uint32_t version;    /* how often its spec was changed */
    int64_t due_ns;      /* not before this, by the wall clock; 0: at once */
    int64_t due_boot;    /* the same by the boot-time clock, which then counts; 0: the wall clock */
    uint64_t boot;       /* which boot `due_boot` belongs to, see clock.h */
    int64_t expires_ns;  /* over, unless started by then (wall clock); 0: never */
    int64_t deadline_ns; /* over by then, run or not (wall clock); 0: no such */
    uint64_t deadline_of; /* the job that this was inherited from; 0: it is its own */
};

/* A copy to be changed, with one reference; of NULL: zeroes. NULL: out of memory. */
struct gord_standing *gord_standing_copy(const struct gord_standing *standing);

/* Whether it is of interest once the job has ended. */
bool gord_standing_is_kept(const struct gord_standing *standing);

struct gord_standing *gord_standing_ref(struct gord_standing *standing);
void gord_standing_unref(struct gord_standing *standing); /* NULL is fine */

#endif
