/* SPDX-License-Identifier: MIT */
/* queues_view.h - queues, pools and rates as the wire has them.
 *
 * Threads     loop thread.
 * Ownership   what is filled borrows from the resource, and from `limit`, until it is packed.
 */
#ifndef GORD_SERVICE_QUEUES_VIEW_H
#define GORD_SERVICE_QUEUES_VIEW_H

#include "daemon/job/queues.h"
#include "daemon/store/setting.h"
#include "gor/v1/queues.pb-c.h"

enum {
    GORD_RESOURCES_MAX = 1000, /* of each */
    GORD_CAPACITY_MAX = 1000000,
};

/* As the store has it. */
void gord_queues_fill_setting(const struct gord_resource *resource, struct gord_setting *out);

/* Is it "", "owner" or "label:KEY"? */
bool gord_queues_is_fair(const char *fair);

void gord_queues_fill_queue(const struct gord_resource *resource, Gor__V1__RateLimit *limit,
                            Gor__V1__Queue *out);
void gord_queues_fill_pool(const struct gord_resource *resource, Gor__V1__Pool *out);
void gord_queues_fill_rate(const struct gord_job_table *table, const struct gord_resource *resource,
                           Gor__V1__RateLimit *limit, Gor__V1__Rate *out);

#endif
