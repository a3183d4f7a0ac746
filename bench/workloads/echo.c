/* SPDX-License-Identifier: MIT */
/* W11: a TCP echo server, one goroutine for each connection. Serves until it is killed; the load
 * comes from gor-bench-load, the same for every server. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/workloads/bench.h"

static void echo_connection(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buf[4096];
    ssize_t got;

    while ((got = gor_read(fd, buf, sizeof buf, GOR_NEVER)) > 0) {
        if (gor_write_all(fd, buf, (size_t)got, GOR_NEVER, NULL) < 0) {
            break;
        }
    }
    gor_close(fd);
}

/* A listening socket on a free port of the loopback interface; prints the port. */
static int listen_somewhere(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t addr_len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, addr_len) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &addr_len) != 0) {
        perror("gor-bench: cannot listen on 127.0.0.1");
        _exit(1);
    }
    printf("listening %d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return fd;
}

void echo_run(const struct bench *b)
{
    int listener = listen_somewhere();

    (void)b;
    for (;;) {
        int fd = gor_accept(listener, NULL, NULL, GOR_NEVER);
        bench_check(fd, "gor_accept");
        /* Go's net package does the same for every TCP connection. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        bench_go(echo_connection, (void *)(intptr_t)fd);
    }
}
