/* SPDX-License-Identifier: MIT */
/* circle.h - everything that a job would have to wait for, and whether it is itself among that.
 *
 * A walk over a graph that the caller knows: from the first jobs on, each is met once, nearest first. A
 * step is firm if it waits for the end of the job it leads to, rather than for its start.
 * Threads     one at a time. Ownership: init/fini; the memory is the walk's.
 */
#ifndef GORD_SERVICE_CIRCLE_H
#define GORD_SERVICE_CIRCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/service/idmap.h"

struct gord_circle {
    struct gord_circle_met *met; /* owned; in the order in which they were met */
    size_t count;
    size_t room;
    size_t at;              /* whose steps are being added, plus 1; 0: the first ones */
    struct gord_idmap seen; /* where each is in `met`, plus 1 */
};

void gord_circle_init(struct gord_circle *circle);
void gord_circle_fini(struct gord_circle *circle);

/* A step to job `id`, from the one at hand; before the walk: from its beginning. -ENOMEM. */
int gord_circle_add(struct gord_circle *circle, uint64_t id, bool firm);

/* Meet all that can be reached: steps(arg, id, circle) adds those of one job. What it answers if that
 * is not 0; -ENOMEM. */
int gord_circle_walk(struct gord_circle *circle,
                     int (*steps)(void *arg, uint64_t id, struct gord_circle *circle), void *arg);

/* Was the job met, and by a firm step, if only those count? */
bool gord_circle_has(const struct gord_circle *circle, uint64_t id, bool only_firm);

/* The way there: "job 7 is to run after job 6, that after it", where "it" is `end`; "" if it is the first
 * step. */
void gord_circle_text(const struct gord_circle *circle, uint64_t id, const char *end, char *out,
                      size_t bytes);

#endif
