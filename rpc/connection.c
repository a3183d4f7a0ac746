/* SPDX-License-Identifier: MIT */
/* connection.c - see connection.h. */
#include "rpc/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/linger.h"

enum {
    BATCHES_PER_FLUSH = 8, /* then the other connections get their turn */
    READS_PER_EVENT = 4,
    READS_AT_END = 64, /* more than a socket holds */
    /* A few bytes of gzip can be megabytes to look through, while nobody else is served. Beyond so much at
     * a go the rest of a connection's messages waits for another turn of the loop, and beyond so much in a
     * turn those of all. */
    HEAVY_BYTES = 256 * 1024,
    TURN_BYTES = 2 * RPC_TURN_BYTES,
    UNFOLD_COST = 4096, /* what it takes to begin, in bytes */
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
    if (!connection->closed && !list_link_is_listed(&connection->marked_link)) {
        list_append(&connection->hub->marked, &connection->marked_link);
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
    struct rpc_connection *connection = CONTAINER_OF(transport, struct rpc_connection, transport);
    connection->events->on_closed(connection);
}

/* No call is left, and no session; the socket and what it did not take are. */
static void end_session(struct rpc_connection *connection, int error)
{
    connection->closed = true;
    list_remove(&connection->marked_link);
    list_remove(&connection->turn_link);
    connection->events->on_lost(connection, connection->closing ? connection->error : error);
    nghttp2_session_del(connection->session);
    connection->session = NULL;
}

void rpc_connection_close(struct rpc_connection *connection)
{
    drop_unsent(connection);
    rpc_transport_close(&connection->transport);
}

void rpc_connection_tear_down(struct rpc_connection *connection, int error)
{
    if (!connection->closed) {
        end_session(connection, error);
        rpc_connection_close(connection);
    }
}

static void on_session_error(struct rpc_connection *connection, int error)
{
    if (connection->events->on_broken != NULL) {
        connection->events->on_broken(connection, error);
    }
    rpc_connection_end(connection, error == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPROTO);
}

void rpc_connection_unfolded(struct rpc_connection *connection, size_t bytes)
{
    connection->unfolded += bytes + UNFOLD_COST;
    connection->hub->unfolded += bytes + UNFOLD_COST;
}

bool rpc_connection_may_unfold(const struct rpc_connection *connection)
{
    return connection->unfolded < HEAVY_BYTES && connection->hub->unfolded < TURN_BYTES;
}

void rpc_connection_await_turn(struct rpc_connection *connection)
{
    if (!connection->closed && !list_link_is_listed(&connection->turn_link)) {
        list_append(&connection->hub->turns, &connection->turn_link);
        connection->turn_since_ns = rpc_now();
        rpc_hub_wake(connection->hub);
    }
}

void rpc_connection_take_turn(struct rpc_connection *connection)
{
    connection->unread_ns += rpc_now() - connection->turn_since_ns;
    if (!connection->closing) {
        connection->unfolded = 0;
        connection->events->on_turn(connection);
    }
    rpc_connection_mark(connection);
}

/* What it has sent waits for a turn: what it sends now waits in the socket. */
static bool awaits_turn(const struct rpc_connection *connection)
{
    return list_link_is_listed(&connection->turn_link);
}

int64_t rpc_connection_unread(struct rpc_connection *connection, int64_t now)
{
    int64_t unread_ns = connection->unread_ns;
    connection->unread_ns = 0;
    if (awaits_turn(connection)) {
        unread_ns += now - connection->turn_since_ns;
        connection->turn_since_ns = now;
    }
    return unread_ns;
}

/* False: no more for now. */
static bool read_once(struct rpc_connection *connection)
{
    uint8_t *in = connection->hub->in;
    ssize_t got = rpc_transport_read(&connection->transport, in, RPC_IN_BYTES);
    unsigned idle = rpc_transport_take_idle(&connection->transport);
    if (idle > 0 && connection->events->on_idle != NULL) {
        connection->events->on_idle(connection, idle);
    }
    if (got == -EAGAIN) {
        return false;
    }
    if (got <= 0) {
        connection->peer_closed = true;
        rpc_connection_end(connection, got == 0 ? -EPIPE : (int)got);
        return false;
    }
    if (connection->events->on_read != NULL) {
        connection->events->on_read(connection, in, (size_t)got);
    }
    connection->unfolded = 0;
    ssize_t taken = nghttp2_session_mem_recv(connection->session, in, (size_t)got);
    if (taken < 0) {
        on_session_error(connection, (int)taken);
        return false;
    }
    return got == RPC_IN_BYTES && !connection->closing;
}

static void read_some(struct rpc_connection *connection)
{
    for (int i = 0; i < READS_PER_EVENT && !connection->peer_closed && !awaits_turn(connection);
         i++) {
        if (!read_once(connection)) {
            break;
        }
    }
}

static void on_transport_event(struct rpc_transport *transport, bool readable, bool writable)
{
    struct rpc_connection *connection = CONTAINER_OF(transport, struct rpc_connection, transport);
    (void)writable; /* the flush tries anyway */
    if (readable) {
        read_some(connection);
    }
    rpc_connection_mark(connection);
}

int rpc_connection_open(struct rpc_connection *connection, struct rpc_hub *hub, int fd,
                        struct rpc_tls_stream *tls, nghttp2_session *session,
                        const struct rpc_connection_events *events)
{
    int error = rpc_transport_open(&connection->transport, hub->loop, fd, tls);
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

int rpc_connection_send_unsent(struct rpc_connection *connection)
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
    int result = rpc_connection_send_unsent(connection);
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

/* A peer that has said GOAWAY closes, and may send a little before it does. With its bytes unread our
 * close would be a reset, which could take our last answers from it: only end our side. Should it not
 * close, it is an idle connection like others. */
static bool wait_for_peer(struct rpc_connection *connection)
{
    if (!connection->peer_leaves) {
        return false;
    }
    if (!connection->half_ended) {
        connection->half_ended = true;
        rpc_transport_end(&connection->transport);
    }
    return true;
}

/* Put one batch more behind what the socket did not take: the GOAWAY is in it. */
static void keep_last_words(struct rpc_connection *connection)
{
    size_t before = connection->unsent_size - connection->unsent_at;
    ssize_t size = has_unsent(connection) ? make_batch(connection) : 0;
    uint8_t *all = size > 0 ? malloc(before + (size_t)size) : NULL;
    if (all == NULL) {
        return; /* without memory it goes without a word */
    }
    memcpy(all, connection->unsent + connection->unsent_at, before);
    memcpy(all + before, connection->hub->out, (size_t)size);
    drop_unsent(connection);
    connection->unsent = all;
    connection->unsent_size = before + (size_t)size;
}

/* The socket is whole, but we want no more of it. */
static void part(struct rpc_connection *connection)
{
    bool by_us = !connection->closing || connection->error == -EPROTO;
    if (!connection->lingers || connection->peer_closed || !by_us) {
        rpc_connection_tear_down(connection, 0);
        return;
    }
    keep_last_words(connection);
    end_session(connection, 0);
    rpc_linger_begin(connection);
}

/* It takes nothing more: a server that has ended our calls and closed. How they ended is still there to be
 * read, and with a write lost amid it nobody would know. A client's own: a server owes a peer that does
 * not hear it nothing. */
static void read_last_words(struct rpc_connection *connection)
{
    for (int i = 0; i < READS_AT_END && !connection->peer_closed && !connection->closing; i++) {
        if (!read_once(connection)) {
            break;
        }
    }
}

void rpc_connection_flush(struct rpc_connection *connection)
{
    int result = 1;
    if (rpc_transport_has_more(&connection->transport) && !connection->closing) {
        read_some(connection);
    }
    for (int i = 0; result == 1 && i < BATCHES_PER_FLUSH; i++) {
        result = send_batch(connection);
        connection->events->on_room(connection);
    }
    if (result < 0) {
        bool stood = result == -EPIPE || result == -ECONNRESET;
        if (stood && !connection->lingers) {
            read_last_words(connection);
        }
        rpc_connection_end(connection, result);
    }
    if (connection->closing || (is_finished(connection) && !wait_for_peer(connection))) {
        part(connection);
        return;
    }
    if (result == 1 || rpc_transport_has_more(&connection->transport)) {
        rpc_connection_mark(connection);
    }
    rpc_transport_want(&connection->transport, true, has_unsent(connection));
}
