/* SPDX-License-Identifier: MIT */
/* export_order.h - in which order jobs are exported: by ids, but a job that is yet to run comes after those
 * that it is to run after, and whatever names such a job after that one.
 *
 * An import goes through its lines once and knows those that came before. Who was handed in after others has
 * the higher id; only `gorctl update --after` makes it otherwise.
 */
#ifndef GORCTL_EXPORT_ORDER_H
#define GORCTL_EXPORT_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gor/v1/jobs.pb-c.h"

struct gorctl_export_order {
    uint64_t *ids; /* borrowed: those to come, falling, the last one next */
    size_t count;
    struct gorctl_put_off *put_off; /* owned; with the jobs they come after */
    size_t put_off_count;
    uint64_t *ready; /* owned; their turn has come, the last one next */
    size_t ready_count;
    bool let_go; /* none is put off any more */
};

/* The next job; 0: that was the last. */
uint64_t gorctl_export_next(struct gorctl_export_order *order);

/* Is it its turn? Else it comes again after another one. */
bool gorctl_export_is_due(struct gorctl_export_order *order, const Gor__V1__Job *job);

/* It was exported, or is not there. */
void gorctl_export_done(struct gorctl_export_order *order, uint64_t id);

void gorctl_export_order_fini(struct gorctl_export_order *order);

#endif
