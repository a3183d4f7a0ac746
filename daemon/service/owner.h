/* SPDX-License-Identifier: MIT */
/* owner.h - whose a job is, and who may steer it or read what it wrote: its owner, operators, admins.
 *
 * Who has a token for certain queues may do so with jobs of these only.
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_OWNER_H
#define GORD_SERVICE_OWNER_H

#include "daemon/service/state.h"

/* May the caller do so with everybody's? */
bool gord_owner_may_all(struct rpc_call *call);

/* May the caller? Of a job that does not exist, yes: he will be told that. 0, -EPERM, -ENOMEM, or the
 * reader's error. */
int gord_owner_check(struct gord_service *service, struct rpc_call *call, uint64_t id);

/* The same; false: the call has been answered. `what` completes "to ... it". */
bool gord_owner_ok(struct gord_service *service, struct rpc_call *call, uint64_t id,
                   const char *what);

/* Of all of these. */
bool gord_owners_ok(struct gord_service *service, struct rpc_call *call, const uint64_t *ids,
                    size_t count, const char *what);

#endif
