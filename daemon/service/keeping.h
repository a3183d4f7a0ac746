/* SPDX-License-Identifier: MIT */
/* keeping.h - calls that are answered once a setting is in the store, or the daemon stops before.
 *
 * Threads     loop thread.
 * Ownership   a keeping is part of what its owner gives to the store, from begin to done.
 */
#ifndef GORD_SERVICE_KEEPING_H
#define GORD_SERVICE_KEEPING_H

#include "daemon/service/state.h"

struct gord_keeping {
    struct list_link link; /* of the service */
    struct rpc_call *call; /* NULL: the service has answered it, for it ends */
};

void gord_keeping_begin(struct gord_service *service, struct gord_keeping *keeping,
                        struct rpc_call *call);

/* The store has told: the call to answer, or NULL: it has been. */
struct rpc_call *gord_keeping_done(struct gord_keeping *keeping);

#endif
