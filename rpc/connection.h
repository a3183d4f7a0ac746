/* SPDX-License-Identifier: MIT */
/* connection.h - HTTP/2 on one socket, either end of it: bytes into the session, frames out.
 *
 * Output is pulled: frames are made only while the socket takes them, at most one batch ahead, so
 * that the peer's flow control and a slow reader reach the calls that produce.
 *
 * Invariants  mem_recv, mem_send and session_del are called here only, never from a callback.
 * Threads     the loop's.
 * Ownership   caller's memory from rpc_connection_open() until on_closed; session and socket are
 *             the connection's from then on.
 */
#ifndef GOR_RPC_CONNECTION_H
#define GOR_RPC_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

#include "rpc/hub.h"
#include "rpc/list.h"
#include "rpc/transport.h"

struct rpc_connection;

struct rpc_connection_events {
    /* Frames have been made; calls whose queues have room again may produce. */
    void (*on_room)(struct rpc_connection *connection);
    /* It is over: end its calls. error is why: 0 in good order, -EPIPE when the peer has closed,
     * -EPROTO when it does not speak HTTP/2 or floods, or another negative errno. */
    void (*on_lost)(struct rpc_connection *connection, int error);
    /* The memory may go. */
    void (*on_closed)(struct rpc_connection *connection);
};

struct rpc_connection {
    struct rpc_hub *hub;
    struct rpc_transport transport;
    nghttp2_session *session;
    const struct rpc_connection_events *events;
    struct rpc_link marked_link; /* list link of hub->marked */
    uint8_t *unsent;             /* owned; what the socket did not take */
    size_t unsent_at;
    size_t unsent_size;
    uint64_t sent_bytes;
    bool peer_closed; /* it will send nothing more */
    bool closing;     /* to be torn down by the next flush */
    bool closed;      /* torn down; waits for on_closed */
    int error;
};

/* Take over a socket and a session whose user data is the connection. 0, or the error of libuv:
 * then both are the caller's still. */
int rpc_connection_open(struct rpc_connection *connection, struct rpc_hub *hub, int fd,
                        nghttp2_session *session, const struct rpc_connection_events *events);

/* There may be something to send: flush before the loop waits. */
void rpc_connection_mark(struct rpc_connection *connection);

/* End it with the next flush; what is ready is still sent as far as the socket takes it. */
void rpc_connection_end(struct rpc_connection *connection, int error);

/* End it now: on_lost is called before this returns. Not from inside a callback of the session. */
void rpc_connection_tear_down(struct rpc_connection *connection, int error);

/* The hub's: make frames and write them. */
void rpc_connection_flush(struct rpc_connection *connection);

#endif
