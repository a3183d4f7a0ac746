/* SPDX-License-Identifier: MIT */
/* weights.h - weights of shares of fair queues, as requests give them and replies list them.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_WEIGHTS_H
#define GORD_SERVICE_WEIGHTS_H

#include "daemon/service/state.h"
#include "gor/v1/queues.pb-c.h"

/* May the weights be given that the request has? `fair` is whose jobs take turns in the queue then. If not, the
 * call has been answered. */
bool gord_weights_ok(struct gord_service *service, struct rpc_call *call,
                     const Gor__V1__SetQueueRequest *request, const char *fair);

/* Give them. -ENOMEM. */
int gord_weights_set(struct gord_service *service, const char *queue, Gor__V1__Share *const *shares,
                     size_t count);

/* What the store is to keep of it: out->weights is the caller's to free. -ENOMEM. */
int gord_weights_keep(Gor__V1__Share *const *shares, size_t count, struct gord_setting *out);

/* The weights of one queue, or of all (NULL), by queue and key. */
struct gord_weight_list {
    const char **queues; /* owned; whose they are, one by one */
    Gor__V1__Share *shares;
    Gor__V1__Share **pointers;
    size_t count;
};

/* Their names are the table's. -ENOMEM. */
int gord_weights_list(const struct gord_job_table *table, const char *queue,
                      struct gord_weight_list *out_list);
void gord_weights_fini(struct gord_weight_list *list);

/* Have the message show its own. */
void gord_weights_fill(const struct gord_weight_list *list, Gor__V1__Queue *out);

#endif
