/* SPDX-License-Identifier: MIT */
/* session.c - one client's connection, as the server sees it: the callbacks of its HTTP/2 session.
 *
 * A callback only notes what happened and submits frames; the flush of the connection does the
 * rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/address.h"
#include "rpc/internal.h"

enum {
    STREAM_WINDOW = 256 * 1024,
    CONNECTION_WINDOW = 4 * 1024 * 1024,
    MAX_UNANSWERED_ACKS = 500,
    RESET_BURST = 2000, /* a second line behind flood.c's */
    RESET_RATE = 200,
};

static struct rpc_session *session_of(struct rpc_connection *connection)
{
    return CONTAINER_OF(connection, struct rpc_session, connection);
}

static struct rpc_call *find_call(nghttp2_session *h2, int32_t stream_id)
{
    return nghttp2_session_get_stream_user_data(h2, stream_id);
}

static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *header, void *user)
{
    struct rpc_session *session = session_of(user);
    (void)h2;
    if (!rpc_flood_frame(session, header)) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (header->type == NGHTTP2_HEADERS &&
        !rpc_numbers_take(&session->numbers, header->stream_id)) {
        rpc_session_cut(session, RPC_CUT_PROTOCOL);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct rpc_session *session = session_of(user);
    struct rpc_server *server = session->server;
    rpc_request_begin(&session->request, server->opts.max_header_bytes);
    session->waits_since_ns = rpc_now();
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    int32_t stream_id = frame->hd.stream_id;
    struct rpc_call *call = NULL;
    /* Calls that the client has reset but whose handlers still run count too: resetting must not
     * buy more of them. */
    if (session->call_count < server->opts.max_streams) {
        call = rpc_call_new(session, stream_id);
    }
    if (call == NULL) {
        return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_REFUSED_STREAM);
    }
    return nghttp2_session_set_stream_user_data(h2, stream_id, call);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    struct rpc_session *session = session_of(user);
    (void)h2;
    (void)flags;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        rpc_request_add(&session->request, (const char *)name, name_size, (const char *)value,
                        value_size);
    } else {
        rpc_request_add_trailer(&session->request, (const char *)name, name_size, value_size);
    }
    if (rpc_request_is_too_large(&session->request) &&
        !rpc_flood_header(session, name_size + value_size)) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    return 0;
}

static int on_invalid_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_size, const uint8_t *value, size_t value_size,
                             uint8_t flags, void *user)
{
    (void)h2;
    (void)frame;
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;
    session_of(user)->request.malformed = true;
    return 0;
}

static void on_headers(struct rpc_session *session, struct rpc_call *call,
                       const nghttp2_frame *frame)
{
    session->waits_since_ns = 0;
    bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    bool request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (call == NULL) {
        return;
    }
    call->half_closed = last;
    if (request ? !rpc_request_is_well_formed(&session->request)
                : session->request.malformed || !last) {
        rpc_call_reset(call, NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    if (request) {
        rpc_call_headers_done(call, &session->request);
    }
    if (last) {
        rpc_call_half_closed(call);
    }
}

static int on_ping(struct rpc_session *session, const nghttp2_frame *frame)
{
    if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
        static const uint8_t of_drain[8];
        if (memcmp(frame->ping.opaque_data, of_drain, sizeof of_drain) == 0) {
            rpc_session_confirm_drain(session);
        }
        return 0;
    }
    return rpc_flood_ping(session) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct rpc_session *session = session_of(user);
    struct rpc_call *call = find_call(h2, frame->hd.stream_id);
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        on_headers(session, call, frame);
        return 0;
    case NGHTTP2_DATA:
        if (call != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            call->half_closed = true;
            rpc_call_half_closed(call);
        }
        return 0;
    case NGHTTP2_SETTINGS:
        session->greeted = true;
        session->waits_since_ns = 0;
        return 0;
    case NGHTTP2_PING:
        return on_ping(session, frame);
    case NGHTTP2_GOAWAY:
        session->connection.peer_leaves = !session->drain_begun;
        return 0;
    case NGHTTP2_RST_STREAM:
        return rpc_flood_reset(session) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    default:
        return 0;
    }
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *data,
                         size_t size, void *user)
{
    (void)flags;
    (void)user;
    struct rpc_call *call = find_call(h2, stream_id);
    if (call == NULL) {
        return nghttp2_session_consume(h2, stream_id, size);
    }
    rpc_call_data(call, data, size);
    return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream_id, uint32_t error, void *user)
{
    (void)error;
    (void)user;
    struct rpc_call *call = find_call(h2, stream_id);
    if (call != NULL) {
        rpc_call_stream_gone(call, WIRE_CANCELLED);
    }
    return 0;
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct rpc_session *session = session_of(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        rpc_flood_own_reset(session, frame->rst_stream.error_code);
    } else if (frame->hd.type == NGHTTP2_GOAWAY) {
        session->connection.peer_leaves = false;
        rpc_session_drain_told(session);
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !session->connection.closing) {
            session->server->stats.cut[RPC_CUT_PROTOCOL]++; /* nghttp2 ends it of its own accord */
        }
    }
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) {
        return 0;
    }
    session->ping_strikes = 0;
    session->last_ping_ns = 0;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        return 0;
    }
    struct rpc_call *call = find_call(h2, frame->hd.stream_id);
    if (call == NULL || call->half_closed) {
        return 0;
    }
    /* The answer came before the end of the request: the rest is not wanted. Submitted any earlier,
     * the reset would overtake the trailers. */
    return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
}

int rpc_session_callbacks_new(nghttp2_session_callbacks **out_callbacks)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return -ENOMEM;
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    *out_callbacks = callbacks;
    return 0;
}

int rpc_session_options_new(bool local, nghttp2_option **out_option)
{
    nghttp2_option *option;
    if (nghttp2_option_new(&option) != 0) {
        return -ENOMEM;
    }
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_max_outbound_ack(option, MAX_UNANSWERED_ACKS);
    nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST, RESET_RATE);
    if (local) {
        /* Clients put the socket's path, or nothing, into :authority (request.h). */
        nghttp2_option_set_no_http_messaging(option, 1);
    }
    *out_option = option;
    return 0;
}

static void on_room(struct rpc_connection *connection)
{
    rpc_call_tell_writable(session_of(connection));
}

static void on_turn(struct rpc_connection *connection)
{
    rpc_call_take_turns(session_of(connection));
}

static void on_read(struct rpc_connection *connection, const uint8_t *data, size_t size)
{
    rpc_flood_read(session_of(connection), data, size);
}

static void on_idle(struct rpc_connection *connection, unsigned records)
{
    rpc_flood_records(session_of(connection), records);
}

static void on_broken(struct rpc_connection *connection, int error)
{
    rpc_session_broken(session_of(connection), error);
}

static void on_lost(struct rpc_connection *connection, int error)
{
    struct rpc_session *session = session_of(connection);
    if (error == -EPROTO && rpc_transport_has_failed(&connection->transport)) {
        session->server->stats.cut[RPC_CUT_TLS]++;
    }
    while (!list_is_empty(&session->calls)) {
        rpc_call_stream_gone(CONTAINER_OF(session->calls.next, struct rpc_call, link),
                             WIRE_UNAVAILABLE);
    }
    struct list_link *orphans = &session->server->orphans;
    for (struct list_link *link = orphans->next; link != orphans; link = link->next) {
        struct rpc_call *call = CONTAINER_OF(link, struct rpc_call, link);
        if (call->session == session) {
            call->session = NULL;
        }
    }
    rpc_timer_clear(&session->server->hub.timers, &session->drain_timer);
    list_remove(&session->link);
    session->server->stats.connections--;
    session->share->connections--;
}

static void free_session(struct rpc_session *session)
{
    rpc_metadata_fini(&session->request.metadata);
    rpc_share_unref(session->share);
    free(session);
}

static void on_closed(struct rpc_connection *connection)
{
    struct rpc_session *session = session_of(connection);
    struct rpc_server *server = session->server;
    free_session(session);
    rpc_server_handle_closed(server);
}

static const struct rpc_connection_events events = {
    .on_read = on_read,
    .on_idle = on_idle,
    .on_room = on_room,
    .on_turn = on_turn,
    .on_broken = on_broken,
    .on_lost = on_lost,
    .on_closed = on_closed,
};

static void identify(struct rpc_peer *peer, int fd, bool local)
{
    struct rpc_address address = {.size = sizeof address.storage, .local = local};
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    *peer = (struct rpc_peer){.uid = (uid_t)-1, .gid = (gid_t)-1};
    (void)getpeername(fd, (struct sockaddr *)&address.storage, &address.size);
    rpc_address_print(&address, peer->address, sizeof peer->address);
    if (local && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
        peer->local = true;
        peer->uid = credentials.uid;
        peer->gid = credentials.gid;
        peer->pid = credentials.pid;
    }
}

static int open_session(struct rpc_session *session, int fd, bool local, struct rpc_tls_stream *tls)
{
    struct rpc_server *server = session->server;
    nghttp2_session *h2;
    if (nghttp2_session_server_new2(&h2, server->callbacks, &session->connection,
                                    server->options[local]) != 0) {
        return -ENOMEM;
    }
    /* Not NO_RFC7540_PRIORITIES: without its tree nghttp2 forgets closed streams at once, and then
     * cannot tell a late frame from a wrong one. Floods of PRIORITY meet the budget of flood.c. */
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, server->opts.max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)server->opts.max_header_bytes},
    };
    int error = nghttp2_submit_settings(h2, NGHTTP2_FLAG_NONE, settings,
                                        sizeof settings / sizeof settings[0]);
    if (error == 0) {
        error = nghttp2_session_set_local_window_size(h2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
    }
    session->connection.lingers = true;
    error = error != 0
                ? -ENOMEM
                : rpc_connection_open(&session->connection, &server->hub, fd, tls, h2, &events);
    if (error != 0) {
        nghttp2_session_del(h2);
    }
    return error;
}

static void on_drain_timer(struct rpc_timer *timer)
{
    rpc_session_confirm_drain(CONTAINER_OF(timer, struct rpc_session, drain_timer));
}

static struct rpc_session *new_session(struct rpc_server *server, int fd, bool local)
{
    struct rpc_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    identify(&session->peer, fd, local);
    session->share = rpc_share_join(&server->shares, fd, &session->peer);
    if (session->share == NULL) {
        free(session);
        return NULL;
    }
    session->server = server;
    session->waits_since_ns = rpc_now();
    session->stall_since_ns = session->waits_since_ns; /* what we send first may wait for TLS */
    session->drain_timer.fire = on_drain_timer;
    session->frame_left = NGHTTP2_CLIENT_MAGIC_LEN;
    list_init(&session->calls);
    list_init(&session->writable);
    list_init(&session->turns);
    return session;
}

void rpc_session_accept(struct rpc_server *server, int fd, const struct rpc_listener *listener)
{
    enum rpc_cut cause;
    bool local = listener->local;
    struct rpc_session *session = new_session(server, fd, local);
    struct rpc_tls_stream *tls = NULL;
    if (session == NULL) {
        close(fd);
        return;
    }
    if (listener->tls && (tls = rpc_tls_stream_new(server->tls, fd, NULL)) == NULL) {
        close(fd);
        free_session(session);
        return;
    }
    bool has_room = rpc_crowd_has_room(server, session->share, &cause);
    if (open_session(session, fd, local, tls) != 0) {
        rpc_tls_stream_free(tls);
        close(fd);
        free_session(session);
        return;
    }
    rpc_live_begin(session);
    list_append(&server->sessions, &session->link);
    session->share->connections++;
    server->stats.connections++;
    server->handles++;
    if (!has_room) {
        rpc_session_cut(session, cause); /* one that knows why does not try at once again */
    }
    rpc_server_sweep_soon(server);
    if (server->draining) {
        rpc_session_drain(session);
    }
}

/* Does the call wait for bytes that the peer keeps back, or take none of ours? */
static bool is_stalled(const struct rpc_call *call, int64_t limit_ns)
{
    bool receiving = !call->half_closed && !call->finishing && !rpc_call_is_paused(call) &&
                     (!call->begun || !wire_reader_is_idle(&call->reader));
    bool sending =
        call->submitted && !call->patient && (rpc_queue_size(&call->queue) > 0 || call->finishing);
    return (receiving || sending) && call->progress_ns < limit_ns;
}

static void put_off(int64_t *since_ns, int64_t by_ns, int64_t now)
{
    if (*since_ns != 0) {
        *since_ns = now - *since_ns > by_ns ? *since_ns + by_ns : now;
    }
}

/* While the connection waited for turns that others had, what its peer may have sent lay in the socket:
 * the times for that stand still, and a call that sends wants windows. They go on while its own messages
 * are unfolded, or it could put them off for ever by more of those; and so does that of a socket which
 * takes nothing. */
static void put_off_unread(struct rpc_session *session, int64_t now)
{
    int64_t unread_ns = rpc_connection_unread(&session->connection, now);
    if (unread_ns == 0) {
        return;
    }
    put_off(&session->waits_since_ns, unread_ns, now);
    put_off(&session->asked_ns, unread_ns, now);
    for (struct list_link *link = session->calls.next; link != &session->calls; link = link->next) {
        put_off(&CONTAINER_OF(link, struct rpc_call, link)->progress_ns, unread_ns, now);
    }
}

void rpc_session_sweep(struct rpc_session *session, int64_t now)
{
    const struct rpc_server_opts *opts = &session->server->opts;
    struct rpc_connection *connection = &session->connection;
    put_off_unread(session, now);
    if (session->waits_since_ns != 0 && now - session->waits_since_ns > opts->handshake_ns) {
        rpc_session_cut(session, session->greeted ? RPC_CUT_SLOW_HEADERS : RPC_CUT_HANDSHAKE);
        return;
    }
    if (connection->unsent == NULL || connection->sent_bytes != session->stall_bytes) {
        session->stall_bytes = connection->sent_bytes;
        session->stall_since_ns = now;
    } else if (now - session->stall_since_ns > opts->stall_ns) {
        rpc_session_cut(session, RPC_CUT_SOCKET_STALL);
        return;
    }
    if (!rpc_live_sweep(session, now)) {
        return;
    }
    for (struct list_link *link = session->calls.next; link != &session->calls; link = link->next) {
        struct rpc_call *call = CONTAINER_OF(link, struct rpc_call, link);
        if (is_stalled(call, now - opts->stall_ns)) {
            session->server->stats.cut[RPC_CUT_CALL_STALL]++;
            rpc_call_reset(call, NGHTTP2_ENHANCE_YOUR_CALM);
            call->progress_ns = now; /* counted once */
        }
    }
}
