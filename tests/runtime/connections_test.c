/* SPDX-License-Identifier: MIT */
/* connections_test.c - an echo server with 10,000 connections open at once.
 *
 * Server and clients are goroutines of two processes, for one would need 20,000 descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/runtime/loopback.h"

enum {
    CONNECTIONS = SCALED(10000, 3000, 500),
    DESCRIPTORS = CONNECTIONS + 100, /* and what the process has anyway */
    ROUNDS = 5,
    DIALS = 200, /* at once: the listener's queue is not to overflow */
    MESSAGE = 64,
};

/* ------------------------------------------------------------------ server */

struct server {
    int listener;
    int all_here; /* a pipe: told once everybody is connected */
    struct gor_waitgroup accepted;
    struct gor_waitgroup served;
    _Atomic int open;
};

struct connection {
    struct server *server;
    int fd;
};

static void echo(void *arg)
{
    struct connection *c = arg;
    char bytes[MESSAGE];
    ssize_t n;
    CHECK_EQ(gor_write(c->fd, "w", 1, GOR_NEVER), 1); /* welcome */
    atomic_fetch_add(&c->server->open, 1);
    gor_waitgroup_done(&c->server->accepted);
    while ((n = gor_read(c->fd, bytes, sizeof bytes, GOR_NEVER)) > 0) {
        CHECK_EQ(gor_write_all(c->fd, bytes, (size_t)n, GOR_NEVER, NULL), 0);
    }
    CHECK_EQ(n, 0);
    CHECK_EQ(gor_close(c->fd), 0);
    atomic_fetch_sub(&c->server->open, 1);
    gor_waitgroup_done(&c->server->served);
}

static void accept_all(void *arg)
{
    struct server *s = arg;
    static struct connection connections[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        connections[i] = (struct connection){s, gor_accept(s->listener, NULL, NULL, GOR_NEVER)};
        CHECK_INT(connections[i].fd, >=, 0);
        spawn(echo, &connections[i]);
    }
}

static int serve(void *arg)
{
    struct server *s = arg;
    gor_waitgroup_add(&s->accepted, CONNECTIONS);
    gor_waitgroup_add(&s->served, CONNECTIONS);
    spawn(accept_all, s);
    gor_waitgroup_wait(&s->accepted);
    CHECK_EQ(atomic_load(&s->open), CONNECTIONS);
    CHECK_EQ(gor_write(s->all_here, "!", 1, GOR_NEVER), 1);
    gor_waitgroup_wait(&s->served);
    CHECK_EQ(atomic_load(&s->open), 0);
    CHECK_EQ(gor_close(s->listener), 0);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    return 0;
}

/* ----------------------------------------------------------------- clients */

struct clients {
    struct sockaddr_in addr;
    int all_here;
    struct gor_sem dials;
    struct gor_waitgroup gone;
    struct gor_chan *go_on; /* closed once all are connected */
    _Atomic int numbers;
};

static void read_all(int fd, char *bytes, size_t length)
{
    for (size_t have = 0; have < length;) {
        ssize_t n = gor_read(fd, bytes + have, length - have, GOR_NEVER);
        CHECK_INT(n, >, 0);
        have += (size_t)n;
    }
}

static int dial(struct clients *c)
{
    char welcome = 0;
    CHECK_EQ(gor_sem_acquire(&c->dials, 1, GOR_NEVER), 0);
    int fd = connect_until(&c->addr, GOR_NEVER);
    CHECK_INT(fd, >=, 0);
    read_all(fd, &welcome, 1);
    CHECK_EQ(welcome, 'w');
    gor_sem_release(&c->dials, 1);
    return fd;
}

static void be_client(void *arg)
{
    struct clients *c = arg;
    int number = atomic_fetch_add(&c->numbers, 1);
    char sent[MESSAGE];
    char got[MESSAGE];
    int fd = dial(c);
    CHECK_EQ(gor_chan_recv(c->go_on, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MESSAGE; i++) {
            sent[i] = (char)(number * 31 + round * 7 + i);
        }
        CHECK_EQ(gor_write_all(fd, sent, sizeof sent, GOR_NEVER, NULL), 0);
        read_all(fd, got, sizeof got);
        CHECK_EQ(memcmp(sent, got, sizeof sent), 0);
    }
    CHECK_EQ(gor_close(fd), 0);
    gor_waitgroup_done(&c->gone);
}

static int connect_all(void *arg)
{
    struct clients *c = arg;
    struct gor_go_opts small = {.stack_bytes = 65536};
    char byte;
    c->go_on = new_chan(0, 0);
    gor_sem_release(&c->dials, DIALS);
    gor_waitgroup_add(&c->gone, CONNECTIONS);
    for (int i = 0; i < CONNECTIONS; i++) {
        CHECK_EQ(gor_go_with(&small, be_client, c), 0);
    }
    CHECK_EQ(gor_read(c->all_here, &byte, 1, GOR_NEVER), 1);
    CHECK_EQ(gor_num_goroutine(), CONNECTIONS + 1);
    CHECK_EQ(gor_chan_close(c->go_on), 0);
    gor_waitgroup_wait(&c->gone);
    YIELD_UNTIL(gor_num_goroutine() == 1)
    gor_chan_unref(c->go_on);
    return 0;
}

/* -------------------------------------------------------------------- both */

/* Whether the process may have that many descriptors. */
static bool raise_descriptor_limit(void)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    rlim_t hard = limit.rlim_max > DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    return limit.rlim_cur >= DESCRIPTORS ||
           setrlimit(RLIMIT_NOFILE, &(struct rlimit){DESCRIPTORS, hard}) == 0;
}

TEST(connections_by_the_thousand_are_echoed_each_on_its_own)
{
    int ends[2];
    int status = -1;
    struct clients c = {.all_here = -1};
    if (!raise_descriptor_limit()) {
        test_skip("%d descriptors are needed, more than ulimit -Hn allows", DESCRIPTORS);
        return;
    }
    CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
    struct server s = {.listener = listen_on_loopback(2 * DIALS, &c.addr), .all_here = ends[1]};
    pid_t pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        /* It must not outlive a test that failed. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(gor_run(NULL, serve, &s) == 0 ? 0 : 1);
    }
    CHECK_EQ(close(s.listener), 0);
    CHECK_EQ(close(ends[1]), 0);
    c.all_here = ends[0];
    CHECK_EQ(gor_run(NULL, connect_all, &c), 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    CHECK_EQ(close(ends[0]), 0);
}
