/* SPDX-License-Identifier: MIT */
/* transport.h - bytes in and out of one connected socket.
 *
 * The seam under the connection: with TLS (tls.h) the bytes are those inside it, and the handshake
 * goes on by itself whenever something is read or written.
 *
 * uv_poll and not uv_stream: send(MSG_NOSIGNAL) cannot raise SIGPIPE, a write costs no request
 * object, and whatever the socket does not take stays with the connection, which can then stop
 * making more.
 *
 * Threads     the loop's.
 * Ownership   caller's memory from open until on_closed; the socket belongs to it from open on.
 */
#ifndef GOR_RPC_TRANSPORT_H
#define GOR_RPC_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "rpc/tls.h"

struct rpc_transport {
    uv_poll_t poll;
    int fd;
    int events;                 /* UV_READABLE, UV_WRITABLE: what it waits for */
    struct rpc_tls_stream *tls; /* owned; NULL: none */
    void (*on_event)(struct rpc_transport *transport, bool readable, bool writable);
    void (*on_closed)(struct rpc_transport *transport);
};

/* fd must be a non-blocking socket; tls is taken over, or NULL. On failure both are the caller's
 * still. */
int rpc_transport_open(struct rpc_transport *transport, uv_loop_t *loop, int fd,
                       struct rpc_tls_stream *tls);

/* Bytes read; 0: the peer has closed; -EAGAIN: nothing now; or another negative errno. */
ssize_t rpc_transport_read(struct rpc_transport *transport, uint8_t *out, size_t size);

/* Bytes taken, perhaps 0; or a negative errno. */
ssize_t rpc_transport_write(struct rpc_transport *transport, const uint8_t *data, size_t size);

/* Are there bytes to read that the socket will not tell of? */
bool rpc_transport_has_more(const struct rpc_transport *transport);

/* Records of TLS without data that reads came across since this was last asked. */
unsigned rpc_transport_take_idle(struct rpc_transport *transport);

/* Was it TLS that the two ends could not agree in? */
bool rpc_transport_has_failed(const struct rpc_transport *transport);

/* What on_event is to be called for. */
void rpc_transport_want(struct rpc_transport *transport, bool read, bool write);

/* Nothing more will be written: the peer reads to the end. */
void rpc_transport_end(struct rpc_transport *transport);

/* on_closed comes from the loop, always. */
void rpc_transport_close(struct rpc_transport *transport);

#endif
