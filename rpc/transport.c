/* SPDX-License-Identifier: MIT */
/* transport.c - see transport.h. */
#include "rpc/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct rpc_transport *transport = poll->data;
    /* An error of the socket shows in a read, with its errno, perhaps behind bytes that came before
     * it. libuv has stopped the handle then: the next want() must start it again. */
    bool readable = status < 0 || (events & UV_READABLE) != 0;
    if (status < 0) {
        transport->events = 0;
    }
    transport->on_event(transport, readable, (events & UV_WRITABLE) != 0);
}

int rpc_transport_open(struct rpc_transport *transport, uv_loop_t *loop, int fd,
                       struct rpc_tls_stream *tls)
{
    int error = uv_poll_init(loop, &transport->poll, fd);
    if (error != 0) {
        return error;
    }
    transport->poll.data = transport;
    transport->fd = fd;
    transport->tls = tls;
    transport->events = 0;
    return 0;
}

ssize_t rpc_transport_read(struct rpc_transport *transport, uint8_t *out, size_t size)
{
    ssize_t got;
    if (transport->tls != NULL) {
        return rpc_tls_stream_read(transport->tls, out, size);
    }
    do {
        got = recv(transport->fd, out, size, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

ssize_t rpc_transport_write(struct rpc_transport *transport, const uint8_t *data, size_t size)
{
    ssize_t sent;
    if (transport->tls != NULL) {
        return rpc_tls_stream_write(transport->tls, data, size);
    }
    do {
        sent = send(transport->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return errno == EAGAIN ? 0 : -errno;
    }
    return sent;
}

bool rpc_transport_has_more(const struct rpc_transport *transport)
{
    return transport->tls != NULL && rpc_tls_stream_has_more(transport->tls);
}

unsigned rpc_transport_take_idle(struct rpc_transport *transport)
{
    return transport->tls != NULL ? rpc_tls_stream_take_idle(transport->tls) : 0;
}

bool rpc_transport_has_failed(const struct rpc_transport *transport)
{
    return transport->tls != NULL && rpc_tls_stream_fault(transport->tls)[0] != '\0';
}

void rpc_transport_want(struct rpc_transport *transport, bool read, bool write)
{
    if (transport->tls != NULL) {
        /* What is unsent may wait for the peer's part of the handshake, and not for the socket. */
        write = rpc_tls_stream_is_blocked(transport->tls);
    }
    int events = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0);
    if (events == transport->events) {
        return;
    }
    transport->events = events;
    if (events == 0) {
        uv_poll_stop(&transport->poll);
    } else {
        uv_poll_start(&transport->poll, events, on_poll);
    }
}

void rpc_transport_end(struct rpc_transport *transport)
{
    (void)shutdown(transport->fd, SHUT_WR);
}

static void on_close(uv_handle_t *handle)
{
    struct rpc_transport *transport = handle->data;
    transport->on_closed(transport);
}

void rpc_transport_close(struct rpc_transport *transport)
{
    /* The poll leaves epoll first; a closed descriptor may be somebody else's a moment later. */
    uv_close((uv_handle_t *)&transport->poll, on_close);
    rpc_tls_stream_free(transport->tls);
    transport->tls = NULL;
    close(transport->fd);
    transport->fd = -1;
}
