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

#include "base/list.h"
#include "rpc/hub.h"
#include "rpc/transport.h"

struct rpc_connection;

struct rpc_connection_events {
    /* Bytes have come, which the session is given next. May be NULL. */
    void (*on_read)(struct rpc_connection *connection, const uint8_t *data, size_t size);
    /* So many records of TLS have come that brought nothing. May be NULL. */
    void (*on_idle)(struct rpc_connection *connection, unsigned records);
    /* Frames have been made; calls whose queues have room again may produce. */
    void (*on_room)(struct rpc_connection *connection);
    /* The turn has come that was awaited. May be NULL if none is. */
    void (*on_turn)(struct rpc_connection *connection);
    /* The session gave up on what the peer sent, with an error of nghttp2; it may still submit a
     * GOAWAY. May be NULL. */
    void (*on_broken)(struct rpc_connection *connection, int error);
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
    struct list_link marked_link; /* list link of hub->marked; once closed, of hub->lingering */
    uint8_t *unsent;              /* owned; what the socket did not take */
    size_t unsent_at;
    size_t unsent_size;
    uint64_t sent_bytes;
    struct list_link turn_link; /* list link of hub->turns */
    int64_t turn_since_ns; /* while it is there: since when, or since rpc_connection_unread() */
    int64_t unread_ns;     /* it was there before that, see rpc_connection_unread() */
    size_t unfolded;       /* since the last read or turn, see rpc_connection_unfolded() */
    bool peer_closed;      /* it will send nothing more */
    bool peer_leaves;      /* it has said GOAWAY: the last to close is it, see connection.c */
    bool half_ended;       /* we have said that we send nothing more */
    bool closing;          /* to be torn down by the next flush */
    bool closed;           /* torn down; waits for on_closed */
    bool lingers;          /* when we end it the peer is given time to read why, see linger.h */
    int error;
    struct rpc_timer linger_timer;
    size_t linger_left; /* bytes that are still read */
};

/* Take over a socket, TLS on it (or NULL) and a session whose user data is the connection. 0, or the
 * error of libuv: then all three are the caller's still. */
int rpc_connection_open(struct rpc_connection *connection, struct rpc_hub *hub, int fd,
                        struct rpc_tls_stream *tls, nghttp2_session *session,
                        const struct rpc_connection_events *events);

/* A message has come to so many bytes out of gzip, which were looked through. Before one that may be
 * compressed is looked at: may it be in this turn? Else it is kept, and the connection awaits another turn;
 * until that has come nothing more is read from it. */
void rpc_connection_unfolded(struct rpc_connection *connection, size_t bytes);
bool rpc_connection_may_unfold(const struct rpc_connection *connection);
void rpc_connection_await_turn(struct rpc_connection *connection);

/* For how long since the last such question has it not been read, because others had their turns? */
int64_t rpc_connection_unread(struct rpc_connection *connection, int64_t now);

/* There may be something to send: flush before the loop waits. */
void rpc_connection_mark(struct rpc_connection *connection);

/* End it with the next flush; what is ready is still sent as far as the socket takes it, and of one
 * that lingers the rest a little later. */
void rpc_connection_end(struct rpc_connection *connection, int error);

/* End it now: on_lost is called before this returns. Not from inside a callback of the session. */
void rpc_connection_tear_down(struct rpc_connection *connection, int error);

/* For linger.c. Write what is left of the last batch. 1: all; 0: the socket is full; or a negative
 * errno. And the very end. */
int rpc_connection_send_unsent(struct rpc_connection *connection);
void rpc_connection_close(struct rpc_connection *connection);

/* The hub's: go on with what waits; make frames and write them. */
void rpc_connection_take_turn(struct rpc_connection *connection);
void rpc_connection_flush(struct rpc_connection *connection);

#endif
