/* SPDX-License-Identifier: MIT */
/* socket.c - accepting, and messages: what only sockets do. Connecting is in connect.c. */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/call.h"
#include "runtime/io/lend.h"

GOR__NEVER_INLINED static int try_accept(int fd, struct sockaddr *addr, socklen_t *addr_len)
{
    bool addr_lent = gor__lend(addr);
    bool len_lent = gor__lend(addr_len);
    int client = accept4(fd, addr, addr_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    client = client >= 0 ? client : -errno;
    gor__take_back(addr_len, len_lent);
    gor__take_back(addr, addr_lent);
    /* A client that was gone before it was accepted is nobody's error. */
    return client != -ECONNABORTED ? client : -EINTR;
}

static int accept_one(int fd, struct sockaddr *addr, socklen_t *addr_len,
                      const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        int client = try_accept(fd, addr, addr_len);
        if (client >= 0) {
            return (int)gor__call_done(client);
        }
        int error = gor__call_retry(fd, client, GOR_FD_READ, edges, limit);
        if (error < 0) {
            return error;
        }
    }
}

static int accept_within(int fd, struct sockaddr *addr, socklen_t *addr_len,
                         const struct gor__limit *limit)
{
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    int result = begun == 0 ? accept_one(fd, addr, addr_len, limit) : -ENOTSOCK;
    gor__call_end(fd);
    return gor__call_new_fd(result);
}

int gor_accept(int fd, struct sockaddr *addr, socklen_t *addr_len, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return accept_within(fd, addr, addr_len, &limit);
}

int gor_accept_ctx(int fd, struct sockaddr *addr, socklen_t *addr_len, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return accept_within(fd, addr, addr_len, &limit);
}

/* ---- messages */

GOR__NEVER_INLINED static ssize_t try_recvmsg(int fd, struct msghdr *message, int flags)
{
    bool lent = gor__lend_message(message);
    ssize_t got = recvmsg(fd, message, flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    got = got >= 0 ? got : -errno;
    gor__take_back_message(message, lent);
    return got;
}

/* A failed try leaves the header's lengths as they were: recvmsg writes them when it succeeds. */
static ssize_t recv_one(int fd, struct msghdr *message, int flags, const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        ssize_t got = try_recvmsg(fd, message, flags);
        if (got >= 0) {
            return gor__call_done(got);
        }
        int error = gor__call_retry(fd, (int)got, GOR_FD_READ, edges, limit);
        if (error < 0) {
            return error;
        }
    }
}

static ssize_t recvmsg_within(int fd, struct msghdr *message, int flags,
                              const struct gor__limit *limit)
{
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    ssize_t result = begun == 0 ? recv_one(fd, message, flags, limit) : -ENOTSOCK;
    gor__call_end(fd);
    return result;
}

ssize_t gor_recvmsg(int fd, struct msghdr *message, int flags, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return recvmsg_within(fd, message, flags, &limit);
}

ssize_t gor_recvmsg_ctx(int fd, struct msghdr *message, int flags, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return recvmsg_within(fd, message, flags, &limit);
}

GOR__NEVER_INLINED static ssize_t try_sendmsg(int fd, const struct msghdr *message, int flags)
{
    bool lent = gor__lend_message(message);
    ssize_t put = sendmsg(fd, message, flags | MSG_NOSIGNAL | MSG_DONTWAIT);
    put = put >= 0 ? put : -errno;
    gor__take_back_message(message, lent);
    return put;
}

/* To a Unix socket that is not connected, whose room nothing tells us of. */
static bool goes_elsewhere(const struct msghdr *message)
{
    const struct sockaddr *addr = message->msg_name;
    return addr != NULL && message->msg_namelen >= sizeof addr->sa_family &&
           addr->sa_family == AF_UNIX;
}

static ssize_t send_one(int fd, const struct msghdr *message, int flags,
                        const struct gor__limit *limit)
{
    int64_t pause = 0;
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        ssize_t put = try_sendmsg(fd, message, flags);
        if (put >= 0) {
            return gor__call_done(put);
        }
        int error = put == -EAGAIN && goes_elsewhere(message)
                        ? gor__call_pause(fd, &pause, limit)
                        : gor__call_retry(fd, (int)put, GOR_FD_WRITE, edges, limit);
        if (error < 0) {
            return error;
        }
    }
}

static ssize_t sendmsg_within(int fd, const struct msghdr *message, int flags,
                              const struct gor__limit *limit)
{
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    ssize_t result = begun == 0 ? send_one(fd, message, flags, limit) : -ENOTSOCK;
    gor__call_end(fd);
    return result;
}

ssize_t gor_sendmsg(int fd, const struct msghdr *message, int flags, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return sendmsg_within(fd, message, flags, &limit);
}

ssize_t gor_sendmsg_ctx(int fd, const struct msghdr *message, int flags, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return sendmsg_within(fd, message, flags, &limit);
}

static ssize_t recvfrom_within(int fd, void *buf, size_t len, struct sockaddr *addr,
                               socklen_t *addr_len, const struct gor__limit *limit)
{
    struct iovec part = {buf, len};
    struct msghdr message = {.msg_name = addr, .msg_iov = &part, .msg_iovlen = 1};
    if (addr != NULL) {
        message.msg_namelen = *addr_len;
    }
    ssize_t got = recvmsg_within(fd, &message, 0, limit);
    if (got >= 0 && addr != NULL) {
        *addr_len = message.msg_namelen;
    }
    return got;
}

ssize_t gor_recvfrom(int fd, void *buf, size_t len, struct sockaddr *addr, socklen_t *addr_len,
                     int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return recvfrom_within(fd, buf, len, addr, addr_len, &limit);
}

ssize_t gor_recvfrom_ctx(int fd, void *buf, size_t len, struct sockaddr *addr, socklen_t *addr_len,
                         struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return recvfrom_within(fd, buf, len, addr, addr_len, &limit);
}

static ssize_t sendto_within(int fd, const void *buf, size_t len, const struct sockaddr *addr,
                             socklen_t addr_len, const struct gor__limit *limit)
{
    struct iovec part = {(void *)(uintptr_t)buf, len};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (addr != NULL) {
        message.msg_name = (void *)(uintptr_t)addr;
        message.msg_namelen = addr_len;
    }
    return sendmsg_within(fd, &message, 0, limit);
}

ssize_t gor_sendto(int fd, const void *buf, size_t len, const struct sockaddr *addr,
                   socklen_t addr_len, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return sendto_within(fd, buf, len, addr, addr_len, &limit);
}

ssize_t gor_sendto_ctx(int fd, const void *buf, size_t len, const struct sockaddr *addr,
                       socklen_t addr_len, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return sendto_within(fd, buf, len, addr, addr_len, &limit);
}

/* ---- no more of it */

GOR__NEVER_INLINED static int try_shutdown(int fd, int how)
{
    return shutdown(fd, how) == 0 ? 0 : -errno;
}

int gor_shutdown(int fd, int how)
{
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    int result = begun == 0 ? try_shutdown(fd, how) : -ENOTSOCK;
    gor__call_end(fd);
    return result;
}
