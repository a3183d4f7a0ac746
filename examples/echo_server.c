/* SPDX-License-Identifier: MIT */
/* echo_server.c - a TCP server, one goroutine for each connection, written as if every call blocked.
 *
 * Shows  gor_listen and gor_dial with addresses as texts; accept, read and write that park the
 *        goroutine and not its thread; a deadline for a whole conversation; and how a server stops:
 *        a signal ends a context, that ends the wait in gor_accept_ctx, and those who are being
 *        served have some seconds to end.
 * Try    echo_server 127.0.0.1:7777, in another terminal: nc 127.0.0.1 7777, then Ctrl-C in both
 *        echo_server --try 1000
 */
#include <errno.h>
#include <gor.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: echo_server HOST:PORT | echo_server --try COUNT\n"
    "Send back what comes in at HOST:PORT (port 0: one that is free) until SIGINT or SIGTERM; or\n"
    "serve COUNT clients of its own on this machine and end.\n";

enum { SECONDS_TO_END = 5 };

struct server {
    const char *address; /* to listen at */
    int clients;         /* of its own; 0: serve until a signal comes */
    int fd;              /* listening */
    struct gor_ctx *ctx; /* its end stops the server */
    struct gor_waitgroup connections;
    char listening_at[GOR_ADDR_BYTES];
    struct gor_chan *verdicts; /* of int: what each of its own clients found */
};

/* Serve one connection. */
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

/* Accept until the context ends. */
static void accept_all(void *arg)
{
    struct server *server = arg;
    while (gor_ctx_err(server->ctx) == 0) {
        int fd = gor_accept_ctx(server->fd, NULL, NULL, server->ctx);
        if (fd >= 0) {
            if (gor_waitgroup_go(&server->connections, echo, (void *)(intptr_t)fd) != 0) {
                gor_close(fd);
            }
        } else if (gor_ctx_err(server->ctx) == 0) {
            fprintf(stderr, "echo_server: accept: %s\n", strerror(-fd));
            gor_sleep(10 * GOR_MILLISECOND); /* out of descriptors, most likely: let some end */
        }
    }
}

/* Say something, expect to hear it again. */
static int converse(const struct server *server)
{
    static const char greeting[] = "hello, goroutine";
    char answer[sizeof(greeting)] = "";
    int64_t deadline = gor_after(60 * GOR_SECOND);
    int fd = gor_dial("tcp", server->listening_at, NULL, deadline);
    if (fd < 0) {
        return fd;
    }
    int rc = gor_write_all(fd, greeting, sizeof(greeting), deadline, NULL);
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
        return -ENOMEM;
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
    return wrong == 0 && started == server->clients ? 0 : -EIO;
}

/* Serve others until a signal comes. */
static int serve_others(struct server *server)
{
    static const int signals[] = {SIGINT, SIGTERM};
    int rc = gor_signal_ctx(gor_ctx_background(), signals, 2, &server->ctx);
    if (rc != 0) {
        return rc;
    }
    printf("echoing at %s\n", server->listening_at);
    fflush(stdout);
    accept_all(server);
    printf("stopped: %s\n", gor_ctx_cause(server->ctx));
    fflush(stdout);
    (void)gor_waitgroup_wait_until(&server->connections, gor_after(SECONDS_TO_END * GOR_SECOND));
    gor_signal_ctx_stop(server->ctx);
    gor_ctx_unref(server->ctx);
    return 0;
}

/* Serve clients of our own until they are done. */
static int serve_ourselves(struct server *server)
{
    struct gor_waitgroup accepting = {0};
    int rc = gor_ctx_with_cancel(gor_ctx_background(), &server->ctx);
    if (rc != 0) {
        return rc;
    }
    rc = gor_waitgroup_go(&accepting, accept_all, server);
    if (rc == 0) {
        rc = try_out(server);
    }
    gor_ctx_cancel(server->ctx, NULL);
    gor_waitgroup_wait(&accepting);
    gor_waitgroup_wait(&server->connections);
    gor_ctx_unref(server->ctx);
    return rc;
}

static int serve(void *arg)
{
    struct server *server = arg;
    server->fd = gor_listen("tcp", server->address, NULL, gor_after(10 * GOR_SECOND));
    if (server->fd < 0) {
        fprintf(stderr, "echo_server: cannot listen at %s: %s\n", server->address,
                strerror(-server->fd));
        return server->fd;
    }
    gor_local_addr(server->fd, server->listening_at, sizeof(server->listening_at));
    int rc = server->clients == 0 ? serve_others(server) : serve_ourselves(server);
    gor_close(server->fd);
    return rc;
}

int main(int argc, char **argv)
{
    struct server server = {.address = "127.0.0.1:0"};
    bool good = argc == 2 && argv[1][0] != '-';
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (good) {
        server.address = argv[1];
    } else if (argc == 3 && strcmp(argv[1], "--try") == 0) {
        char *end;
        server.clients = (int)strtol(argv[2], &end, 10);
        good = *end == '\0' && server.clients >= 1 && server.clients <= 100000;
    }
    if (!good) {
        fprintf(stderr, "echo_server: an address, or --try with a number up to 100000\n%s", usage);
        return 2;
    }
    return gor_run(NULL, serve, &server) == 0 ? 0 : 1;
}
