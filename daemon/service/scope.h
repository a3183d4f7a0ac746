/* SPDX-License-Identifier: MIT */
/* scope.h - which queues the caller's token is for; all, if there is none or it names none.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_SCOPE_H
#define GORD_SERVICE_SCOPE_H

#include "daemon/service/accept.h"

/* Is the caller bound to certain queues? */
bool gord_scope_is_narrow(struct gord_service *service, struct rpc_call *call);

/* May the caller hand in and steer jobs of that queue? "": the default one. */
bool gord_scope_has(struct gord_service *service, struct rpc_call *call, const char *queue);

/* The same for a job that is handed in; `where` begins the text of the refusal. */
bool gord_scope_takes(struct gord_service *service, struct rpc_call *call, const char *where,
                      const Gor__V1__JobSpec *spec, struct gord_refusal *out_why);

#endif
