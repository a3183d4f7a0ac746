/* SPDX-License-Identifier: MIT */
/* net.c - see net.h; and gor_listen. */
#include "runtime/io/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "runtime/io/call.h"
#include "runtime/io/resolve.h"
#include "runtime/sched/machine.h"

enum { KEEPALIVE_SECONDS = 15, KEEPALIVE_PROBES = 9 }; /* as in Go */

const struct gor_net_opts gor__net_defaults;

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

/* What cannot be had of these is not worth failing for. Accepted sockets inherit them. */
static void set_stream_options(int fd, const struct gor_net_opts *opts)
{
    if (!opts->nagle) {
        (void)set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    if (!opts->no_keepalive) {
        (void)set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        (void)set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_SECONDS);
        (void)set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_SECONDS);
        (void)set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    }
}

GOR__NEVER_INLINED int gor__net_give_up(int fd, int error)
{
    close(fd);
    return error;
}

GOR__NEVER_INLINED int gor__net_socket(int family, int type, const struct gor_net_opts *opts)
{
    int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (family != AF_UNIX && type == SOCK_STREAM) {
        set_stream_options(fd, opts);
    }
    if (opts->reuse_port) {
        int error = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        if (error < 0) {
            return gor__net_give_up(fd, error);
        }
    }
    return fd;
}

GOR__NEVER_INLINED int gor__net_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return bind(fd, addr, len) == 0 ? 0 : -errno;
}

/* ---- listening */

GOR__NEVER_INLINED static int try_listen(int fd, int type, const struct gor_net_opts *opts)
{
    if (type == SOCK_DGRAM) {
        return 0;
    }
    return listen(fd, opts->backlog > 0 ? opts->backlog : SOMAXCONN) == 0 ? 0 : -errno;
}

static int bind_and_listen(int fd, int type, const struct sockaddr *addr, socklen_t len,
                           const struct gor_net_opts *opts)
{
    int error = gor__net_bind(fd, addr, len);
    if (error == 0) {
        error = try_listen(fd, type, opts);
    }
    return error == 0 ? gor__call_new_fd(fd) : gor__net_give_up(fd, error);
}

static int listen_unix(const struct gor__network *network, const char *path,
                       const struct gor_net_opts *opts)
{
    struct sockaddr_un addr;
    socklen_t len = 0;
    int error = gor__unix_address(path, &addr, &len);
    if (error < 0) {
        return error;
    }
    int fd = gor__net_socket(AF_UNIX, network->type, opts);
    if (fd < 0) {
        return fd;
    }
    return bind_and_listen(fd, network->type, (struct sockaddr *)&addr, len, opts);
}

/* `only6`: the other family is not wanted at an address of this one that means all. */
static int listen_at(const struct addrinfo *at, bool only6, const struct gor_net_opts *opts)
{
    int fd = gor__net_socket(at->ai_family, at->ai_socktype, opts);
    if (fd < 0) {
        return fd;
    }
    if (at->ai_family == AF_INET6) {
        int error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, only6);
        if (error < 0) {
            return gor__net_give_up(fd, error);
        }
    }
    if (at->ai_socktype == SOCK_STREAM) {
        (void)set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    }
    return bind_and_listen(fd, at->ai_socktype, at->ai_addr, at->ai_addrlen, opts);
}

/* At the first address of `family` where it can be done; AF_UNSPEC: of any. */
static int listen_at_first(const struct addrinfo *list, int family, bool only6,
                           const struct gor_net_opts *opts)
{
    int error = -EADDRNOTAVAIL;
    for (const struct addrinfo *at = list; at != NULL; at = at->ai_next) {
        if (family == AF_UNSPEC || at->ai_family == family) {
            int fd = listen_at(at, only6, opts);
            if (fd >= 0) {
                return fd;
            }
            error = fd;
        }
    }
    return error;
}

static bool is_family_missing(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static int listen_inet(const struct gor__network *network, const char *address,
                       const struct gor_net_opts *opts, const struct gor__limit *limit)
{
    struct addrinfo *list = NULL;
    bool only6 = network->family == AF_INET6;
    int result = gor__resolve(network, address, true, limit, &list);
    if (result < 0) {
        return result;
    }
    result = -EADDRNOTAVAIL;
    if (address[0] == ':' && network->family == AF_UNSPEC) {
        /* All addresses of both families, through a socket of the newer one. */
        result = listen_at_first(list, AF_INET6, only6, opts);
    }
    if (is_family_missing(result)) {
        result = listen_at_first(list, AF_UNSPEC, only6, opts);
    }
    freeaddrinfo(list);
    return result;
}

static int listen_within(const char *network_text, const char *address,
                         const struct gor_net_opts *opts, const struct gor__limit *limit)
{
    struct gor__network network;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    int error = gor__network_parse(network_text, &network);
    if (error < 0) {
        return error;
    }
    opts = opts != NULL ? opts : &gor__net_defaults;
    if (network.family == AF_UNIX) {
        return listen_unix(&network, address, opts);
    }
    return listen_inet(&network, address, opts, limit);
}

int gor_listen(const char *network, const char *address, const struct gor_net_opts *opts,
               int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return listen_within(network, address, opts, &limit);
}

int gor_listen_ctx(const char *network, const char *address, const struct gor_net_opts *opts,
                   struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return listen_within(network, address, opts, &limit);
}
