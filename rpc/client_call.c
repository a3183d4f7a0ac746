/* SPDX-License-Identifier: MIT */
/* client_call.c - one call on the calling side: sent, answered, ended. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gzip.h"
#include "proto/percent.h"
#include "proto/timeout.h"
#include "rpc/client_internal.h"

static nghttp2_session *session_of(const struct rpc_client_call *call)
{
    const struct rpc_client *client = call->client;
    return client->opened ? client->connection.session : client->session;
}

static void release_if_done(struct rpc_client_call *call)
{
    if (!call->ended || !call->stream_gone || call->in_feed) {
        return;
    }
    list_remove(&call->link);
    rpc_queue_fini(&call->queue);
    wire_reader_fini(&call->reader);
    free(call->held);
    free(call);
}

void rpc_client_call_end(struct rpc_client_call *call, enum wire_status status, const char *text)
{
    if (call->ended) {
        return;
    }
    call->ended = true;
    rpc_timer_clear(&call->client->hub.timers, &call->timer);
    rpc_hub_return(&call->client->hub);
    call->handlers->on_end(call, status, text, call->user);
    release_if_done(call);
}

/* Its stream is closed, or will never be opened. */
void rpc_client_call_gone(struct rpc_client_call *call)
{
    call->stream_gone = true;
    release_if_done(call);
}

/* End the stream as well, if there is one. */
static void reset_and_end(struct rpc_client_call *call, enum wire_status status, const char *text)
{
    nghttp2_session *h2 = session_of(call);
    if (!call->stream_gone && h2 != NULL) {
        (void)nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
        rpc_client_mark(call->client);
    }
    rpc_client_call_end(call, status, text);
}

static void on_deadline(struct rpc_timer *timer)
{
    reset_and_end(CONTAINER_OF(timer, struct rpc_client_call, timer), WIRE_DEADLINE_EXCEEDED,
                  "the deadline has passed");
}

static ssize_t read_queue(nghttp2_session *h2, int32_t stream_id, uint8_t *out, size_t size,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct rpc_client_call *call = source->ptr;
    (void)h2;
    (void)stream_id;
    (void)user;
    size_t taken = rpc_queue_read(&call->queue, out, size);
    if (rpc_queue_size(&call->queue) == 0 && call->half_closed) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (taken == 0) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)taken;
}

enum { MAX_FIELDS = 12 };

struct fields {
    nghttp2_nv list[MAX_FIELDS];
    size_t count;
};

static void add_field(struct fields *fields, const char *name, const char *value, uint8_t flags)
{
    fields->list[fields->count++] =
        (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), flags};
}

static int submit(struct rpc_client_call *call, const struct rpc_client_call_opts *opts)
{
    const struct rpc_client *client = call->client;
    char timeout[WIRE_TIMEOUT_BYTES];
    struct fields fields = {.count = 0};
    add_field(&fields, ":method", "POST", NGHTTP2_NV_FLAG_NONE);
    add_field(&fields, ":scheme", call->client->opts.tls != NULL ? "https" : "http",
              NGHTTP2_NV_FLAG_NONE);
    add_field(&fields, ":path", opts->path, NGHTTP2_NV_FLAG_NONE);
    add_field(&fields, ":authority", client->address.local ? "localhost" : client->opts.address,
              NGHTTP2_NV_FLAG_NONE);
    add_field(&fields, "content-type", "application/grpc", NGHTTP2_NV_FLAG_NONE);
    add_field(&fields, "te", "trailers", NGHTTP2_NV_FLAG_NONE);
    add_field(&fields, "user-agent", "gor/0.1", NGHTTP2_NV_FLAG_NONE);
    if (client->authorization != NULL) {
        add_field(&fields, "authorization", client->authorization, NGHTTP2_NV_FLAG_NO_INDEX);
    }
    if (opts->gzip) {
        add_field(&fields, "grpc-encoding", "gzip", NGHTTP2_NV_FLAG_NONE);
        add_field(&fields, "grpc-accept-encoding", "identity,gzip", NGHTTP2_NV_FLAG_NONE);
    }
    if (opts->timeout_ns > 0) {
        (void)wire_timeout_format(opts->timeout_ns, timeout);
        add_field(&fields, "grpc-timeout", timeout, NGHTTP2_NV_FLAG_NONE);
    }
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_queue};
    int32_t id =
        nghttp2_submit_request(session_of(call), NULL, fields.list, fields.count, &provider, call);
    call->stream_id = id;
    return id < 0 ? -ENOMEM : 0;
}

static int prepare(struct rpc_client_call *call, const struct rpc_client_call_opts *opts)
{
    int error = 0;
    call->handlers = opts->handlers;
    call->user = opts->user;
    call->half_closed = !opts->keep_open;
    call->status = WIRE_UNKNOWN;
    call->timer.fire = on_deadline;
    wire_reader_init(&call->reader, call->client->opts.max_message_bytes);
    call->queue.gzip = opts->gzip;
    if (opts->request != NULL) {
        error = rpc_queue_add(&call->queue, opts->request);
    }
    if (error == 0 && opts->timeout_ns > 0) {
        error = rpc_timer_set(&call->client->hub.timers, &call->timer, rpc_after(opts->timeout_ns));
    }
    if (error == 0 && call->client->error == 0 && session_of(call) != NULL) {
        error = submit(call, opts);
    } else {
        call->stream_gone = true; /* it ends from the loop */
    }
    return error;
}

int rpc_client_call(struct rpc_client *client, const struct rpc_client_call_opts *opts,
                    struct rpc_client_call **out_call)
{
    struct rpc_client_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        return -ENOMEM;
    }
    call->client = client;
    int error = prepare(call, opts);
    if (error != 0) {
        rpc_timer_clear(&client->hub.timers, &call->timer);
        rpc_queue_fini(&call->queue);
        free(call);
        return error;
    }
    list_append(&client->calls, &call->link);
    rpc_client_mark(client);
    if (out_call != NULL) {
        *out_call = call;
    }
    return 0;
}

static void resume_sending(struct rpc_client_call *call)
{
    if (call->deferred) {
        call->deferred = false;
        /* Fails only when the stream is about to close. */
        (void)nghttp2_session_resume_data(session_of(call), call->stream_id);
    }
    rpc_client_mark(call->client);
}

int rpc_client_send(struct rpc_client_call *call, const ProtobufCMessage *message)
{
    if (call->half_closed || call->ended || call->stream_gone) {
        return -EPIPE;
    }
    int error = rpc_queue_add(&call->queue, message);
    if (error == 0) {
        resume_sending(call);
    }
    return error;
}

void rpc_client_half_close(struct rpc_client_call *call)
{
    if (!call->half_closed && !call->ended && !call->stream_gone) {
        call->half_closed = true;
        resume_sending(call);
    }
}

static bool is(const char *text, size_t size, const char *word)
{
    return size == strlen(word) && memcmp(text, word, size) == 0;
}

void rpc_client_call_header(struct rpc_client_call *call, const char *name, size_t name_size,
                            const char *value, size_t value_size)
{
    if (is(name, name_size, ":status") && value_size == 3) {
        call->http_status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
    } else if (is(name, name_size, "grpc-status")) {
        call->has_status = wire_status_parse(value, value_size, &call->status);
    } else if (is(name, name_size, "grpc-encoding")) {
        call->reader.takes_gzip = is(value, value_size, "gzip");
    } else if (is(name, name_size, "grpc-message")) {
        (void)wire_percent_decode(value, value_size, call->text, sizeof call->text);
    }
}

static void refuse_reply(struct rpc_client_call *call, int error)
{
    switch (error) {
    case -EMSGSIZE:
        reset_and_end(call, WIRE_RESOURCE_EXHAUSTED, "a reply is larger than the limit");
        break;
    case -ENOMEM:
        reset_and_end(call, WIRE_RESOURCE_EXHAUSTED, "no memory for a reply");
        break;
    default:
        reset_and_end(call, WIRE_INTERNAL, "the server sent a frame that is not gRPC");
        break;
    }
}

/* 1, or why it cannot be. */
static int deliver(struct rpc_client_call *call, const struct wire_message *message)
{
    uint8_t *plain;
    size_t size;
    if (!message->compressed) {
        call->handlers->on_message(call, message->data, message->size, call->user);
        return 1;
    }
    int error = wire_gunzip(message->data, message->size, call->reader.max_bytes, &plain, &size);
    if (error != 0) {
        return error;
    }
    call->handlers->on_message(call, plain, size, call->user);
    free(plain);
    return 1;
}

/* Deliver messages as long as they are wanted. *out_used bytes are done with. -EMSGSIZE and so on:
 * the server sent what it may not. */
static int feed(struct rpc_client_call *call, const uint8_t *data, size_t size, size_t *out_used)
{
    size_t used = 0;
    int result = 0;
    while (used < size && !call->paused && !call->ended && result >= 0) {
        struct wire_message message;
        size_t step;
        result = wire_reader_feed(&call->reader, data + used, size - used, &step, &message);
        used += step;
        if (result == 1 && call->handlers->on_message != NULL) {
            result = deliver(call, &message);
        }
    }
    *out_used = call->ended ? size : used;
    return result < 0 ? result : 0;
}

/* Give the stream's window back. */
static void consumed(struct rpc_client_call *call, size_t size)
{
    nghttp2_session *h2 = session_of(call);
    if (size > 0 && !call->stream_gone && h2 != NULL) {
        (void)nghttp2_session_consume_stream(h2, call->stream_id, size);
        rpc_client_mark(call->client);
    }
}

static int hold(struct rpc_client_call *call, const uint8_t *data, size_t size)
{
    uint8_t *held = realloc(call->held, call->held_size + size);
    if (held == NULL) {
        return -ENOMEM;
    }
    memcpy(held + call->held_size, data, size);
    call->held = held;
    call->held_size += size;
    return 0;
}

/* Deliver or hold. While it is being fed the call stays, whatever its callbacks do. */
static int take(struct rpc_client_call *call, const uint8_t *data, size_t size)
{
    size_t used = 0;
    int error = 0;
    call->in_feed = true;
    if (call->held_size == 0) {
        error = feed(call, data, size, &used);
        consumed(call, used);
    }
    if (error == 0 && used < size) {
        error = hold(call, data + used, size - used);
    }
    call->in_feed = false;
    return error;
}

/* The last step after take(): the call may be gone then. */
static void settle(struct rpc_client_call *call, int error)
{
    if (error != 0 && !call->ended) {
        refuse_reply(call, error);
    } else {
        release_if_done(call);
    }
}

void rpc_client_call_data(struct rpc_client_call *call, const uint8_t *data, size_t size)
{
    settle(call, take(call, data, size));
}

static void end_as_told(struct rpc_client_call *call)
{
    if (call->has_status && call->status == WIRE_OK && !wire_reader_is_idle(&call->reader)) {
        rpc_client_call_end(call, WIRE_INTERNAL, "the reply ended in the middle of a message");
    } else {
        rpc_client_call_end(call, call->status, call->text);
    }
}

/* The status of a call whose server did not give one. */
static void infer_status(struct rpc_client_call *call, uint32_t error)
{
    if (call->http_status != 0 && call->http_status != 200) {
        call->status = wire_status_from_http(call->http_status);
        (void)snprintf(call->text, sizeof call->text, "the server answered with HTTP status %d",
                       call->http_status);
    } else if (error != NGHTTP2_NO_ERROR) {
        call->status = wire_status_from_reset(error);
        (void)snprintf(call->text, sizeof call->text, "the server reset the call: %s",
                       nghttp2_http2_strerror(error));
    } else {
        call->status = WIRE_INTERNAL;
        (void)snprintf(call->text, sizeof call->text, "the server ended the call without a status");
    }
}

void rpc_client_call_closed(struct rpc_client_call *call, uint32_t error)
{
    if (!call->ended && !call->has_status) {
        infer_status(call, error);
    }
    call->stream_gone = true;
    if (call->ended) {
        release_if_done(call);
    } else if (call->held_size > 0) {
        call->end_pending = true; /* rpc_client_resume() comes back here */
    } else {
        end_as_told(call);
    }
}

void rpc_client_pause(struct rpc_client_call *call)
{
    call->paused = true;
}

void rpc_client_resume(struct rpc_client_call *call)
{
    call->paused = false;
    if (call->held_size == 0 || call->in_feed) {
        return;
    }
    uint8_t *held = call->held;
    size_t size = call->held_size;
    call->held = NULL;
    call->held_size = 0;
    int error = take(call, held, size);
    free(held);
    if (error == 0 && call->held_size == 0 && call->end_pending && !call->ended) {
        end_as_told(call);
    } else {
        settle(call, error);
    }
}

void rpc_client_cancel(struct rpc_client_call *call)
{
    reset_and_end(call, WIRE_CANCELLED, "cancelled by the caller");
}
