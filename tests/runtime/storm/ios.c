/* SPDX-License-Identifier: MIT */
/* ios.c - the storm's descriptors: no byte is lost, no close leaves anybody waiting. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/runtime/storm/storm.h"

/* Tokens in a pipe: take one if there is one, put it back. */
void storm_token(struct storm_worker *w)
{
    char token = 0;
    ssize_t n = gor_read(w->s->pipe[0], &token, 1, storm_soon(w));
    if (n == -ETIMEDOUT) {
        return;
    }
    CHECK_EQ(n, 1);
    CHECK_EQ(token, 'T');
    gor_yield();
    CHECK_EQ(gor_write(w->s->pipe[1], &token, 1, GOR_NEVER), 1);
}

void storm_own_pipe(struct storm_worker *w)
{
    int fds[2];
    char bytes[8] = {0};
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    CHECK_EQ(gor_read(fds[0], bytes, 1, gor_after(storm_below(w, 50) * GOR_MICROSECOND)),
             -ETIMEDOUT);
    CHECK_EQ(gor_write(fds[1], "storm", 5, GOR_NEVER), 5);
    CHECK_EQ(gor_read(fds[0], bytes, sizeof bytes, GOR_NEVER), 5);
    CHECK_STR(bytes, "storm");
    CHECK_EQ(gor_close(fds[1]), 0);
    CHECK_EQ(gor_read(fds[0], bytes, sizeof bytes, GOR_NEVER), 0);
    CHECK_EQ(gor_close(fds[0]), 0);
}

/* ---- a stream larger than the socket holds, echoed */

struct echo {
    int fd;
    struct gor_waitgroup wg;
};

static void echo_to_the_end(void *arg)
{
    struct echo *e = arg;
    char bytes[3000];
    ssize_t n;
    while ((n = gor_read(e->fd, bytes, sizeof bytes, GOR_NEVER)) > 0) {
        CHECK_EQ(gor_write_all(e->fd, bytes, (size_t)n, GOR_NEVER, NULL), 0);
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(gor_close(e->fd), 0);
    gor_waitgroup_done(&e->wg);
}

void storm_socket(struct storm_worker *w)
{
    int fds[2];
    unsigned char sent[5000];
    unsigned char got[5000];
    int salt = storm_below(w, 256);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct echo e = {.fd = fds[1]};
    gor_waitgroup_add(&e.wg, 1);
    spawn(echo_to_the_end, &e);
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (unsigned char)(i * 3 + (size_t)salt);
    }
    CHECK_EQ(gor_write_all(fds[0], sent, sizeof sent, GOR_NEVER, NULL), 0);
    for (size_t have = 0; have < sizeof got;) {
        ssize_t n = gor_read(fds[0], got + have, sizeof got - have, GOR_NEVER);
        CHECK_INT(n, >, 0);
        have += (size_t)n;
    }
    CHECK_EQ(memcmp(sent, got, sizeof got), 0);
    CHECK_EQ(gor_close(fds[0]), 0);
    gor_waitgroup_wait(&e.wg);
}

/* ---- a descriptor closed under those who wait for it */

struct reader {
    int fd;
    int64_t deadline;
    ssize_t result;
    struct gor_waitgroup *wg;
};

static void read_one(void *arg)
{
    struct reader *r = arg;
    char byte;
    r->result = gor_read(r->fd, &byte, 1, r->deadline);
    gor_waitgroup_done(r->wg);
}

/* The number may be used again by another worker the moment it is closed, so all that name it are
 * parked before. */
void storm_close_under_use(struct storm_worker *w)
{
    enum { READERS = 3 };
    int fds[2];
    int count = 1 + storm_below(w, READERS);
    struct gor_waitgroup wg = {0};
    struct reader readers[READERS];
    char byte;
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    /* A first call may still wait for the close of the number's former owner. */
    CHECK_EQ(gor_read(fds[0], &byte, 1, 0), -ETIMEDOUT);
    gor_waitgroup_add(&wg, count);
    for (int i = 0; i < count; i++) {
        int64_t deadline = i == 0 ? gor_after(3600 * GOR_SECOND) : GOR_NEVER;
        readers[i] = (struct reader){fds[0], deadline, 99, &wg};
        spawn_parked(read_one, &readers[i], GOR_WAIT_IO);
    }
    CHECK_EQ(gor_close(fds[0]), 0);
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(readers[i].result, -ECANCELED);
    }
    CHECK_EQ(gor_close(fds[1]), 0);
}

static int pause_thread(void *arg)
{
    usleep(*(unsigned *)arg);
    return (int)*(unsigned *)arg;
}

void storm_blocking(struct storm_worker *w)
{
    unsigned us = (unsigned)storm_below(w, 100);
    CHECK_EQ(gor_blocking(pause_thread, &us), us);
}
