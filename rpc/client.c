/* SPDX-License-Identifier: MIT */
/* client.c - the calling side's connection: made, lost, closed.
 *
 * A connecting socket is given to the connection at once: it takes bytes when it stands, and a
 * failure shows as the error of the first read. "Ready" is the server's first SETTINGS, which only
 * an HTTP/2 server sends.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rpc/client_internal.h"

#define DEFAULT_CONNECT_NS 10000000000
#define RETRY_NS 5000000

enum { DEFAULT_MAX_MESSAGE = 64 * 1024 * 1024 };

static struct rpc_client *client_of(struct rpc_connection *connection)
{
    return CONTAINER_OF(connection, struct rpc_client, connection);
}

static void tell(struct rpc_client *client, int error)
{
    if (!client->told) {
        client->told = true;
        rpc_hub_return(&client->hub);
        if (client->opts.on_ready != NULL) {
            client->opts.on_ready(client, error, client->opts.user);
        }
    }
}

/* The reason in words. */
static const char *explain(const struct rpc_client *client, int error)
{
    if (client->fault[0] != '\0') {
        return client->fault;
    }
    switch (error) {
    case 0:
    case -EPIPE:
        if (client->ready || client->address.local) {
            return "the server closed the connection";
        }
        return client->opts.tls != NULL
                   ? "the server closed the connection before TLS stood; does it speak TLS?"
                   : "the server closed the connection; perhaps it wants TLS";
    case -EPROTO:
        return client->ready ? "the server broke the protocol"
                             : "what listens there is no gRPC server";
    case -EHOSTUNREACH:
        return client->lookup_error != 0 ? "the host name is not known" : strerror(-error);
    default:
        return strerror(-error);
    }
}

static void describe(struct rpc_client *client, int error)
{
    char *text = client->error_text;
    const char *address = client->opts.address;
    if (client->goaway_text[0] != '\0') {
        (void)snprintf(text, RPC_TEXT_BYTES, "%s turned us away: %s", address, client->goaway_text);
    } else {
        (void)snprintf(text, RPC_TEXT_BYTES, "%s %s: %s",
                       client->ready && client->fault[0] == '\0' ? "lost the connection to"
                                                                 : "cannot connect to",
                       address, explain(client, error));
    }
}

static void end_calls(struct rpc_client *client, enum wire_status status, const char *text)
{
    /* A callback may begin new calls or end others: always the first that is still to be told. */
    struct list_link *link = client->calls.next;
    while (link != &client->calls) {
        struct rpc_client_call *call = CONTAINER_OF(link, struct rpc_client_call, link);
        if (call->ended) {
            link = link->next;
            continue;
        }
        rpc_client_call_end(call, status, text);
        link = client->calls.next;
    }
}

static void free_calls(struct rpc_client *client)
{
    struct list_link *link = client->calls.next;
    while (link != &client->calls) {
        struct list_link *next = link->next;
        rpc_client_call_gone(CONTAINER_OF(link, struct rpc_client_call, link));
        link = next;
    }
}

/* There is no connection, and there will be none. */
static void fail(struct rpc_client *client, int error)
{
    if (error == 0) {
        /* The session had nothing left to do: over in good order, or it could not even begin. */
        error = client->ready ? -EPIPE : -EPROTO;
    }
    if (client->error == 0) {
        client->error = error;
        describe(client, error);
    }
    rpc_timer_clear(&client->hub.timers, &client->timer);
    end_calls(client, WIRE_UNAVAILABLE, client->error_text);
    free_calls(client);
    tell(client, client->error);
}

static void on_room(struct rpc_connection *connection)
{
    (void)connection; /* requests are small: nothing waits for room */
}

static void on_lost(struct rpc_connection *connection, int error)
{
    struct rpc_client *client = client_of(connection);
    if (connection->transport.tls != NULL) {
        (void)snprintf(client->fault, sizeof client->fault, "%s",
                       rpc_tls_stream_fault(connection->transport.tls));
    }
    fail(client, error);
}

static void handle_closed(struct rpc_client *client);

static void on_hub_closed(struct rpc_hub *hub)
{
    handle_closed(CONTAINER_OF(hub, struct rpc_client, hub));
}

static void on_connection_closed(struct rpc_connection *connection)
{
    struct rpc_client *client = client_of(connection);
    client->opened = false;
    handle_closed(client);
}

static const struct rpc_connection_events events = {
    .on_room = on_room, .on_lost = on_lost, .on_closed = on_connection_closed};

static void free_parts(struct rpc_client *client)
{
    nghttp2_session_del(client->session);
    free((char *)client->opts.address);
    if (client->authorization != NULL) {
        explicit_bzero(client->authorization, strlen(client->authorization));
        free(client->authorization);
    }
    free(client);
}

/* The connection goes first, then the hub, then the rest. */
static void handle_closed(struct rpc_client *client)
{
    client->handles--;
    if (client->handles == 0) {
        free_parts(client);
    } else if (client->closing && !client->opened) {
        rpc_hub_close(&client->hub, on_hub_closed);
    }
}

void rpc_client_mark(struct rpc_client *client)
{
    if (client->opened) {
        rpc_connection_mark(&client->connection);
    } else if (client->error != 0) {
        /* A call begun after the end: it ends from the loop. */
        (void)rpc_timer_set(&client->hub.timers, &client->timer, rpc_now());
    }
}

void rpc_client_became_ready(struct rpc_client *client)
{
    if (!client->ready) {
        client->ready = true;
        rpc_timer_clear(&client->hub.timers, &client->timer);
        tell(client, 0);
    }
}

/* 0: on its way; -EAGAIN: the listener's queue is full, try again; or a negative errno. */
static int connect_once(struct rpc_client *client)
{
    const struct rpc_address *address = &client->address;
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (!address->local) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    int error = 0;
    if (connect(fd, (const struct sockaddr *)&address->storage, address->size) != 0 &&
        errno != EINPROGRESS) {
        error = -errno;
    }
    struct rpc_tls_stream *tls = NULL;
    if (error == 0 && client->opts.tls != NULL && !address->local) {
        tls = rpc_tls_stream_new(client->opts.tls, fd, client->host);
        error = tls == NULL ? -ENOMEM : 0;
    }
    if (error == 0) {
        error = rpc_connection_open(&client->connection, &client->hub, fd, tls, client->session,
                                    &events);
    }
    if (error != 0) {
        rpc_tls_stream_free(tls);
        close(fd);
        return error;
    }
    client->session = NULL; /* the connection's now */
    client->opened = true;
    client->handles++;
    return 0;
}

static void on_timer(struct rpc_timer *timer);

static void try_connect(struct rpc_client *client)
{
    int error = client->lookup_error;
    if (error == 0) {
        error = connect_once(client);
    }
    int64_t next_ns = rpc_now(); /* a failure is told from the loop, never from rpc_client_open() */
    if (error == 0) {
        next_ns = client->connect_until_ns;
    } else if (error == -EAGAIN) {
        next_ns = rpc_after(RETRY_NS);
    } else {
        client->error = error;
        describe(client, error);
    }
    if (rpc_timer_set(&client->hub.timers, &client->timer, next_ns) != 0 && client->error == 0) {
        client->error = -ENOMEM;
    }
}

static void on_timer(struct rpc_timer *timer)
{
    struct rpc_client *client = CONTAINER_OF(timer, struct rpc_client, timer);
    if (client->error != 0) {
        fail(client, client->error);
    } else if (rpc_now() >= client->connect_until_ns) {
        if (client->opened) {
            rpc_connection_end(&client->connection, -ETIMEDOUT);
        } else {
            fail(client, -ETIMEDOUT);
        }
    } else {
        try_connect(client);
    }
}

static int copy_texts(struct rpc_client *client, const struct rpc_client_opts *opts)
{
    client->opts.token = NULL;
    client->opts.address = strdup(opts->address);
    if (client->opts.address == NULL) {
        return -ENOMEM;
    }
    if (opts->token != NULL && asprintf(&client->authorization, "Bearer %s", opts->token) < 0) {
        client->authorization = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int init(struct rpc_client *client, uv_loop_t *loop, const struct rpc_client_opts *opts)
{
    client->opts = *opts;
    list_init(&client->calls);
    client->timer.fire = on_timer;
    int error = copy_texts(client, opts);
    if (error == 0) {
        error = rpc_address_parse(opts->address, &client->address);
        if (error == -EHOSTUNREACH) {
            client->lookup_error = error;
            error = 0;
        }
    }
    if (error == 0 && !client->address.local) {
        rpc_address_host(opts->address, client->host, sizeof client->host);
    }
    if (error == 0) {
        error = rpc_client_session_new(client, &client->session);
    }
    if (error == 0) {
        error = rpc_hub_init(&client->hub, loop);
    }
    return error;
}

int rpc_client_open(uv_loop_t *loop, const struct rpc_client_opts *opts,
                    struct rpc_client **out_client)
{
    struct rpc_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return -ENOMEM;
    }
    int error = init(client, loop, opts);
    if (error != 0) {
        free_parts(client);
        return error;
    }
    if (client->opts.max_message_bytes == 0) {
        client->opts.max_message_bytes = DEFAULT_MAX_MESSAGE;
    }
    client->handles = 1;
    client->connect_until_ns =
        rpc_after(opts->connect_timeout_ns > 0 ? opts->connect_timeout_ns : DEFAULT_CONNECT_NS);
    try_connect(client);
    *out_client = client;
    return 0;
}

void rpc_client_close(struct rpc_client *client)
{
    if (client == NULL || client->closing) {
        return;
    }
    client->closing = true;
    client->told = true;
    if (client->error == 0) {
        client->error = -ECANCELED;
        (void)snprintf(client->error_text, sizeof client->error_text, "the client was closed");
    }
    rpc_timer_clear(&client->hub.timers, &client->timer);
    end_calls(client, WIRE_CANCELLED, client->error_text);
    if (client->opened) {
        rpc_connection_end(&client->connection, -ECANCELED);
        return;
    }
    free_calls(client);
    rpc_hub_close(&client->hub, on_hub_closed);
}

int rpc_client_wait_ready(struct rpc_client *client)
{
    while (!client->ready && !client->told) {
        uv_run(client->hub.loop, UV_RUN_ONCE);
    }
    return client->error;
}

bool rpc_client_has_left(const struct rpc_client *client)
{
    return client->goaway_text[0] == '\0' && (client->left || client->error != 0);
}

const char *rpc_client_error_text(const struct rpc_client *client)
{
    return client->error_text;
}
