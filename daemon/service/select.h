/* SPDX-License-Identifier: MIT */
/* select.h - which jobs a Selector means, found a portion at a time.
 *
 * A cursor moves from the newest job to the oldest; each portion looks at a bounded number of rows,
 * so that a selection among millions keeps nobody waiting and needs no memory for what it finds.
 * Jobs submitted after it began are not met.
 * Threads     loop thread.
 * Ownership   a select owns a copy of its selector, from a successful init to fini; a zeroed one is
 *             fini'd already.
 */
#ifndef GORD_SERVICE_SELECT_H
#define GORD_SERVICE_SELECT_H

#include "daemon/service/state.h"

#define GORD_SELECT_IDS_MAX 100000

struct gord_select {
    Gor__V1__Selector *selector;     /* owned */
    struct gord_id_range *ranges;    /* owned */
    struct gord_label_match *labels; /* owned */
    struct gord_filter filter;       /* borrows from the above; before_id is the cursor */
    bool done;
};

/* Does it say anything at all? NULL does not. */
bool gord_selector_says(const Gor__V1__Selector *selector);

/* Begin. With `live_only`, jobs that have ended are left out. False: the call is answered, with
 * INVALID_ARGUMENT and what is wrong, or RESOURCE_EXHAUSTED. NULL and what says nothing mean every
 * job. */
bool gord_select_init(struct gord_select *select, struct rpc_call *call,
                      const Gor__V1__Selector *selector, bool live_only);
void gord_select_fini(struct gord_select *select);

/* Visit at most `limit` more jobs, newest first, and set `done` after the last. The rows have what
 * filter.without_spec and filter.with_env leave; a visitor's non-zero answer ends it and is answered,
 * with the cursor where it was. 0 or the reader's error. No visitor may call the reader. */
int gord_select_each(struct gord_select *select, struct gord_service *service, size_t limit,
                     int (*visit)(void *arg, struct gord_row *row), void *arg);

/* Visit those of the selector's ids that are unknown. 0 or the reader's error. */
int gord_select_unknown(const struct gord_select *select, struct gord_service *service,
                        int (*visit)(void *arg, uint64_t id), void *arg);

#endif
