/* SPDX-License-Identifier: MIT */
#include "bench/service/tcp.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/service/session.h"

FILE *tcp_connect(int64_t port, const char *name)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) != 0) {
        session_fail("cannot connect to %s at 127.0.0.1:%" PRId64 ": %s", name, port,
                     strerror(errno));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    FILE *server = fdopen(fd, "r+");
    if (server == NULL) {
        session_fail("out of memory");
    }
    return server;
}

void tcp_send(FILE *server, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fileno(server), bytes, size, MSG_NOSIGNAL);
        if (sent < 0) {
            session_fail("the peer hung up: %s", strerror(errno));
        }
        bytes += sent;
        size -= (size_t)sent;
    }
}

void tcp_line(FILE *server, char *line, int room)
{
    if (fgets(line, room, server) == NULL) {
        session_fail("the peer hung up");
    }
    line[strcspn(line, "\r\n")] = '\0';
}
