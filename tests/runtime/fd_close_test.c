/* SPDX-License-Identifier: MIT */
/* fd_close_test.c - closing a descriptor while others use it in every way. */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/runtime/help.h"

__attribute__((constructor)) static void ignore_broken_pipes(void)
{
    signal(SIGPIPE, SIG_IGN);
}

enum use { READS, WRITES, WRITES_ALL, AWAITS_READ, AWAITS_WRITE, USES };

struct user {
    int fd;
    enum use use;
    int64_t deadline;
    ssize_t result;
    size_t written;
    struct gor_waitgroup *wg;
};

static const char much[1 << 20];

static void use_once(void *arg)
{
    struct user *u = arg;
    char byte;
    switch (u->use) {
    case READS:
        u->result = gor_read(u->fd, &byte, 1, u->deadline);
        break;
    case WRITES:
        u->result = gor_write(u->fd, "x", 1, u->deadline);
        break;
    case WRITES_ALL:
        u->result = gor_write_all(u->fd, much, sizeof much, u->deadline, &u->written);
        break;
    case AWAITS_READ:
        u->result = gor_fd_wait(u->fd, GOR_FD_READ, u->deadline);
        break;
    default:
        u->result = gor_fd_wait(u->fd, GOR_FD_WRITE, u->deadline);
    }
    gor_waitgroup_done(u->wg);
}

/* A pair whose first end has nothing to read and no room to write. */
static void make_stuck_pair(int fds[2])
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    while (gor_write(fds[0], much, sizeof much, 0) > 0) {
    }
    while (gor_write(fds[0], much, 1, 0) > 0) {
    }
}

GO_TEST(close_wakes_everybody_whatever_they_wait_for)
{
    enum { USERS = 3 * USES };
    for (int round = 0; round < SCALED(100, 40, 20); round++) {
        int fds[2];
        struct gor_waitgroup wg = {0};
        struct user users[USERS];
        make_stuck_pair(fds);
        gor_waitgroup_add(&wg, USERS);
        for (int i = 0; i < USERS; i++) {
            users[i] = (struct user){fds[0], (enum use)(i % USES), GOR_NEVER, 1, 99, &wg};
            users[i].deadline = i % 2 == 0 ? GOR_NEVER : gor_after(3600 * GOR_SECOND);
            spawn_parked(use_once, &users[i], GOR_WAIT_IO);
        }
        CHECK_EQ(gor_close(fds[0]), 0);
        gor_waitgroup_wait(&wg);
        for (int i = 0; i < USERS; i++) {
            CHECK_EQ(users[i].result, -ECANCELED);
            if (users[i].use == WRITES_ALL) {
                CHECK_EQ(users[i].written, 0);
            }
        }
        CHECK_EQ(gor_close(fds[1]), 0);
    }
    struct gor_stats stats;
    CHECK_EQ(gor_stats_get(&stats, false), 0);
    CHECK_EQ(stats.timers, 0);
}

/* ---------------------------------------------------- users, partners and closers, all at once */

struct closer {
    int fd;
    int result;
    int yields;
    struct gor_waitgroup *wg;
};

static void close_it(void *arg)
{
    struct closer *c = arg;
    for (int i = 0; i < c->yields; i++) {
        gor_yield();
    }
    c->result = gor_close(c->fd);
    gor_waitgroup_done(c->wg);
}

static void drain_and_feed(void *arg)
{
    struct user *u = arg;
    char some[4096];
    for (int i = 0; i < 3; i++) {
        (void)gor_read(u->fd, some, sizeof some, 0);
        (void)gor_write(u->fd, "y", 1, 0);
        gor_yield();
    }
    gor_waitgroup_done(u->wg);
}

static bool is_expected(const struct user *u)
{
    switch (u->result) {
    case -ECANCELED:
    case -EBADF:
        return true;
    case -ETIMEDOUT:
        return u->deadline != GOR_NEVER;
    case 0:
        return u->use == WRITES_ALL && u->written == sizeof much;
    case GOR_FD_READ:
    case GOR_FD_WRITE:
        return u->use != WRITES_ALL;
    default:
        return false;
    }
}

GO_TEST(close_racing_with_all_uses_happens_once_and_ends_them)
{
    enum { USERS = 2 * USES, CLOSERS = 3 };
    uint64_t random = test_seed();
    for (int round = 0; round < SCALED(1500, 500, 200); round++) {
        int fds[2];
        struct gor_waitgroup wg = {0};
        struct user users[USERS];
        struct closer closers[CLOSERS];
        make_stuck_pair(fds);
        struct user partner = {.fd = fds[1], .wg = &wg};
        gor_waitgroup_add(&wg, USERS + CLOSERS + 1);
        for (int i = 0; i < USERS; i++) {
            users[i] = (struct user){fds[0], (enum use)(i % USES), GOR_NEVER, 1, 99, &wg};
            users[i].deadline = i % 3 != 0 ? GOR_NEVER : gor_after(random_below(&random, 20000));
            spawn(use_once, &users[i]);
        }
        spawn(drain_and_feed, &partner);
        for (int i = 0; i < CLOSERS; i++) {
            closers[i] = (struct closer){fds[0], 1, random_below(&random, 4), &wg};
            spawn(close_it, &closers[i]);
        }
        gor_waitgroup_wait(&wg);
        int closed = 0;
        for (int i = 0; i < CLOSERS; i++) {
            CHECK(closers[i].result == 0 || closers[i].result == -EBADF);
            closed += closers[i].result == 0;
        }
        CHECK_EQ(closed, 1);
        for (int i = 0; i < USERS; i++) {
            if (!is_expected(&users[i])) {
                test_fail(__FILE__, __LINE__, "use %d answered %zd", users[i].use, users[i].result);
            }
        }
        CHECK_EQ(gor_close(fds[1]), 0);
    }
}

/* --------------------------------------------- once close returned, nobody is on it any more */

/* The number is used again at once, for a pipe nobody but the test reads: whatever a straggler of
 * the former owner writes would show there. */
GO_TEST(close_returns_after_the_last_call_on_the_descriptor)
{
    for (int round = 0; round < SCALED(1000, 400, 150); round++) {
        int fds[2];
        int again[2];
        struct gor_waitgroup wg = {0};
        struct user users[4];
        make_stuck_pair(fds);
        gor_waitgroup_add(&wg, 5);
        for (int i = 0; i < 4; i++) {
            users[i] = (struct user){fds[0], i % 2 == 0 ? WRITES : READS, GOR_NEVER, 1, 0, &wg};
            spawn_parked(use_once, &users[i], GOR_WAIT_IO);
        }
        struct user partner = {.fd = fds[1], .wg = &wg};
        spawn(drain_and_feed, &partner);
        if (round % 2 == 0) {
            gor_yield();
        }
        CHECK_EQ(gor_close(fds[0]), 0);
        CHECK_EQ(pipe2(again, O_CLOEXEC), 0);
        CHECK(again[0] == fds[0] || again[1] == fds[0]);
        CHECK_EQ(gor_write(again[1], "good", 4, GOR_NEVER), 4);
        gor_waitgroup_wait(&wg);
        char bytes[8];
        CHECK_EQ(gor_read(again[0], bytes, sizeof bytes, GOR_NEVER), 4);
        CHECK_EQ(memcmp(bytes, "good", 4), 0);
        CHECK_EQ(gor_close(again[0]), 0);
        CHECK_EQ(gor_close(again[1]), 0);
        CHECK_EQ(gor_close(fds[1]), 0);
    }
}

GO_TEST(close_of_what_is_not_open_is_refused)
{
    int fds[2];
    CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
    CHECK_EQ(gor_close(fds[0]), 0);
    CHECK_EQ(gor_close(fds[0]), -EBADF);
    CHECK_EQ(gor_read(fds[0], fds, 1, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_write(fds[0], fds, 1, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_fd_wait(fds[0], GOR_FD_READ, GOR_NEVER), -EBADF);
    CHECK_EQ(gor_close(-1), -EBADF);
    CHECK_EQ(gor_close(fds[1]), 0);
}
