/* SPDX-License-Identifier: MIT */
/* accept_connect_test.c - sockets: TCP and Unix, refused, timed out, many at once. */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/runtime/loopback.h"

struct server {
    int fd;
    int expected;
    struct gor_waitgroup wg;
};

struct connection {
    int fd;
    struct gor_waitgroup *wg;
};

static void echo(void *arg)
{
    struct connection *c = arg;
    char bytes[256];
    ssize_t n;
    while ((n = gor_read(c->fd, bytes, sizeof bytes, GOR_NEVER)) > 0) {
        CHECK_EQ(gor_write_all(c->fd, bytes, (size_t)n, GOR_NEVER, NULL), 0);
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(gor_close(c->fd), 0);
    gor_waitgroup_done(c->wg);
    free(c);
}

static void serve(void *arg)
{
    struct server *s = arg;
    for (int i = 0; i < s->expected; i++) {
        struct connection *c = malloc(sizeof *c);
        *c = (struct connection){gor_accept(s->fd, NULL, NULL, GOR_NEVER), &s->wg};
        CHECK_INT(c->fd, >=, 0);
        CHECK(fcntl(c->fd, F_GETFD) & FD_CLOEXEC);
        gor_waitgroup_add(&s->wg, 1);
        spawn(echo, c);
    }
    gor_waitgroup_done(&s->wg);
}

static void talk(int fd, int salt)
{
    char bytes[64];
    char got[64];
    for (int i = 0; i < 20; i++) {
        memset(bytes, salt + i, sizeof bytes);
        CHECK_EQ(gor_write_all(fd, bytes, sizeof bytes, GOR_NEVER, NULL), 0);
        for (size_t have = 0; have < sizeof got;) {
            ssize_t n = gor_read(fd, got + have, sizeof got - have, GOR_NEVER);
            CHECK_INT(n, >, 0);
            have += (size_t)n;
        }
        CHECK_EQ(memcmp(bytes, got, sizeof got), 0);
    }
}

struct client {
    const struct sockaddr_in *addr;
    int salt;
    struct gor_waitgroup *wg;
};

static void be_client(void *arg)
{
    struct client *c = arg;
    int fd = connect_until(c->addr, GOR_NEVER);
    CHECK_INT(fd, >=, 0);
    talk(fd, c->salt);
    CHECK_EQ(gor_close(fd), 0);
    gor_waitgroup_done(c->wg);
}

GO_TEST(accept_and_connect_serve_hundreds_of_tcp_clients)
{
    int count = SCALED(300, 150, 100);
    struct sockaddr_in addr;
    struct client *clients = calloc((size_t)count, sizeof *clients);
    struct gor_waitgroup wg = {0};
    struct server s = {.fd = listen_on_loopback(512, &addr), .expected = count};
    gor_waitgroup_add(&s.wg, 1);
    spawn(serve, &s);
    gor_waitgroup_add(&wg, count);
    for (int i = 0; i < count; i++) {
        clients[i] = (struct client){&addr, i, &wg};
        spawn(be_client, &clients[i]);
    }
    gor_waitgroup_wait(&wg);
    gor_waitgroup_wait(&s.wg);
    CHECK_EQ(gor_close(s.fd), 0);
    free(clients);
}

GO_TEST(accept_tells_the_peer_and_unix_sockets_work)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    struct gor_waitgroup wg = {0};
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/s", test_tmpdir());
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(bind(listener, (struct sockaddr *)&addr, sizeof addr), 0);
    CHECK_EQ(listen(listener, 4), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(gor_connect(fd, (struct sockaddr *)&addr, sizeof addr, GOR_NEVER), 0);
    struct connection *c = malloc(sizeof *c);
    *c = (struct connection){gor_accept(listener, (struct sockaddr *)&peer, &length, GOR_NEVER),
                             &wg};
    CHECK_INT(c->fd, >=, 0);
    CHECK_EQ(peer.ss_family, AF_UNIX);
    gor_waitgroup_add(&wg, 1);
    spawn(echo, c);
    talk(fd, 1);
    CHECK_EQ(gor_close(fd), 0);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(gor_close(listener), 0);
}

GO_TEST(accept_deadline_passes_and_the_listener_stays_usable)
{
    struct sockaddr_in addr;
    struct gor_waitgroup wg = {0};
    int listener = listen_on_loopback(8, &addr);
    CHECK_EQ(gor_accept(listener, NULL, NULL, 0), -ETIMEDOUT);
    int64_t deadline = gor_after(2 * GOR_MILLISECOND);
    CHECK_EQ(gor_accept(listener, NULL, NULL, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    struct client client = {&addr, 3, &wg};
    gor_waitgroup_add(&wg, 2);
    spawn(be_client, &client);
    struct connection *c = malloc(sizeof *c);
    *c = (struct connection){gor_accept(listener, NULL, NULL, GOR_NEVER), &wg};
    spawn(echo, c);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(gor_close(listener), 0);
}

struct acceptor {
    int fd;
    int result;
    struct gor_waitgroup wg;
};

static void accept_one(void *arg)
{
    struct acceptor *a = arg;
    a->result = gor_accept(a->fd, NULL, NULL, GOR_NEVER);
    gor_waitgroup_done(&a->wg);
}

GO_TEST(accept_is_woken_by_close)
{
    struct sockaddr_in addr;
    struct acceptor a = {.fd = listen_on_loopback(8, &addr)};
    gor_waitgroup_add(&a.wg, 1);
    spawn_parked(accept_one, &a, GOR_WAIT_IO);
    CHECK_EQ(gor_close(a.fd), 0);
    gor_waitgroup_wait(&a.wg);
    CHECK_EQ(a.result, -ECANCELED);
}

GO_TEST(connect_to_nobody_is_refused)
{
    struct sockaddr_in addr;
    struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
    int listener = listen_on_loopback(1, &addr);
    CHECK_EQ(gor_close(listener), 0);
    CHECK_EQ(connect_until(&addr, GOR_NEVER), -ECONNREFUSED);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_EQ(gor_connect(fd, (struct sockaddr *)&nowhere, sizeof nowhere, GOR_NEVER), -ENOENT);
    CHECK_EQ(gor_close(fd), 0);
}

/* A listener whose queue is full lets later connects hang: they must end at their deadline. */
GO_TEST(connect_deadline_ends_a_connect_that_hangs)
{
    struct sockaddr_in addr;
    int fds[64];
    int result = 0;
    int count = 0;
    int listener = listen_on_loopback(0, &addr);
    while (count < 64) {
        result = connect_until(&addr, gor_after(20 * GOR_MILLISECOND));
        if (result < 0) {
            break;
        }
        fds[count++] = result;
    }
    CHECK_EQ(result, -ETIMEDOUT);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(gor_close(fds[i]), 0);
    }
    CHECK_EQ(gor_close(listener), 0);
}
