/* SPDX-License-Identifier: MIT */
/* health.h - grpc.health.v1: is this service fit to be called?
 *
 * Watchers get the newest value, not every one: a change while a watcher's queue is full is told
 * when there is room.
 *
 * Threads     the loop's.
 */
#ifndef GOR_RPC_HEALTH_H
#define GOR_RPC_HEALTH_H

#include <stddef.h>

struct rpc_health;
struct rpc_server;

/* Also registers its methods with the server. -ENOMEM. */
int rpc_health_new(struct rpc_server *server, struct rpc_health **out_health);

/* No watch may be left. NULL is fine. */
void rpc_health_free(struct rpc_health *health);

/* Make the service known, as serving, unless it is. The name need not end with NUL. */
int rpc_health_know(struct rpc_health *health, const char *service, size_t size);

/* The server drains: nothing serves any more, and every watch ends. */
void rpc_health_drain(struct rpc_health *health);

#endif
