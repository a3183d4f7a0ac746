/* SPDX-License-Identifier: MIT */
/* batch.h - what a run of events comes to, job by job: one entry each, however many steps it took.
 *
 * A job that is submitted, starts and ends within one transaction thereby costs one row of `ended`
 * and none of `live`.
 * Threads     the writer's. Ownership: entries borrow the events.
 */
#ifndef GORD_STORE_BATCH_H
#define GORD_STORE_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/event/event.h"

struct gord_batch_entry {
    uint64_t job_id;
    const struct gord_event *submitted; /* borrowed; NULL: before this batch */
    const struct gord_event *last;      /* borrowed; FINISHED if it ended */
    const struct gord_event *revived;   /* borrowed; NULL: it was not */
    const struct gord_event *updated;   /* borrowed, the last of them; NULL: it was not */
};

struct gord_batch {
    struct gord_batch_entry *entries; /* owned; in the order of their first events */
    size_t count;
    size_t room;
    uint32_t *slots;   /* owned; index + 1 of an entry, by job id, 0: free */
    size_t slot_count; /* a power of two */
};

/* Start anew with the events; memory is kept between batches. -ENOMEM. */
int gord_batch_fill(struct gord_batch *batch, struct gord_event *const *events, size_t count);

void gord_batch_fini(struct gord_batch *batch);

#endif
