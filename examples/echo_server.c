/* SPDX-License-Identifier: MIT */
/* echo_server.c - a TCP server on the loopback address, one goroutine for each connection, written
 * as if every call blocked.
 *
 * Shows  accept, read and write that park the goroutine and not its thread; a deadline for a whole
 *        conversation; and how a server stops: gor_close on the listening socket wakes the goroutine
 *        that waits in gor_accept.
 * Try    echo_server 7777, and in another terminal: nc 127.0.0.1 7777
 *        echo_server --try 1000
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gor.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] = "usage: echo_server PORT | echo_server --try COUNT\n"
                            "Send back what comes in on port PORT of 127.0.0.1, for ever (0: on a\n"
                            "port that is free); or serve COUNT clients of its own and end.\n";

struct server {
    int fd; /* listening */
    struct sockaddr_in address;
    int clients; /* of its own; 0: serve for ever */
    struct gor_chan *verdicts;
};

static void echo(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[4096];
    ssize_t got;
    while ((got = gor_read(fd, buffer, sizeof(buffer), GOR_NEVER)) > 0) {
        if (gor_write_all(fd, buffer, (size_t)got, GOR_NEVER, NULL) != 0) {
            break;
        }
    }
    gor_close(fd);
}

static void accept_all(void *arg)
{
    struct server *server = arg;
    for (;;) {
        int fd = gor_accept(server->fd, NULL, NULL, GOR_NEVER);
        if (fd == -ECANCELED) {
            return; /* the listening socket was closed */
        }
        if (fd < 0) {
            fprintf(stderr, "echo_server: accept: %s\n", strerror(-fd));
            gor_sleep(10 * GOR_MILLISECOND); /* out of descriptors, most likely: let some end */
        } else if (gor_go(echo, (void *)(intptr_t)fd) != 0) {
            gor_close(fd);
        }
    }
}

static int open_listener(struct server *server, uint16_t port)
{
    server->address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(server->address);
    int on = 1;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->fd < 0) {
        return -errno;
    }
    (void)setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(server->fd, (struct sockaddr *)&server->address, len) != 0 ||
        listen(server->fd, SOMAXCONN) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&server->address, &len) != 0) {
        int rc = -errno;
        close(server->fd);
        return rc;
    }
    return 0;
}

/* Say something, expect to hear it again. */
static int converse(const struct server *server)
{
    static const char greeting[] = "hello, goroutine";
    char answer[sizeof(greeting)] = "";
    int64_t deadline = gor_after(10 * GOR_SECOND);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int rc = gor_connect(fd, (const struct sockaddr *)&server->address, sizeof(server->address),
                         deadline);
    if (rc == 0) {
        rc = gor_write_all(fd, greeting, sizeof(greeting), deadline, NULL);
    }
    for (size_t have = 0; rc == 0 && have < sizeof(answer);) {
        ssize_t got = gor_read(fd, answer + have, sizeof(answer) - have, deadline);
        if (got <= 0) {
            rc = got < 0 ? (int)got : -EPIPE;
        } else {
            have += (size_t)got;
        }
    }
    gor_close(fd);
    return rc != 0 ? rc : memcmp(answer, greeting, sizeof(greeting));
}

static void be_client(void *arg)
{
    struct server *server = arg;
    struct gor_chan *verdicts = server->verdicts;
    int verdict = converse(server);
    gor_chan_send(verdicts, &verdict);
    gor_chan_unref(verdicts);
}

/* Run the server's own clients, all at once. */
static int try_out(struct server *server)
{
    int wrong = 0;
    int started = 0;
    server->verdicts = gor_chan_new(sizeof(int), 0);
    if (server->verdicts == NULL) {
        return 1;
    }
    for (; started < server->clients; started++) {
        gor_chan_ref(server->verdicts); /* the client's own */
        if (gor_go(be_client, server) != 0) {
            gor_chan_unref(server->verdicts);
            break;
        }
    }
    for (int i = 0; i < started; i++) {
        int verdict = -1;
        gor_chan_recv(server->verdicts, &verdict);
        wrong += verdict != 0;
    }
    gor_chan_unref(server->verdicts);
    printf("%d of %d clients heard what they said\n", started - wrong, server->clients);
    return wrong == 0 && started == server->clients ? 0 : 1;
}

static int serve(void *arg)
{
    struct server *server = arg;
    if (server->clients == 0) {
        printf("echoing on 127.0.0.1:%d\n", ntohs(server->address.sin_port));
        fflush(stdout);
        accept_all(server);
        return 0;
    }
    if (gor_go(accept_all, server) != 0) {
        return 1;
    }
    int rc = try_out(server);
    gor_close(server->fd);
    return rc;
}

/* A number from `least` to `most`, or -1. */
static int read_number(const char *text, long least, long most)
{
    char *end;
    long number = strtol(text, &end, 10);
    return end == text || *end != '\0' || number < least || number > most ? -1 : (int)number;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    struct server server = {.fd = -1};
    int port = 0;
    if (argc == 3 && strcmp(argv[1], "--try") == 0) {
        server.clients = read_number(argv[2], 1, 100000);
    } else if (argc == 2) {
        port = read_number(argv[1], 0, UINT16_MAX);
    } else {
        port = -1;
    }
    if (port < 0 || server.clients < 0) {
        fprintf(stderr, "echo_server: a port up to 65535, or --try with a number up to 100000\n%s",
                usage);
        return 2;
    }
    int rc = open_listener(&server, (uint16_t)port);
    if (rc != 0) {
        fprintf(stderr, "echo_server: cannot listen on port %d: %s\n", port, strerror(-rc));
        return 1;
    }
    return gor_run(NULL, serve, &server) == 0 ? 0 : 1;
}
