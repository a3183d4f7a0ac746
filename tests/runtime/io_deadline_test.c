/* SPDX-License-Identifier: MIT */
/* io_deadline_test.c - deadlines of everything that waits for a descriptor: never early, never in
 * the way of what comes later, and exact about what was transferred.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/runtime/loopback.h"

__attribute__((constructor)) static void ignore_broken_pipes(void)
{
    signal(SIGPIPE, SIG_IGN);
}

/* ------------------------------------------------------------ one thing to wait for each */

struct bench {
    int pair[2];  /* [1] is full of bytes nobody has read, [0] can be read */
    int empty[2]; /* nothing to read */
    int listener;
    int crowded; /* a listener whose queue is full */
    struct sockaddr_in crowded_addr;
    int guests[64];
    int guest_count;
};

static void fill_up(int fd)
{
    static const char bytes[4096];
    while (gor_write(fd, bytes, sizeof bytes, 0) > 0) {
    }
    while (gor_write(fd, bytes, 1, 0) > 0) {
    }
}

static void set_up(struct bench *b)
{
    struct sockaddr_in addr;
    memset(b, 0, sizeof *b);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->pair), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->empty), 0);
    fill_up(b->pair[1]);
    b->listener = listen_on_loopback(8, &addr);
    b->crowded = listen_on_loopback(0, &b->crowded_addr);
    int fd;
    while ((fd = connect_until(&b->crowded_addr, gor_after(10 * GOR_MILLISECOND))) >= 0) {
        CHECK_INT(b->guest_count, <, 64);
        b->guests[b->guest_count++] = fd;
    }
    CHECK_EQ(fd, -ETIMEDOUT);
}

static void take_down(struct bench *b)
{
    for (int i = 0; i < b->guest_count; i++) {
        CHECK_EQ(gor_close(b->guests[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(gor_close(b->pair[i]), 0);
        CHECK_EQ(gor_close(b->empty[i]), 0);
    }
    CHECK_EQ(gor_close(b->listener), 0);
    CHECK_EQ(gor_close(b->crowded), 0);
}

static int64_t wait_read(struct bench *b, int64_t deadline)
{
    char bytes[16];
    return gor_read(b->empty[0], bytes, sizeof bytes, deadline);
}

static int64_t wait_write(struct bench *b, int64_t deadline)
{
    return gor_write(b->pair[1], "x", 1, deadline);
}

static int64_t wait_write_all(struct bench *b, int64_t deadline)
{
    size_t written = 99;
    int result = gor_write_all(b->pair[1], "xyz", 3, deadline, &written);
    CHECK_EQ(written, 0);
    return result;
}

static int64_t wait_accept(struct bench *b, int64_t deadline)
{
    return gor_accept(b->listener, NULL, NULL, deadline);
}

static int64_t wait_connect(struct bench *b, int64_t deadline)
{
    return connect_until(&b->crowded_addr, deadline);
}

static int64_t wait_readable(struct bench *b, int64_t deadline)
{
    return gor_fd_wait(b->empty[0], GOR_FD_READ, deadline);
}

static int64_t wait_writable(struct bench *b, int64_t deadline)
{
    return gor_fd_wait(b->pair[1], GOR_FD_WRITE, deadline);
}

typedef int64_t wait_fn(struct bench *b, int64_t deadline);

static wait_fn *const waits[] = {wait_read,    wait_write,    wait_write_all, wait_accept,
                                 wait_connect, wait_readable, wait_writable};
enum { WAITS = sizeof waits / sizeof waits[0] };

GO_TEST(io_deadlines_are_never_early_and_never_spent)
{
    static const int64_t times[] = {1,
                                    GOR_MICROSECOND,
                                    10 * GOR_MICROSECOND,
                                    100 * GOR_MICROSECOND,
                                    GOR_MILLISECOND,
                                    5 * GOR_MILLISECOND};
    struct bench b;
    set_up(&b);
    for (int i = 0; i < WAITS; i++) {
        CHECK_EQ(waits[i](&b, INT64_MIN), -ETIMEDOUT);
        CHECK_EQ(waits[i](&b, 0), -ETIMEDOUT);
        CHECK_EQ(waits[i](&b, gor_now()), -ETIMEDOUT);
        for (size_t k = 0; k < sizeof times / sizeof times[0]; k++) {
            for (int again = 0; again < 3; again++) {
                int64_t deadline = gor_after(times[k]);
                CHECK_EQ(waits[i](&b, deadline), -ETIMEDOUT);
                CHECK(gor_now() >= deadline);
            }
        }
    }
    take_down(&b);
}

/* ------------------------------------- without a deadline, after many that passed, it waits on */

struct waiting {
    struct bench *b;
    wait_fn *wait;
    _Atomic int64_t result;
    int64_t deadline;
    struct gor_waitgroup wg;
};

static void wait_and_note(void *arg)
{
    struct waiting *w = arg;
    int64_t result = w->wait(w->b, w->deadline);
    atomic_store(&w->result, result);
    gor_waitgroup_done(&w->wg);
}

static void satisfy(struct bench *b, wait_fn *wait, const struct sockaddr_in *addr, int *out_fd)
{
    char bytes[65536];
    if (wait == wait_read || wait == wait_readable) {
        CHECK_EQ(gor_write(b->empty[1], "x", 1, GOR_NEVER), 1);
    } else if (wait == wait_accept) {
        *out_fd = connect_until(addr, GOR_NEVER);
        CHECK_INT(*out_fd, >=, 0);
    } else {
        CHECK_INT(gor_read(b->pair[0], bytes, sizeof bytes, GOR_NEVER), >, 0);
    }
}

/* Enough of it has to be read before the kernel calls the other end writable: read until the writer
 * has been woken. */
static void satisfy_until_woken(struct waiting *w, const struct sockaddr_in *addr, int *out_fd)
{
    enum { UNSET = -1000 };
    satisfy(w->b, w->wait, addr, out_fd);
    while (atomic_load(&w->result) == UNSET) {
        char bytes[4096];
        if (w->wait == wait_write || w->wait == wait_writable) {
            (void)gor_read(w->b->pair[0], bytes, sizeof bytes, 0);
        }
        gor_yield();
    }
}

static void check_waits_on(wait_fn *wait, int64_t deadline)
{
    struct bench b;
    struct sockaddr_in addr;
    socklen_t length = sizeof addr;
    set_up(&b);
    struct waiting w = {.b = &b, .wait = wait, .result = -1000, .deadline = deadline};
    int fd = -1;
    CHECK_EQ(getsockname(b.listener, (struct sockaddr *)&addr, &length), 0);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(wait(&b, gor_after(i * 10 * GOR_MICROSECOND)), -ETIMEDOUT);
    }
    gor_waitgroup_add(&w.wg, 1);
    spawn_parked(wait_and_note, &w, GOR_WAIT_IO);
    gor_sleep(200 * GOR_MICROSECOND);
    CHECK_EQ(atomic_load(&w.result), -1000);
    satisfy_until_woken(&w, &addr, &fd);
    gor_waitgroup_wait(&w.wg);
    CHECK_INT(atomic_load(&w.result), >, 0);
    if (wait == wait_accept) {
        CHECK_EQ(gor_close((int)atomic_load(&w.result)), 0);
        CHECK_EQ(gor_close(fd), 0);
    }
    take_down(&b);
}

GO_TEST(io_deadlines_that_passed_leave_the_next_call_waiting)
{
    for (int i = 0; i < WAITS; i++) {
        if (waits[i] != wait_connect && waits[i] != wait_write_all) {
            check_waits_on(waits[i], GOR_NEVER);
            check_waits_on(waits[i], gor_after(3600 * GOR_SECOND));
        }
    }
}

/* --------------------------------------------------- traffic among deadlines: no byte is lost */

struct stream {
    int fd;
    int64_t unit;
    long count;
    struct gor_waitgroup *wg;
    uint64_t random;
    long timeouts;
};

static void write_under_deadlines(void *arg)
{
    struct stream *s = arg;
    for (long sent = 0; sent < s->count;) {
        unsigned char bytes[512];
        long n = 1 + random_below(&s->random, sizeof bytes);
        n = n < s->count - sent ? n : s->count - sent;
        for (long i = 0; i < n; i++) {
            bytes[i] = (unsigned char)((sent + i) % 251);
        }
        size_t written = 0;
        int64_t deadline = gor_after(random_below(&s->random, 30) * s->unit);
        int result = gor_write_all(s->fd, bytes, (size_t)n, deadline, &written);
        CHECK(result == -ETIMEDOUT || (result == 0 && written == (size_t)n));
        s->timeouts += result != 0;
        sent += (long)written;
        if (random_below(&s->random, 20) == 0) {
            gor_sleep(random_below(&s->random, 30) * s->unit);
        }
    }
    gor_waitgroup_done(s->wg);
}

static void read_under_deadlines(void *arg)
{
    struct stream *s = arg;
    for (long got = 0; got < s->count;) {
        unsigned char bytes[700];
        ssize_t n =
            gor_read(s->fd, bytes, sizeof bytes, gor_after(random_below(&s->random, 30) * s->unit));
        s->timeouts += n == -ETIMEDOUT;
        CHECK(n == -ETIMEDOUT || n > 0);
        for (ssize_t i = 0; i < n; i++) {
            CHECK_EQ(bytes[i], (unsigned char)((got + i) % 251));
        }
        got += n > 0 ? n : 0;
        if (random_below(&s->random, 20) == 0) {
            gor_sleep(random_below(&s->random, 30) * s->unit);
        }
    }
    gor_waitgroup_done(s->wg);
}

GO_TEST(io_deadlines_among_traffic_in_both_directions_lose_nothing)
{
    enum { PAIRS = 4 };
    struct gor_waitgroup wg = {0};
    struct stream streams[4 * PAIRS];
    int small = 4096;
    uint64_t seed = test_seed();
    gor_waitgroup_add(&wg, 4 * PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        int fds[2];
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        for (int k = 0; k < 2; k++) {
            struct stream s = {
                fds[k], i % 2 == 0 ? 100 : GOR_MICROSECOND, SCALED(400000, 150000, 60000),
                &wg,    seed + (uint64_t)(8 * i + k),       0};
            CHECK_EQ(setsockopt(fds[k], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
            streams[4 * i + 2 * k] = s;
            streams[4 * i + 2 * k + 1] = s;
            spawn(write_under_deadlines, &streams[4 * i + 2 * k]);
            spawn(read_under_deadlines, &streams[4 * i + 2 * k + 1]);
        }
    }
    gor_waitgroup_wait(&wg);
    for (int i = 0; i < 4 * PAIRS; i += 2) {
        CHECK_EQ(gor_close(streams[i].fd), 0);
    }
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
}

/* A peer so slow that most reads time out, thousands of times on one descriptor. */
static void write_slowly(void *arg)
{
    struct stream *s = arg;
    for (long i = 0; i < s->count; i++) {
        gor_sleep(s->unit);
        CHECK_EQ(gor_write(s->fd, "s", 1, GOR_NEVER), 1);
    }
    gor_waitgroup_done(s->wg);
}

GO_TEST(io_deadlines_by_the_thousand_leave_a_slow_stream_whole)
{
    int fds[2];
    struct gor_waitgroup wg = {0};
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    struct stream s = {.fd = fds[1], .unit = 200 * GOR_MICROSECOND, .wg = &wg};
    s.count = SCALED(200, 100, 100);
    gor_waitgroup_add(&wg, 1);
    spawn(write_slowly, &s);
    for (long got = 0; got < s.count;) {
        char bytes[4];
        ssize_t n = gor_read(fds[0], bytes, sizeof bytes, gor_after(2 * GOR_MICROSECOND));
        CHECK(n == -ETIMEDOUT || n > 0);
        got += n > 0 ? n : 0;
        CHECK_INT(got, <=, s.count);
    }
    gor_waitgroup_wait(&wg);
    CHECK_EQ(gor_read(fds[0], &s, 1, gor_after(GOR_MICROSECOND)), -ETIMEDOUT);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[1]), 0);
}
