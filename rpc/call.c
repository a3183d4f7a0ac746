/* SPDX-License-Identifier: MIT */
/* call.c - the life of one call on the serving side: begun, answered or cut off, released. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/decode.h"
#include "rpc/internal.h"

enum { MAX_TEXT = 1024, MAX_POOLED_CALLS = 1024 };

static void on_deadline(struct rpc_timer *timer)
{
    rpc_call_deadline_passed(CONTAINER_OF(timer, struct rpc_call, timer));
}

struct rpc_call *rpc_call_new(struct rpc_session *session, int32_t stream_id)
{
    struct rpc_server *server = session->server;
    struct list_link *link = list_pop(&server->free_calls);
    struct rpc_call *call;
    if (link != NULL) {
        call = CONTAINER_OF(link, struct rpc_call, link);
        server->free_call_count--;
        struct rpc_queue queue = call->queue; /* with its memory */
        memset(call, 0, sizeof *call);
        call->queue = queue;
    } else {
        call = calloc(1, sizeof *call);
    }
    if (call == NULL) {
        return NULL;
    }
    call->server = server;
    call->session = session;
    call->share = rpc_share_ref(session->share);
    call->share->calls++;
    call->stream_id = stream_id;
    call->http_status = 200;
    if (session->connection.transport.tls != NULL && !session->peer.tls) {
        /* Its first call: the handshake is over, whatever it has shown. */
        session->peer.tls = true;
        session->peer.certified = rpc_tls_stream_peer(session->connection.transport.tls,
                                                      session->peer.name, session->peer.uri);
    }
    call->peer = session->peer;
    call->deadline_ns = INT64_MAX;
    call->content_left = -1;
    call->timer.fire = on_deadline;
    call->progress_ns = session->waits_since_ns; /* just set: now */
    list_append(&session->calls, &call->link);
    session->call_count++;
    server->stats.calls++;
    server->stats.calls_open++;
    return call;
}

static void pool_or_free(struct rpc_server *server, struct rpc_call *call)
{
    if (server == NULL || server->freeing || server->free_call_count >= MAX_POOLED_CALLS) {
        rpc_queue_fini(&call->queue);
        free(call);
        return;
    }
    list_append(&server->free_calls, &call->link);
    server->free_call_count++;
}

void rpc_call_pool_free(struct rpc_server *server)
{
    struct list_link *link = server->free_calls.next;
    while (link != &server->free_calls) {
        struct rpc_call *call = CONTAINER_OF(link, struct rpc_call, link);
        link = link->next;
        rpc_queue_fini(&call->queue);
        free(call);
    }
}

/* Both sides are done. */
static void release(struct rpc_call *call)
{
    struct rpc_server *server = call->server;
    list_remove(&call->link);
    if (call->session != NULL) {
        call->session->call_count--;
    }
    if (server != NULL) {
        server->stats.calls_open--;
    }
    call->share->calls--;
    rpc_share_unref(call->share);
    wire_decoded_free(call->request);
    free(call->text);
    rpc_extra_free(call->extra);
    pool_or_free(server, call);
}

static void observe(const struct rpc_call *call, const struct rpc_answer *answer)
{
    if (call->peer.observed && call->server != NULL &&
        call->server->opts.observer.answered != NULL) {
        call->server->opts.observer.answered(call->server->opts.observer.user, &call->peer, answer);
    }
}

/* The handler's word, or that it will have none. */
static void observe_handler(const struct rpc_call *call, const ProtobufCMessage *reply,
                            enum wire_status status, const char *text)
{
    struct rpc_answer answer = {.path = call->method->path,
                                .request = call->request,
                                .reply = reply,
                                .messages = call->messages,
                                .status = status,
                                .text = text};
    observe(call, &answer);
}

/* Tell the handler that the call ended without its doing. The call stays: its stream is there, or
 * the caller releases it. */
static void end_handler(struct rpc_call *call, enum wire_status why)
{
    if (!call->begun || call->handler_done || call->on_end == NULL) {
        return;
    }
    call->handler_done = true; /* an answer given inside on_end is ignored */
    observe_handler(call, NULL, why, "it ended before it was answered");
    call->on_end(call, why, call->user);
}

/* Decide how the call ends on the wire. `text` may be NULL. */
static void finish(struct rpc_call *call, enum wire_status status, const char *text)
{
    call->finishing = true;
    call->status = status;
    if (text != NULL && text[0] != '\0') {
        free(call->text);
        call->text = strndup(text, MAX_TEXT); /* without memory the status goes alone */
    }
    if (status != WIRE_OK) {
        call->server->stats.calls_failed++;
    }
    rpc_call_drop_input(call);
    if (rpc_call_submit(call) != 0) {
        rpc_call_reset(call, NGHTTP2_INTERNAL_ERROR);
    }
}

void rpc_call_reset(struct rpc_call *call, uint32_t error)
{
    if (!call->finishing) {
        call->finishing = true;
        call->server->stats.calls_failed++;
    }
    rpc_call_drop_input(call);
    if (nghttp2_submit_rst_stream(call->session->connection.session, NGHTTP2_FLAG_NONE,
                                  call->stream_id, error) != 0) {
        rpc_connection_end(&call->session->connection, -ENOMEM);
    }
    rpc_connection_mark(&call->session->connection);
}

void rpc_call_abort(struct rpc_call *call, enum wire_status status, const char *text)
{
    end_handler(call, status);
    if (!call->finishing) {
        finish(call, status, text);
    }
}

void rpc_call_stream_gone(struct rpc_call *call, enum wire_status why)
{
    call->stream_gone = true;
    list_remove(&call->link);
    list_remove(&call->writable);
    rpc_timer_clear(&call->server->hub.timers, &call->timer);
    rpc_call_drop_input(call);
    rpc_queue_reset(&call->queue);
    if (!call->finishing) {
        call->finishing = true;
        call->server->stats.calls_failed++;
    }
    end_handler(call, why);
    if (call->begun && !call->handler_done) {
        list_append(&call->server->orphans, &call->link);
        return;
    }
    release(call);
}

/* May trailers still go out in good order? */
static bool can_end_well(const struct rpc_call *call)
{
    nghttp2_session *h2 = call->session->connection.session;
    if (!call->submitted) {
        return true;
    }
    return rpc_queue_at_boundary(&call->queue) &&
           nghttp2_session_get_stream_remote_window_size(h2, call->stream_id) > 0 &&
           nghttp2_session_get_remote_window_size(h2) > 0;
}

void rpc_call_cut_off(struct rpc_call *call, enum wire_status status, const char *text)
{
    end_handler(call, status);
    if (!can_end_well(call)) {
        rpc_call_reset(call, NGHTTP2_CANCEL);
        return;
    }
    rpc_queue_drop(&call->queue);
    if (call->finishing) {
        call->status = status;
        rpc_call_resume(call);
    } else {
        finish(call, status, text);
    }
}

void rpc_call_deadline_passed(struct rpc_call *call)
{
    rpc_call_cut_off(call, WIRE_DEADLINE_EXCEEDED, "the deadline has passed");
}

static void refuse_unknown(struct rpc_call *call, const struct rpc_request *request)
{
    char text[RPC_MAX_PATH + 64];
    bool known = rpc_server_has_service(call->server, request->path);
    (void)snprintf(text, sizeof text, "unknown %s: %s", known ? "method" : "service",
                   request->path);
    rpc_call_abort(call, WIRE_UNIMPLEMENTED, text);
}

static bool is_authorized(struct rpc_call *call, const struct rpc_request *request)
{
    const struct rpc_server_opts *opts = &call->server->opts;
    if (opts->authorize == NULL) {
        return true;
    }
    char text[256] = "";
    enum wire_status status = opts->authorize(opts->user, &call->peer, request->path,
                                              request->has_bearer ? request->bearer : NULL, text);
    if (status != WIRE_OK) {
        text[sizeof text - 1] = '\0';
        observe(call, &(struct rpc_answer){.path = request->path, .status = status, .text = text});
        rpc_call_abort(call, status, text);
    }
    return status == WIRE_OK;
}

/* Reached only by those who may call: no stranger learns how busy a user is. */
static bool is_within_share(struct rpc_call *call)
{
    unsigned most = call->server->opts.max_user_calls;
    char text[128];
    if (call->share->calls <= most) {
        return true;
    }
    call->server->stats.cut[RPC_CUT_USER_CALLS]++;
    (void)snprintf(text, sizeof text,
                   "this user has %u calls open, as many as one may have; let some end first",
                   most);
    rpc_call_abort(call, WIRE_RESOURCE_EXHAUSTED, text);
    return false;
}

static bool set_deadline(struct rpc_call *call, int64_t timeout_ns)
{
    if (timeout_ns < 0) {
        return true;
    }
    if (timeout_ns == 0) {
        rpc_call_abort(call, WIRE_DEADLINE_EXCEEDED, "the deadline was zero");
        return false;
    }
    call->deadline_ns = rpc_after(timeout_ns);
    if (call->deadline_ns != INT64_MAX &&
        rpc_timer_set(&call->server->hub.timers, &call->timer, call->deadline_ns) != 0) {
        rpc_call_abort(call, WIRE_RESOURCE_EXHAUSTED, "no memory for a deadline");
        return false;
    }
    return true;
}

/* It may be left out only when there is none. */
static void take_metadata(struct rpc_call *call, struct rpc_request *request)
{
    struct rpc_extra *extra = request->metadata.count > 0 ? rpc_call_extra(call) : NULL;
    if (extra != NULL) {
        extra->received = request->metadata;
        memset(&request->metadata, 0, sizeof request->metadata);
    }
}

/* The client's headers are complete and are HTTP/2: find out whether this will be a call. */
void rpc_call_headers_done(struct rpc_call *call, struct rpc_request *request)
{
    const char *text;
    call->content_left = request->content_length;
    take_metadata(call, request);
    enum wire_status status = rpc_request_judge(request, &call->http_status, &text);
    if (call->http_status != 200 && !call->half_closed) {
        /* HTTP clients that are not gRPC's take an early answer badly. */
        call->no_grpc = true;
        call->status = status;
        call->text = strdup(text); /* without memory the answer goes without */
        return;
    }
    if (status != WIRE_OK) {
        rpc_call_abort(call, status, text);
        return;
    }
    if (!is_authorized(call, request) || !is_within_share(call)) {
        return;
    }
    const struct rpc_route *route =
        request->path_too_long ? NULL : rpc_server_route(call->server, request->path);
    if (route == NULL) {
        refuse_unknown(call, request);
        return;
    }
    call->method = route->method;
    call->method_user = route->user;
    size_t max_bytes = call->method->max_request_bytes;
    wire_reader_init(&call->reader,
                     max_bytes > 0 ? max_bytes : call->server->opts.max_request_bytes);
    /* As the client does, so do we. */
    call->reader.takes_gzip = request->gzip;
    call->takes_gzip = request->takes_gzip;
    call->queue.gzip = request->gzip && request->takes_gzip;
    if (!set_deadline(call, request->timeout_ns) || !rpc_kind_streams_in(call->method->kind)) {
        return;
    }
    call->begun = true;
    rpc_flood_refund(call->session);
    if (call->method->begin != NULL) {
        call->method->begin(call, NULL, call->method_user);
    }
}

/* The client has sent everything, and all of it has been looked at. */
void rpc_call_half_closed(struct rpc_call *call)
{
    if (call->content_left > 0) {
        rpc_call_reset(call, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    if (call->finishing || call->held_size > 0) {
        return; /* nobody cares any more; or rpc_call_feed_held() comes back here */
    }
    if (call->no_grpc) {
        rpc_call_abort(call, call->status, NULL);
        return;
    }
    if (!wire_reader_is_idle(&call->reader)) {
        rpc_call_abort(call, WIRE_INTERNAL, "the request ended in the middle of a message");
        return;
    }
    if (rpc_kind_streams_in(call->method->kind)) {
        if (call->method->half_close != NULL) {
            call->method->half_close(call, call->method_user);
        }
        return;
    }
    if (call->request == NULL) {
        rpc_call_abort(call, WIRE_UNIMPLEMENTED, "the request has no message");
        return;
    }
    call->begun = true;
    rpc_flood_refund(call->session);
    call->method->begin(call, call->request, call->method_user);
}

/* The handler's last word. True: the stream is there and waits for it. */
static bool take_answer(struct rpc_call *call, const ProtobufCMessage *reply,
                        enum wire_status status, const char *text)
{
    if (call->handler_done) {
        return false; /* inside on_end */
    }
    call->handler_done = true;
    observe_handler(call, reply, status, text);
    if (call->stream_gone) {
        release(call);
        return false;
    }
    return !call->finishing;
}

void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *reply)
{
    if (!take_answer(call, reply, WIRE_OK, "")) {
        return;
    }
    if (rpc_queue_add(&call->queue, reply) != 0) {
        finish(call, WIRE_RESOURCE_EXHAUSTED, "no memory for the reply");
        return;
    }
    finish(call, WIRE_OK, NULL);
}

void rpc_call_vfinish(struct rpc_call *call, enum wire_status status, const char *format,
                      va_list args)
{
    char text[MAX_TEXT + 1] = "";
    if (format != NULL) {
        (void)vsnprintf(text, sizeof text, format, args);
    }
    if (!take_answer(call, NULL, status, text)) {
        return;
    }
    finish(call, status, text);
}

void rpc_call_finish(struct rpc_call *call, enum wire_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    rpc_call_vfinish(call, status, format, args);
    va_end(args);
}

void rpc_call_on(struct rpc_call *call, void (*on_writable)(struct rpc_call *call, void *user),
                 void (*on_end)(struct rpc_call *call, enum wire_status why, void *user),
                 void *user)
{
    call->on_writable = on_writable;
    call->on_end = on_end;
    call->user = user;
}

void *rpc_call_user(const struct rpc_call *call)
{
    return call->user;
}

bool rpc_call_is_over(const struct rpc_call *call)
{
    return call->stream_gone || call->finishing;
}

const struct rpc_peer *rpc_call_peer(const struct rpc_call *call)
{
    return &call->peer;
}

void rpc_call_set_credential(struct rpc_call *call, uint64_t credential)
{
    call->peer.credential = credential;
}

const ProtobufCMessageDescriptor *rpc_call_request_type(const struct rpc_call *call)
{
    return call->method->request;
}

int64_t rpc_call_deadline(const struct rpc_call *call)
{
    return call->deadline_ns;
}
