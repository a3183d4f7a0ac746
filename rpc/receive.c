/* SPDX-License-Identifier: MIT */
/* receive.c - what comes in on a call: bytes into messages into the handler.
 *
 * A request is put together up to its limit, so its bytes give their window back at once. On a bidi
 * call whose replies are not read, the bytes are held as they are and their window is not given
 * back: at most one window is held, and then the client must wait. So are those of any call that may
 * be compressed once as much has been unfolded as a turn of the loop is for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/decode.h"
#include "proto/gzip.h"
#include "rpc/internal.h"

enum { MIN_PROGRESS = 4096 };

static void give_back(struct rpc_call *call, size_t size)
{
    nghttp2_session *h2 = call->session->connection.session;
    if (size == 0) {
        return;
    }
    if (call->stream_gone) {
        (void)nghttp2_session_consume_connection(h2, size);
    } else {
        (void)nghttp2_session_consume(h2, call->stream_id, size);
    }
}

/* Keep the accounts of the connection and of the server. */
static void account(struct rpc_call *call, size_t before, size_t after)
{
    call->session->inflight_bytes += after - before;
    call->server->stats.input_bytes += after - before;
}

static bool is_over_budget(const struct rpc_call *call)
{
    const struct rpc_server *server = call->server;
    return call->session->inflight_bytes > server->opts.max_inflight_bytes ||
           server->stats.input_bytes > server->opts.max_input_bytes;
}

static void refuse_over_budget(struct rpc_call *call)
{
    bool alone = call->session->inflight_bytes > call->server->opts.max_inflight_bytes;
    rpc_call_abort(call, WIRE_RESOURCE_EXHAUSTED,
                   alone ? "too many bytes of unfinished requests on this connection"
                         : "too many bytes of unfinished requests on all connections; try again");
}

void rpc_call_drop_input(struct rpc_call *call)
{
    list_remove(&call->turn);
    account(call, call->reader.capacity + call->held_size, 0);
    wire_reader_fini(&call->reader);
    call->reader.capacity = 0;
    give_back(call, call->held_size);
    free(call->held);
    call->held = NULL;
    call->held_size = 0;
}

bool rpc_call_is_paused(const struct rpc_call *call)
{
    return call->full || call->on_hold || call->in_feed || list_link_is_listed(&call->turn);
}

void rpc_call_moved(struct rpc_call *call, size_t size, bool whole)
{
    call->moved_bytes += size;
    if (whole || call->moved_bytes >= MIN_PROGRESS) {
        call->moved_bytes = 0;
        call->progress_ns = rpc_now();
    }
}

static enum wire_status decode(const struct rpc_call *call, const struct wire_message *bytes,
                               ProtobufCMessage **out_message, const char **out_why)
{
    const ProtobufCMessageDescriptor *type = call->method->request;
    uint8_t *plain;
    size_t size;
    if (!bytes->compressed) {
        return wire_decode(type, bytes->data, bytes->size, out_message, out_why);
    }
    int error = wire_gunzip(bytes->data, bytes->size, call->reader.max_bytes, &plain, &size);
    rpc_connection_unfolded(&call->session->connection, error == 0 ? size : call->reader.max_bytes);
    switch (error) {
    case 0:
        break;
    case -EMSGSIZE:
        *out_why = "the message is larger than the limit";
        return WIRE_RESOURCE_EXHAUSTED;
    case -ENOMEM:
        *out_why = "no memory for the message";
        return WIRE_RESOURCE_EXHAUSTED;
    default:
        *out_why = "a compressed message is not gzip";
        return WIRE_INTERNAL;
    }
    enum wire_status status = wire_decode(type, plain, size, out_message, out_why);
    free(plain);
    return status;
}

static void take_message(struct rpc_call *call, const struct wire_message *bytes)
{
    ProtobufCMessage *message;
    const char *why;
    if (call->request != NULL) {
        rpc_call_abort(call, WIRE_UNIMPLEMENTED, "the request has more than one message");
        return;
    }
    enum wire_status status = decode(call, bytes, &message, &why);
    if (status != WIRE_OK) {
        rpc_call_abort(call, status, why);
        return;
    }
    if (!rpc_kind_streams_in(call->method->kind)) {
        call->request = message;
        return;
    }
    rpc_flood_refund_message(call->session);
    call->messages++;
    call->method->message(call, message, call->method_user);
    wire_decoded_free(message);
}

static void refuse_input(struct rpc_call *call, int error)
{
    switch (error) {
    case -EMSGSIZE:
        rpc_call_abort(call, WIRE_RESOURCE_EXHAUSTED, "the message is larger than the limit");
        break;
    case -ENOTSUP:
        rpc_call_abort(call, WIRE_INTERNAL, "a compressed message without a grpc-encoding");
        break;
    case -ENOMEM:
        rpc_call_abort(call, WIRE_RESOURCE_EXHAUSTED, "no memory for the message");
        break;
    default:
        rpc_call_abort(call, WIRE_INTERNAL, "a message with an unknown flag byte");
        break;
    }
}

/* Bytes into the reader. */
static int read_on(struct rpc_call *call, const uint8_t *data, size_t size, size_t *out_used,
                   struct wire_message *out_message)
{
    size_t before = call->reader.capacity;
    int result = wire_reader_feed(&call->reader, data, size, out_used, out_message);
    account(call, before, call->reader.capacity);
    return result;
}

/* Of what is begun nobody knows what it comes to before it ends: a single byte may be missing. */
static bool must_wait(struct rpc_call *call)
{
    struct rpc_connection *connection = &call->session->connection;
    if (!call->reader.takes_gzip || rpc_connection_may_unfold(connection)) {
        return false;
    }
    list_append(&call->session->turns, &call->turn);
    rpc_connection_await_turn(connection);
    return true;
}

/* Deliver messages as long as they are wanted and may be; returns how many bytes are done with. */
static size_t feed(struct rpc_call *call, const uint8_t *data, size_t size)
{
    size_t used = 0;
    while (used < size && !call->finishing && !rpc_call_is_paused(call) && !must_wait(call)) {
        struct wire_message message;
        size_t step;
        if (call->begun && wire_reader_is_idle(&call->reader)) {
            call->progress_ns = rpc_now(); /* a stream may have been silent, or held, before it */
        }
        int result = read_on(call, data + used, size - used, &step, &message);
        used += step;
        if (result < 0) {
            refuse_input(call, result);
        } else if (result == 1) {
            rpc_call_moved(call, 0, true);
            call->in_feed = true; /* a full queue may be read while the handler runs */
            take_message(call, &message);
            call->in_feed = false;
        } else if (is_over_budget(call)) {
            refuse_over_budget(call);
        }
    }
    return call->finishing ? size : used;
}

static void hold(struct rpc_call *call, const uint8_t *data, size_t size)
{
    uint8_t *held = realloc(call->held, call->held_size + size);
    if (held == NULL) {
        give_back(call, size);
        rpc_call_abort(call, WIRE_RESOURCE_EXHAUSTED, "no memory for the message");
        return;
    }
    memcpy(held + call->held_size, data, size);
    call->held = held;
    call->held_size += size;
    account(call, 0, size);
    if (is_over_budget(call)) {
        refuse_over_budget(call);
    }
}

/* False: more bytes than content-length said. */
static bool count_content(struct rpc_call *call, size_t size)
{
    if (call->content_left < 0) {
        return true;
    }
    if ((uint64_t)call->content_left < size) {
        call->content_left = -1;
        return false;
    }
    call->content_left -= (int64_t)size;
    return true;
}

void rpc_call_data(struct rpc_call *call, const uint8_t *data, size_t size)
{
    rpc_call_moved(call, size, false);
    if (!count_content(call, size)) {
        give_back(call, size);
        rpc_call_reset(call, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    size_t used = 0;
    if (call->no_grpc) {
        give_back(call, size);
        return;
    }
    if (call->held_size == 0) {
        used = feed(call, data, size);
        give_back(call, used);
    }
    if (used < size) {
        hold(call, data + used, size - used);
    }
}

void rpc_call_feed_held(struct rpc_call *call)
{
    if (call->held_size == 0 || rpc_call_is_paused(call) || call->finishing || must_wait(call)) {
        return;
    }
    uint8_t *held = call->held;
    size_t size = call->held_size;
    account(call, size, 0);
    call->held = NULL;
    call->held_size = 0;
    size_t used = feed(call, held, size);
    give_back(call, used);
    if (used < size) {
        hold(call, held + used, size - used);
    } else if (call->half_closed) {
        rpc_call_half_closed(call);
    }
    free(held);
}

void rpc_call_take_turns(struct rpc_session *session)
{
    struct list_link *link;
    while (rpc_connection_may_unfold(&session->connection) &&
           (link = list_pop(&session->turns)) != NULL) {
        rpc_call_feed_held(CONTAINER_OF(link, struct rpc_call, turn));
    }
    if (!list_is_empty(&session->turns)) {
        rpc_connection_await_turn(&session->connection);
    }
}

void rpc_call_hold(struct rpc_call *call, bool hold)
{
    call->on_hold = hold;
    if (!hold && call->held_size > 0 && !call->stream_gone) {
        rpc_call_feed_held(call);
        rpc_connection_mark(&call->session->connection); /* their window goes back */
    }
}
