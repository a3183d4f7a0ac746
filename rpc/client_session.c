/* SPDX-License-Identifier: MIT */
/* client_session.c - the callbacks of the calling side's HTTP/2 session. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpc/client_internal.h"

enum {
    STREAM_WINDOW = 256 * 1024, /* also what a paused call holds at most */
    CONNECTION_WINDOW = 4 * 1024 * 1024,
    MAX_HEADER_BYTES = 64 * 1024,
};

static struct rpc_client *client_of(void *user)
{
    struct rpc_connection *connection = user;
    return CONTAINER_OF(connection, struct rpc_client, connection);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    struct rpc_client_call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
    (void)flags;
    (void)user;
    if (call != NULL) {
        rpc_client_call_header(call, (const char *)name, name_size, (const char *)value,
                               value_size);
    }
    return 0;
}

/* Why the server closes the connection, if it has something to complain of. */
static void on_goaway(struct rpc_client *client, const nghttp2_goaway *goaway)
{
    if (goaway->error_code == NGHTTP2_NO_ERROR) {
        client->left = true;
        return;
    }
    int size = goaway->opaque_data_len < 80 ? (int)goaway->opaque_data_len : 80;
    (void)snprintf(client->goaway_text, sizeof client->goaway_text, "%s%s%.*s",
                   nghttp2_http2_strerror(goaway->error_code), size > 0 ? ": " : "", size,
                   size > 0 ? (const char *)goaway->opaque_data : "");
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct rpc_client *client = client_of(user);
    (void)h2;
    if (frame->hd.type == NGHTTP2_SETTINGS) {
        rpc_client_became_ready(client);
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
        on_goaway(client, &frame->goaway);
    }
    return 0;
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *data,
                         size_t size, void *user)
{
    struct rpc_client_call *call = nghttp2_session_get_stream_user_data(h2, stream_id);
    (void)flags;
    (void)user;
    if (call == NULL || call->ended) {
        return nghttp2_session_consume(h2, stream_id, size);
    }
    /* The connection's window is given back at once: one call that is paused must not hold up the
     * others. The stream's window is given back with the message. */
    if (nghttp2_session_consume_connection(h2, size) != 0) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    rpc_client_call_data(call, data, size);
    return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t error, void *user)
{
    struct rpc_client_call *call = nghttp2_session_get_stream_user_data(h2, stream_id);
    (void)user;
    if (call != NULL) {
        rpc_client_call_closed(call, error);
    }
    return 0;
}

/* A request that could not leave, because the server is going away. */
static int on_frame_not_send(nghttp2_session *h2, const nghttp2_frame *frame, int error, void *user)
{
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct rpc_client_call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
    (void)user;
    if (call != NULL && !call->ended) {
        rpc_client_call_end(call, WIRE_UNAVAILABLE,
                            error == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED
                                ? "the server is shutting down"
                                : nghttp2_strerror(error));
    }
    return 0;
}

static int new_session(struct rpc_client *client, nghttp2_session_callbacks *callbacks,
                       nghttp2_session **out_session)
{
    nghttp2_option *option;
    if (nghttp2_option_new(&option) != 0) {
        return -ENOMEM;
    }
    nghttp2_option_set_no_auto_window_update(option, 1);
    int error = nghttp2_session_client_new2(out_session, callbacks, &client->connection, option);
    nghttp2_option_del(option);
    return error != 0 ? -ENOMEM : 0;
}

int rpc_client_session_new(struct rpc_client *client, nghttp2_session **out_session)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, MAX_HEADER_BYTES},
    };
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return -ENOMEM;
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    int error = new_session(client, callbacks, &session);
    nghttp2_session_callbacks_del(callbacks);
    if (error != 0) {
        return error;
    }
    if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) != 0 ||
        nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) !=
            0) {
        nghttp2_session_del(session);
        return -ENOMEM;
    }
    *out_session = session;
    return 0;
}
