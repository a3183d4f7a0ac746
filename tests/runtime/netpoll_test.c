/* SPDX-License-Identifier: MIT */
/* netpoll_test.c - reading and writing that park: order, deadlines, closing, many at once. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/runtime/help.h"

__attribute__((constructor)) static void ignore_broken_pipes(void)
{
    signal(SIGPIPE, SIG_IGN);
}

static void make_pipe(int fds[2])
{
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
}

static void make_pair(int fds[2])
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static void close_both(const int fds[2])
{
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}

struct reader {
    int fd;
    int64_t deadline;
    char bytes[64];
    ssize_t result;
    struct gor_waitgroup *wg;
};

static void read_some(void *arg)
{
    struct reader *r = arg;
    r->result = gor_read(r->fd, r->bytes, sizeof r->bytes, r->deadline);
    gor_waitgroup_done(r->wg);
}

GO_TEST(netpoll_read_parks_until_there_are_bytes)
{
    int fds[2];
    struct gor_waitgroup wg = {0};
    make_pipe(fds);
    for (int round = 0; round < 200; round++) {
        struct reader r = {.fd = fds[0], .deadline = GOR_NEVER, .wg = &wg};
        gor_waitgroup_add(&wg, 1);
        spawn_parked(read_some, &r, GOR_WAIT_IO);
        CHECK_EQ(gor_write(fds[1], "hello", 5, GOR_NEVER), 5);
        gor_waitgroup_wait(&wg);
        CHECK_EQ(r.result, 5);
        CHECK_EQ(memcmp(r.bytes, "hello", 5), 0);
    }
    close_both(fds);
}

GO_TEST(netpoll_read_at_the_end_gives_zero)
{
    int fds[2];
    char byte;
    make_pipe(fds);
    CHECK_EQ(gor_write(fds[1], "x", 1, GOR_NEVER), 1);
    CHECK_EQ(gor_close(fds[1]), 0);
    CHECK_EQ(gor_read(fds[0], &byte, 1, GOR_NEVER), 1);
    CHECK_EQ(gor_read(fds[0], &byte, 1, GOR_NEVER), 0);
    CHECK_EQ(gor_read(fds[0], &byte, 1, GOR_NEVER), 0);
    CHECK_EQ(gor_close(fds[0]), 0);
}

GO_TEST(netpoll_parked_reader_sees_the_writer_close)
{
    int fds[2];
    struct gor_waitgroup wg = {0};
    make_pair(fds);
    struct reader r = {.fd = fds[0], .deadline = GOR_NEVER, .wg = &wg};
    gor_waitgroup_add(&wg, 1);
    spawn_parked(read_some, &r, GOR_WAIT_IO);
    CHECK_EQ(gor_close(fds[1]), 0);
    gor_waitgroup_wait(&wg);
    CHECK_EQ(r.result, 0);
    CHECK_EQ(gor_close(fds[0]), 0);
}

GO_TEST(netpoll_write_to_nobody_is_a_broken_pipe)
{
    int fds[2];
    size_t written = 99;
    make_pair(fds);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_write(fds[1], "x", 1, GOR_NEVER), -EPIPE);
    CHECK_EQ(gor_write_all(fds[1], "x", 1, GOR_NEVER, &written), -EPIPE);
    CHECK_EQ(written, 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}

GO_TEST(netpoll_deadlines_end_reads_and_writes)
{
    static char much[1 << 20];
    int fds[2];
    char byte = 'b';
    size_t written = 0;
    make_pair(fds);
    int64_t deadline = gor_after(2 * GOR_MILLISECOND);
    CHECK_EQ(gor_read(fds[0], &byte, 1, deadline), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_read(fds[0], &byte, 1, 0), -ETIMEDOUT);
    CHECK_EQ(gor_write(fds[1], &byte, 1, 0), 1);
    CHECK_EQ(gor_read(fds[0], &byte, 1, 0), 1);
    deadline = gor_after(2 * GOR_MILLISECOND);
    CHECK_EQ(gor_write_all(fds[1], much, sizeof much, deadline, &written), -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_INT(written, >, 0);
    CHECK_INT(written, <, sizeof much);
    /* The descriptor stays usable: exactly what was written can be read. */
    size_t got = 0;
    ssize_t n;
    while ((n = gor_read(fds[0], much, sizeof much, 0)) > 0) {
        got += (size_t)n;
    }
    CHECK_EQ(n, -ETIMEDOUT);
    CHECK_EQ(got, written);
    close_both(fds);
}

GO_TEST(netpoll_close_wakes_whoever_waits)
{
    struct gor_waitgroup wg = {0};
    for (int round = 0; round < 100; round++) {
        int fds[2];
        make_pair(fds);
        struct reader r = {.fd = fds[0], .deadline = GOR_NEVER, .wg = &wg};
        if (round % 2 != 0) {
            r.deadline = gor_after(3600 * GOR_SECOND);
        }
        gor_waitgroup_add(&wg, 1);
        spawn_parked(read_some, &r, GOR_WAIT_IO);
        CHECK_EQ(gor_close(fds[0]), 0);
        gor_waitgroup_wait(&wg);
        CHECK_EQ(r.result, -ECANCELED);
        CHECK_EQ(gor_close(fds[1]), 0);
    }
}

/* The close comes while the reader is anywhere on its way: it may find the descriptor closed or be
 * woken, but it never waits on. The number then serves the next pair as if nothing had been. */
GO_TEST(netpoll_close_racing_with_a_read_never_leaves_it_waiting)
{
    struct gor_waitgroup wg = {0};
    for (int round = 0; round < SCALED(5000, 2000, 1000); round++) {
        int fds[2];
        make_pair(fds);
        struct reader r = {.fd = fds[0], .deadline = GOR_NEVER, .wg = &wg};
        gor_waitgroup_add(&wg, 1);
        spawn(read_some, &r);
        for (int i = 0; i < round % 4; i++) {
            gor_yield();
        }
        CHECK_EQ(gor_close(fds[0]), 0);
        gor_waitgroup_wait(&wg);
        CHECK(r.result == -ECANCELED || r.result == -EBADF);
        CHECK_EQ(gor_close(fds[1]), 0);
        make_pair(fds);
        CHECK_EQ(gor_write(fds[1], "x", 1, GOR_NEVER), 1);
        CHECK_EQ(gor_read(fds[0], r.bytes, 1, GOR_NEVER), 1);
        close_both(fds);
    }
}

struct writer {
    int fd;
    size_t count;
    struct gor_waitgroup *wg;
};

static void write_pattern(void *arg)
{
    struct writer *w = arg;
    unsigned char bytes[1000];
    for (size_t sent = 0; sent < w->count;) {
        size_t n = w->count - sent < sizeof bytes ? w->count - sent : sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (unsigned char)((sent + i) * 31 >> 3);
        }
        size_t written = 0;
        CHECK_EQ(gor_write_all(w->fd, bytes, n, GOR_NEVER, &written), 0);
        CHECK_EQ(written, n);
        sent += n;
    }
    gor_waitgroup_done(w->wg);
}

static void pump(int from, int to, size_t count)
{
    struct gor_waitgroup wg = {0};
    struct writer w = {to, count, &wg};
    unsigned char bytes[777];
    size_t got = 0;
    gor_waitgroup_add(&wg, 1);
    spawn(write_pattern, &w);
    while (got < count) {
        ssize_t n = gor_read(from, bytes, sizeof bytes, GOR_NEVER);
        CHECK_INT(n, >, 0);
        for (ssize_t i = 0; i < n; i++) {
            CHECK_EQ(bytes[i], (unsigned char)((got + (size_t)i) * 31 >> 3));
        }
        got += (size_t)n;
    }
    CHECK_EQ(got, count);
    gor_waitgroup_wait(&wg);
}

GO_TEST(netpoll_large_transfers_arrive_whole)
{
    int fds[2];
    make_pipe(fds);
    pump(fds[0], fds[1], SCALED(8 << 20, 2 << 20, 1 << 20));
    close_both(fds);
    make_pair(fds);
    pump(fds[0], fds[1], SCALED(8 << 20, 2 << 20, 1 << 20));
    pump(fds[1], fds[0], SCALED(1 << 20, 1 << 18, 1 << 18));
    close_both(fds);
}

/* One goroutine reads and one writes on each end of one socket, both directions at once. */
struct duplex {
    int from;
    int to;
    struct gor_waitgroup *wg;
};

static void pump_duplex(void *arg)
{
    struct duplex *d = arg;
    pump(d->from, d->to, SCALED(1 << 20, 1 << 18, 1 << 17));
    gor_waitgroup_done(d->wg);
}

GO_TEST(netpoll_reader_and_writer_share_one_descriptor)
{
    int fds[2];
    struct gor_waitgroup wg = {0};
    make_pair(fds);
    struct duplex there = {fds[0], fds[1], &wg};
    struct duplex back = {fds[1], fds[0], &wg};
    gor_waitgroup_add(&wg, 2);
    spawn(pump_duplex, &there);
    spawn(pump_duplex, &back);
    gor_waitgroup_wait(&wg);
    close_both(fds);
}

/* Each round makes new pipes, whose numbers were just in use by others: no event may be lost or
 * reach the wrong one. */
static void churn(void *arg)
{
    struct gor_waitgroup *out = arg;
    struct gor_waitgroup wg = {0};
    for (int i = 0; i < SCALED(500, 200, 100); i++) {
        int fds[2];
        make_pipe(fds);
        struct reader r = {.fd = fds[0], .deadline = GOR_NEVER, .wg = &wg};
        if (i % 3 == 0) {
            r.deadline = gor_after((i % 50) * GOR_MICROSECOND);
        }
        gor_waitgroup_add(&wg, 1);
        spawn(read_some, &r);
        if (i % 2 == 0) {
            gor_yield();
        }
        CHECK_EQ(gor_write(fds[1], &i, sizeof i, GOR_NEVER), sizeof i);
        gor_waitgroup_wait(&wg);
        if (r.result != -ETIMEDOUT) {
            CHECK_EQ(r.result, sizeof i);
            CHECK_EQ(memcmp(r.bytes, &i, sizeof i), 0);
        }
        close_both(fds);
    }
    gor_waitgroup_done(out);
}

GO_TEST(netpoll_descriptor_numbers_used_again_start_clean)
{
    struct gor_waitgroup wg = {0};
    gor_waitgroup_add(&wg, 16);
    for (int i = 0; i < 16; i++) {
        spawn(churn, &wg);
    }
    gor_waitgroup_wait(&wg);
}

/* A token goes round a ring of pipes. */
struct hop {
    int from;
    int to;
    struct gor_waitgroup *wg;
};

static void hop_along(void *arg)
{
    struct hop *h = arg;
    int value;
    while (gor_read(h->from, &value, sizeof value, GOR_NEVER) == sizeof value) {
        value--;
        CHECK_EQ(gor_write(h->to, &value, sizeof value, GOR_NEVER), sizeof value);
        if (value <= 0) {
            break;
        }
    }
    gor_waitgroup_done(h->wg);
}

GO_TEST(netpoll_ring_of_pipes_passes_tokens)
{
    enum { RING = 50 };
    int fds[RING][2];
    struct hop hops[RING];
    struct gor_waitgroup wg = {0};
    for (int i = 0; i < RING; i++) {
        make_pipe(fds[i]);
    }
    gor_waitgroup_add(&wg, RING);
    for (int i = 0; i < RING; i++) {
        hops[i] = (struct hop){fds[i][0], fds[(i + 1) % RING][1], &wg};
        spawn(hop_along, &hops[i]);
    }
    int value = SCALED(5000, 2000, 1000);
    CHECK_EQ(gor_write(fds[0][1], &value, sizeof value, GOR_NEVER), sizeof value);
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < RING; i++) {
        close_both(fds[i]);
    }
}

TEST(netpoll_calls_outside_a_goroutine_are_refused)
{
    char byte = 0;
    CHECK_EQ(gor_read(0, &byte, 1, 0), -EPERM);
    CHECK_EQ(gor_write(1, &byte, 1, 0), -EPERM);
    CHECK_EQ(gor_write_all(1, &byte, 1, 0, NULL), -EPERM);
    CHECK_EQ(gor_fd_wait(0, GOR_FD_READ, 0), -EPERM);
    CHECK_EQ(gor_accept(0, NULL, NULL, 0), -EPERM);
    CHECK_EQ(gor_close(12345), -EPERM);
}
