/* SPDX-License-Identifier: MIT */
/* connection.c - see connection.h. */
#include "rpc/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    BATCHES_PER_FLUSH = 8, /* then the other connections get their turn */
    READS_PER_EVENT = 4,
};

static bool has_unsent(const struct rpc_connection *connection)
{
    return connection->unsent_size > connection->unsent_at;
}

static void drop_unsent(struct rpc_connection *connection)
{
    free(connection->unsent);
    connection->unsent = NULL;
    connection->unsent_at = 0;
    connection->unsent_size = 0;
}

void rpc_connection_mark(struct rpc_connection *connection)
{
    if (!connection->closed && !rpc_link_is_listed(&connection->marked_link)) {
        rpc_list_append(&connection->hub->marked, &connection->marked_link);
        rpc_hub_wake(connection->hub);
    }
}

void rpc_connection_end(struct rpc_connection *connection, int error)
{
    if (!connection->closing) {
        connection->closing = true;
        connection->error = error;
    }
    rpc_connection_mark(connection);
}

static void on_transport_closed(struct rpc_transport *transport)
{
    struct rpc_connection *connection = RPC_OF(transport, struct rpc_connection, transport);
    connection->events->on_closed(connection);
}

void rpc_connection_tear_down(struct rpc_connection *connection, int error)
{
    if (connection->closed) {
        return;
    }
    connection->closed = true;
    rpc_list_remove(&connection->marked_link);
    connection->events->on_lost(connection, connection->closing ? connection->error : error);
    nghttp2_session_del(connection->session);
    connection->session = NULL;
    drop_unsent(connection);
    rpc_transport_close(&connection->transport);
}

/* The session gave up on its peer. For the floods it detects it queues no GOAWAY itself. */
static void on_session_error(struct rpc_connection *connection, int error)
{
    if (error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) {
        static const uint8_t why[] = "flood";
        int32_t last = nghttp2_session_get_last_proc_stream_id(connection->session);
        (void)nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE, last,
                                    NGHTTP2_ENHANCE_YOUR_CALM, why, sizeof why - 1);
    }
    rpc_connection_end(connection, error == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO);
}

/* False: no more for now. */
static bool read_once(struct rpc_connection *connection)
{
    uint8_t *in = connection->hub->in;
    ssize_t got = rpc_transport_read(&connection->transport, in, RPC_IN_BYTES);
    if (got == -EAGAIN) {
        return false;
    }
    if (got <= 0) {
        connection->peer_closed = true;
        rpc_connection_end(connection, got == 0 ? -EPIPE : (int)got);
        return false;
    }
    ssize_t taken = nghttp2_session_mem_recv(connection->session, in, (size_t)got);
    if (taken < 0) {
        on_session_error(connection, (int)taken);
        return false;
    }
    return got == RPC_IN_BYTES && !connection->closing;
}

static void on_transport_event(struct rpc_transport *transport, bool readable, bool writable)
{
    struct rpc_connection *connection = RPC_OF(transport, struct rpc_connection, transport);
    (void)writable; /* the flush tries anyway */
    for (int i = 0; readable && i < READS_PER_EVENT && !connection->peer_closed; i++) {
        if (!read_once(connection)) {
            break;
        }
    }
    rpc_connection_mark(connection);
}

int rpc_connection_open(struct rpc_connection *connection, struct rpc_hub *hub, int fd,
                        nghttp2_session *session, const struct rpc_connection_events *events)
{
    int error = rpc_transport_open(&connection->transport, hub->loop, fd);
    if (error != 0) {
        return error;
    }
    connection->transport.on_event = on_transport_event;
    connection->transport.on_closed = on_transport_closed;
    connection->hub = hub;
    connection->session = session;
    connection->events = events;
    rpc_transport_want(&connection->transport, true, false);
    rpc_connection_mark(connection);
    return 0;
}

/* Make frames until one batch is full; returns its size, or a negative errno. */
static ssize_t make_batch(struct rpc_connection *connection)
{
    uint8_t *out = connection->hub->out;
    size_t size = 0;
    while (size < RPC_OUT_BYTES) {
        const uint8_t *frame;
        ssize_t frame_size = nghttp2_session_mem_send(connection->session, &frame);
        if (frame_size < 0) {
            return frame_size == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO;
        }
        if (frame_size == 0) {
            break;
        }
        if ((size_t)frame_size > RPC_OUT_BYTES + RPC_OUT_SLACK - size) {
            return -EMSGSIZE; /* larger than any frame we let it make */
        }
        memcpy(out + size, frame, (size_t)frame_size);
        size += (size_t)frame_size;
    }
    return (ssize_t)size;
}

static int keep_unsent(struct rpc_connection *connection, const uint8_t *data, size_t size)
{
    connection->unsent = malloc(size);
    if (connection->unsent == NULL) {
        return -ENOMEM;
    }
    memcpy(connection->unsent, data, size);
    connection->unsent_at = 0;
    connection->unsent_size = size;
    return 0;
}

/* Write what is left of the last batch. 1: all; 0: the socket is full; or a negative errno. */
static int send_unsent(struct rpc_connection *connection)
{
    if (!has_unsent(connection)) {
        return 1;
    }
    ssize_t sent =
        rpc_transport_write(&connection->transport, connection->unsent + connection->unsent_at,
                            connection->unsent_size - connection->unsent_at);
    if (sent < 0) {
        return (int)sent;
    }
    connection->unsent_at += (size_t)sent;
    connection->sent_bytes += (uint64_t)sent;
    if (has_unsent(connection)) {
        return 0;
    }
    drop_unsent(connection);
    return 1;
}

/* 1: one more batch may be made; 0: nothing to send, or the socket is full; or a negative errno. */
static int send_batch(struct rpc_connection *connection)
{
    int result = send_unsent(connection);
    if (result <= 0) {
        return result;
    }
    ssize_t size = make_batch(connection);
    if (size <= 0) {
        return (int)size;
    }
    ssize_t sent = rpc_transport_write(&connection->transport, connection->hub->out, (size_t)size);
    if (sent < 0) {
        return (int)sent;
    }
    connection->sent_bytes += (uint64_t)sent;
    if (sent == size) {
        return 1;
    }
    return keep_unsent(connection, connection->hub->out + sent, (size_t)(size - sent));
}

/* Nothing will ever move again. */
static bool is_finished(const struct rpc_connection *connection)
{
    return nghttp2_session_want_read(connection->session) == 0 &&
           nghttp2_session_want_write(connection->session) == 0 && !has_unsent(connection);
}

void rpc_connection_flush(struct rpc_connection *connection)
{
    int result = 1;
    for (int i = 0; result == 1 && i < BATCHES_PER_FLUSH; i++) {
        result = send_batch(connection);
        connection->events->on_room(connection);
    }
    if (result < 0) {
        rpc_connection_end(connection, result);
    }
    if (connection->closing || is_finished(connection)) {
        rpc_connection_tear_down(connection, 0);
        return;
    }
    if (result == 1) {
        rpc_connection_mark(connection);
    }
    rpc_transport_want(&connection->transport, true, has_unsent(connection));
}
