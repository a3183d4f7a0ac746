/* SPDX-License-Identifier: MIT */
/* connect_backlog_test.c - connecting to a Unix socket whose listener has no room: nothing tells when
 * there is some, so the call looks again and again; deadline and close end it all the same. */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/runtime/help.h"

enum { MANY = 64 };

struct crowd {
    struct sockaddr_un addr;
    int listener;
    int inside[MANY];
    int count;
};

static int unix_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK_INT(fd, >=, 0);
    return fd;
}

/* Listen, and connect until there is no room. */
static void gather(struct crowd *crowd, const char *name)
{
    memset(crowd, 0, sizeof *crowd);
    crowd->addr.sun_family = AF_UNIX;
    snprintf(crowd->addr.sun_path, sizeof crowd->addr.sun_path, "%s/%s", test_tmpdir(), name);
    crowd->listener = unix_socket();
    CHECK_EQ(bind(crowd->listener, (struct sockaddr *)&crowd->addr, sizeof crowd->addr), 0);
    CHECK_EQ(listen(crowd->listener, 1), 0);
    for (;;) {
        int fd = unix_socket();
        if (connect(fd, (struct sockaddr *)&crowd->addr, sizeof crowd->addr) != 0) {
            CHECK_EQ(errno, EAGAIN);
            CHECK_EQ(close(fd), 0);
            return;
        }
        CHECK_INT(crowd->count, <, MANY);
        crowd->inside[crowd->count++] = fd;
    }
}

static void disperse(struct crowd *crowd)
{
    for (int i = 0; i < crowd->count; i++) {
        CHECK_EQ(gor_close(crowd->inside[i]), 0);
    }
    CHECK_EQ(gor_close(crowd->listener), 0);
}

struct connecting {
    struct crowd *crowd;
    int fd;
    int result;
    struct gor_waitgroup wg;
};

static void connect_one(void *arg)
{
    struct connecting *c = arg;
    c->result =
        gor_connect(c->fd, (struct sockaddr *)&c->crowd->addr, sizeof c->crowd->addr, GOR_NEVER);
    gor_waitgroup_done(&c->wg);
}

GO_TEST(connect_without_room_is_woken_by_close)
{
    struct crowd crowd;
    gather(&crowd, "close");
    struct connecting c = {.crowd = &crowd, .fd = unix_socket()};
    gor_waitgroup_add(&c.wg, 1);
    spawn_parked(connect_one, &c, GOR_WAIT_IO);
    CHECK_EQ(gor_close(c.fd), 0);
    gor_waitgroup_wait(&c.wg);
    CHECK_EQ(c.result, -ECANCELED);
    disperse(&crowd);
}

GO_TEST(connect_without_room_ends_at_its_deadline)
{
    struct crowd crowd;
    gather(&crowd, "deadline");
    int fd = unix_socket();
    int64_t deadline = gor_after(5 * GOR_MILLISECOND);
    CHECK_EQ(gor_connect(fd, (struct sockaddr *)&crowd.addr, sizeof crowd.addr, deadline),
             -ETIMEDOUT);
    CHECK(gor_now() >= deadline);
    CHECK_EQ(gor_close(fd), 0);
    disperse(&crowd);
}

GO_TEST(connect_gets_in_once_there_is_room)
{
    struct crowd crowd;
    gather(&crowd, "room");
    struct connecting c = {.crowd = &crowd, .fd = unix_socket()};
    gor_waitgroup_add(&c.wg, 1);
    spawn_parked(connect_one, &c, GOR_WAIT_IO);
    int peer = gor_accept(crowd.listener, NULL, NULL, GOR_NEVER);
    CHECK_INT(peer, >=, 0);
    gor_waitgroup_wait(&c.wg);
    CHECK_EQ(c.result, 0);
    CHECK_EQ(gor_close(peer), 0);
    CHECK_EQ(gor_close(c.fd), 0);
    disperse(&crowd);
}
