/* SPDX-License-Identifier: MIT */
/* send.c - what goes out on a call: headers, queued messages, trailers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/percent.h"
#include "rpc/internal.h"

enum { MAX_MESSAGE_HEADER = 2048 };

#define FIELD(field_name, field_value, field_size)                                               \
    {                                                                                            \
        (uint8_t *)(field_name), (uint8_t *)(field_value), sizeof(field_name) - 1, (field_size), \
            NGHTTP2_NV_FLAG_NO_COPY_NAME                                                         \
    }

/* A few digits with a NUL. */
struct digits {
    char text[8];
    size_t size;
};

static struct digits print_number(unsigned number)
{
    struct digits digits;
    digits.size = (size_t)snprintf(digits.text, sizeof digits.text, "%u", number % 1000);
    return digits;
}

static size_t encode_text(const struct rpc_call *call, char out[MAX_MESSAGE_HEADER])
{
    if (call->text == NULL) {
        return 0;
    }
    return wire_percent_encode(call->text, strlen(call->text), out, MAX_MESSAGE_HEADER);
}

static int submit_trailers(struct rpc_call *call)
{
    if (rpc_extra_in_trailers(call)) {
        return rpc_extra_submit_trailers(call, false);
    }
    char text[MAX_MESSAGE_HEADER];
    size_t text_size = encode_text(call, text);
    struct digits status = print_number((unsigned)call->status);
    const nghttp2_nv fields[] = {
        FIELD("grpc-status", status.text, status.size),
        FIELD("grpc-message", text, text_size),
    };
    return nghttp2_submit_trailer(call->session->connection.session, call->stream_id, fields,
                                  text_size > 0 ? 2 : 1);
}

/* How much may wait for one call: less than its limit when there are very many, since together they
 * must stay bounded as well. */
static size_t queue_limit(const struct rpc_call *call)
{
    const struct rpc_server *server = call->server;
    size_t calls = server->stats.calls_open > 0 ? server->stats.calls_open : 1;
    size_t share = server->opts.max_output_bytes / calls;
    return share < server->opts.max_queue_bytes ? share : server->opts.max_queue_bytes;
}

static ssize_t read_queue(nghttp2_session *h2, int32_t stream_id, uint8_t *out, size_t size,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct rpc_call *call = source->ptr;
    (void)h2;
    (void)stream_id;
    (void)user;
    size_t taken = rpc_queue_read(&call->queue, out, size);
    size_t left = rpc_queue_size(&call->queue);
    if (taken > 0) {
        rpc_call_moved(call, taken, left == 0);
    }
    if (call->full && left <= queue_limit(call) / 2 && !list_link_is_listed(&call->writable)) {
        list_append(&call->session->writable, &call->writable);
    }
    if (left == 0 && call->finishing) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        /* Not earlier: trailers would overtake the data. */
        if (submit_trailers(call) != 0) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
    } else if (taken == 0) {
        call->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)taken;
}

/* Headers with the status in them, and nothing else. */
static int submit_trailers_only(struct rpc_call *call)
{
    if (rpc_extra_in_trailers(call)) {
        return rpc_extra_submit_trailers(call, true);
    }
    char text[MAX_MESSAGE_HEADER];
    size_t text_size = encode_text(call, text);
    struct digits status = print_number((unsigned)call->status);
    const nghttp2_nv fields[] = {
        FIELD(":status", "200", 3),
        FIELD("content-type", "application/grpc", 16),
        FIELD("grpc-accept-encoding", RPC_ENCODINGS, sizeof RPC_ENCODINGS - 1),
        FIELD("grpc-status", status.text, status.size),
        FIELD("grpc-message", text, text_size),
    };
    return nghttp2_submit_response(call->session->connection.session, call->stream_id, fields,
                                   text_size > 0 ? 5 : 4, NULL);
}

static ssize_t read_text(nghttp2_session *h2, int32_t stream_id, uint8_t *out, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct rpc_call *call = source->ptr;
    (void)h2;
    (void)stream_id;
    (void)user;
    size_t left = strlen(call->text) - call->text_at;
    size_t taken = left < size ? left : size;
    memcpy(out, call->text + call->text_at, taken);
    call->text_at += taken;
    if (taken == left) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)taken;
}

/* To somebody who speaks HTTP but not gRPC, a browser perhaps: the text to read. */
static int submit_http_error(struct rpc_call *call)
{
    struct digits http = print_number((unsigned)call->http_status);
    struct digits status = print_number((unsigned)call->status);
    const nghttp2_nv fields[] = {
        FIELD(":status", http.text, http.size),
        FIELD("content-type", "text/plain", 10),
        FIELD("grpc-status", status.text, status.size),
    };
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_text};
    return nghttp2_submit_response(call->session->connection.session, call->stream_id, fields, 3,
                                   call->text != NULL ? &provider : NULL);
}

static int submit_with_data(struct rpc_call *call)
{
    static const nghttp2_nv fields[] = {
        FIELD(":status", "200", 3),
        FIELD("content-type", "application/grpc", 16),
        FIELD("grpc-accept-encoding", RPC_ENCODINGS, sizeof RPC_ENCODINGS - 1),
        FIELD("grpc-encoding", "gzip", 4),
    };
    nghttp2_data_provider provider = {.source.ptr = call, .read_callback = read_queue};
    if (rpc_extra_in_headers(call)) {
        return rpc_extra_submit_headers(call, &provider);
    }
    return nghttp2_submit_response(call->session->connection.session, call->stream_id, fields,
                                   call->queue.gzip ? 4 : 3, &provider);
}

void rpc_call_resume(struct rpc_call *call)
{
    if (call->deferred) {
        call->deferred = false;
        /* Fails only when the stream is about to close. */
        (void)nghttp2_session_resume_data(call->session->connection.session, call->stream_id);
    }
    rpc_connection_mark(&call->session->connection);
}

static int submit_answer(struct rpc_call *call)
{
    if (call->http_status != 200) {
        return submit_http_error(call);
    }
    bool only = call->finishing && rpc_queue_size(&call->queue) == 0 &&
                (call->extra == NULL || call->extra->headers.count == 0);
    return only ? submit_trailers_only(call) : submit_with_data(call);
}

int rpc_call_submit(struct rpc_call *call)
{
    if (!call->submitted) {
        if (submit_answer(call) != 0) {
            return -ENOMEM;
        }
        call->submitted = true;
        call->progress_ns = rpc_now();
    }
    rpc_call_resume(call);
    return 0;
}

void rpc_call_compress(struct rpc_call *call, bool on)
{
    if (!call->submitted && !call->handler_done) {
        call->queue.gzip = on && call->takes_gzip;
    }
}

void rpc_call_be_patient(struct rpc_call *call)
{
    call->patient = true;
}

bool rpc_call_writable(const struct rpc_call *call)
{
    return !call->full && !rpc_call_is_over(call);
}

/* 0: a message may be added. */
static int check_room(const struct rpc_call *call)
{
    if (call->handler_done || rpc_call_is_over(call)) {
        return -EPIPE;
    }
    return call->full ? -EAGAIN : 0;
}

/* After a message was added. */
static int sent(struct rpc_call *call, bool was_empty)
{
    if (was_empty) {
        call->progress_ns = rpc_now();
    }
    call->full = rpc_queue_size(&call->queue) >= queue_limit(call);
    if (rpc_call_submit(call) != 0) {
        return -ENOMEM;
    }
    return call->full ? 0 : 1;
}

int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *message)
{
    int error = check_room(call);
    bool was_empty = rpc_queue_size(&call->queue) == 0;
    if (error == 0) {
        error = rpc_queue_add(&call->queue, message);
    }
    return error != 0 ? error : sent(call, was_empty);
}

int rpc_call_send_packed(struct rpc_call *call, const void *data, size_t size)
{
    int error = check_room(call);
    bool was_empty = rpc_queue_size(&call->queue) == 0;
    if (error == 0) {
        error = rpc_queue_add_packed(&call->queue, data, size);
    }
    return error != 0 ? error : sent(call, was_empty);
}

void rpc_call_tell_writable(struct rpc_session *session)
{
    struct list_link ready;
    struct list_link *link;
    list_move(&session->writable, &ready);
    while ((link = list_pop(&ready)) != NULL) {
        struct rpc_call *call = CONTAINER_OF(link, struct rpc_call, writable);
        call->full = false;
        rpc_call_feed_held(call);
        if (!call->full && !call->handler_done && call->on_writable != NULL) {
            call->on_writable(call, call->user);
        }
    }
}
