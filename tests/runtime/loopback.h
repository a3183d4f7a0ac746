/* SPDX-License-Identifier: MIT */
/* loopback.h - TCP on this machine: a listener, and a connection to it. */
#ifndef GOR_TESTS_RUNTIME_LOOPBACK_H
#define GOR_TESTS_RUNTIME_LOOPBACK_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/runtime/help.h"

/* A listener on a free port; there need be no runtime. */
UNUSED static int listen_on_loopback(int backlog, struct sockaddr_in *out_addr)
{
    socklen_t length = sizeof *out_addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(fd, >=, 0);
    *out_addr =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    CHECK_EQ(bind(fd, (struct sockaddr *)out_addr, length), 0);
    CHECK_EQ(listen(fd, backlog), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *)out_addr, &length), 0);
    return fd;
}

/* The descriptor of a connection, or what gor_connect returned. */
UNUSED static int connect_until(const struct sockaddr_in *addr, int64_t deadline)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(fd, >=, 0);
    int result = gor_connect(fd, (const struct sockaddr *)addr, sizeof *addr, deadline);
    if (result < 0) {
        CHECK_EQ(gor_close(fd), 0);
        return result;
    }
    return fd;
}

#endif
