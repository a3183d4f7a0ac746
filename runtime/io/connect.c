/* SPDX-License-Identifier: MIT */
/* connect.c - connecting a socket, and waiting for that. */
#include "runtime/io/connect.h"

#include <errno.h>

#include "runtime/io/call.h"
#include "runtime/io/lend.h"

GOR__NEVER_INLINED int gor__connect_look(int fd)
{
    int error = 0;
    socklen_t error_len = sizeof error;
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0) {
        return -errno;
    }
    if (error != 0) {
        return -error;
    }
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0) {
        return 0;
    }
    /* Readiness alone proves nothing: a socket not yet connected counts as hung up. */
    return errno == ENOTCONN ? 1 : -errno;
}

static int finish_connect(int fd, const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        int state = gor__connect_look(fd);
        if (state <= 0) {
            return state;
        }
        state = gor__call_wait(fd, GOR_FD_WRITE, edges, limit, GOR_WAIT_IO);
        if (state < 0) {
            return state;
        }
    }
}

GOR__NEVER_INLINED int gor__connect_try(int fd, const struct sockaddr *addr, socklen_t addr_len)
{
    bool lent = gor__lend(addr);
    int error = connect(fd, addr, addr_len) == 0 ? 0 : -errno;
    gor__take_back(addr, lent);
    return error;
}

static int connect_to(int fd, const struct sockaddr *addr, socklen_t addr_len,
                      const struct gor__limit *limit)
{
    int64_t pause = 0;
    for (;;) {
        int error = gor__connect_try(fd, addr, addr_len);
        if (error == -EINPROGRESS || error == -EINTR) {
            return finish_connect(fd, limit);
        }
        if (error != -EAGAIN) {
            return error;
        }
        /* A Unix socket whose listener has no room; nothing tells when there is some. */
        error = gor__call_pause(fd, &pause, limit);
        if (error < 0) {
            return error;
        }
    }
}

int gor__connect(int fd, const struct sockaddr *addr, socklen_t addr_len,
                 const struct gor__limit *limit)
{
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    int result = begun == 0 ? connect_to(fd, addr, addr_len, limit) : -ENOTSOCK;
    gor__call_end(fd);
    return result;
}

int gor_connect(int fd, const struct sockaddr *addr, socklen_t addr_len, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return gor__connect(fd, addr, addr_len, &limit);
}

int gor_connect_ctx(int fd, const struct sockaddr *addr, socklen_t addr_len, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return gor__connect(fd, addr, addr_len, &limit);
}
