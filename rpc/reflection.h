/* SPDX-License-Identifier: MIT */
/* reflection.h - grpc.reflection.v1 and v1alpha: what can be called here, for stock clients.
 *
 * The two packages are the same on the wire: one handler, one set of messages, two paths.
 *
 * Threads     the loop's.
 */
#ifndef GOR_RPC_REFLECTION_H
#define GOR_RPC_REFLECTION_H

struct rpc_server;

/* Register the methods with the server. -ENOMEM. */
int rpc_reflection_add(struct rpc_server *server);

#endif
