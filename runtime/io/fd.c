/* SPDX-License-Identifier: MIT */
/* fd.c - the system calls on descriptors, parking instead of blocking.
 *
 * Every call first registers the descriptor with the poller, if that was not done before, then tries, and waits for readiness only on EAGAIN: a wait may end for an old readiness,
 * so it is always tried again. What epoll refuses (EPERM) never blocks for long, or is a regular
 * file: its reads are done at once from the page cache (RWF_NOWAIT), else on a thread of
 * gor_blocking; its writes go to the page cache here.
 *
 * The system calls are in functions of their own, never inlined: a compiler keeps the address of
 * errno, and after a wait the goroutine may be on another thread.
 *
 * Sockets are written to without SIGPIPE. Pipes have no such flag: a program that writes to pipes
 * ignores the signal, as every server does.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/sched/netpoll.h"
#include "runtime/sched/sched.h"

#define NEVER_INLINED __attribute__((noinline))

enum { BACKLOG_PAUSE_MIN = 1000000, BACKLOG_PAUSE_MAX = 50000000 };

/* Begin a call: 0, to be ended by gor__netpoll_leave; 1: nothing to wait for; or an error. */
static int enter(int fd)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    int result = gor__netpoll_enter(fd);
    return result == -EPERM ? 1 : result;
}

/* After a try that failed with `error`, negative, and was begun after `edges` were counted: 0 to try
 * again, else the error to answer. */
static int wait_or_error(int fd, int error, int events, uint32_t edges, int64_t deadline)
{
    if (error == -EINTR) {
        return 0;
    }
    if (error != -EAGAIN && error != -EWOULDBLOCK) {
        return error;
    }
    gor__g_self()->io_streak = 0;
    return gor__netpoll_wait(fd, events, edges, deadline, GOR_WAIT_IO);
}

/* ---- files */

struct read_call {
    int fd;
    void *buf;
    size_t len;
    ssize_t result;
};

NEVER_INLINED static ssize_t try_read(int fd, void *buf, size_t len)
{
    ssize_t got = read(fd, buf, len);
    return got >= 0 ? got : -errno;
}

NEVER_INLINED static ssize_t try_read_cached(int fd, void *buf, size_t len)
{
    struct iovec part = {buf, len};
    ssize_t got = preadv2(fd, &part, 1, -1, RWF_NOWAIT);
    return got >= 0 ? got : -errno;
}

static int read_on_thread(void *arg)
{
    struct read_call *call = arg;
    do {
        call->result = try_read(call->fd, call->buf, call->len);
    } while (call->result == -EINTR);
    return 0;
}

static ssize_t read_file(int fd, void *buf, size_t len)
{
    struct read_call call = {fd, buf, len, 0};
    ssize_t got = try_read_cached(fd, buf, len);
    /* Not in the cache, or a file that cannot tell. */
    if (got != -EAGAIN && got != -EOPNOTSUPP && got != -EINTR && got != -EINVAL && got != -ENOSYS &&
        got != -ESPIPE) {
        return got;
    }
    int result = gor_blocking(read_on_thread, &call);
    return result < 0 ? result : call.result;
}

NEVER_INLINED static ssize_t write_file(int fd, const void *buf, size_t len)
{
    ssize_t put = 0;
    do {
        put = write(fd, buf, len);
    } while (put < 0 && errno == EINTR);
    return put >= 0 ? put : -errno;
}

/* ---- streams */

/* A peer that always has something ready would keep its goroutine going for ever: after so many
 * calls in a row that did not park, the others get a turn. */
static ssize_t take_turns(ssize_t result)
{
    enum { CALLS_IN_A_ROW = 8 };
    struct gor__m *m = gor__m_self();
    if (++m->g->io_streak >= CALLS_IN_A_ROW) {
        m->g->io_streak = 0;
        /* The scheduler shall look at the poller too: the others' turn may have come there. */
        __atomic_store_n(&m->p->attention, true, __ATOMIC_RELAXED);
        gor_yield();
    }
    return result;
}

static ssize_t read_stream(int fd, void *buf, size_t len, int64_t deadline)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        ssize_t got = try_read(fd, buf, len);
        if (got >= 0) {
            return take_turns(got);
        }
        int error = wait_or_error(fd, (int)got, GOR_FD_READ, edges, deadline);
        if (error < 0) {
            return error;
        }
    }
}

ssize_t gor_read(int fd, void *buf, size_t len, int64_t deadline)
{
    int error = enter(fd);
    if (error != 0) {
        return error < 0 ? error : read_file(fd, buf, len);
    }
    ssize_t result = read_stream(fd, buf, len, deadline);
    gor__netpoll_leave(fd);
    return result;
}

NEVER_INLINED static ssize_t try_write(int fd, const void *buf, size_t len)
{
    ssize_t put = send(fd, buf, len, MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK) {
        put = write(fd, buf, len);
    }
    return put >= 0 ? put : -errno;
}

static ssize_t write_stream(int fd, const void *buf, size_t len, int64_t deadline)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        ssize_t put = try_write(fd, buf, len);
        if (put >= 0) {
            return take_turns(put);
        }
        int error = wait_or_error(fd, (int)put, GOR_FD_WRITE, edges, deadline);
        if (error < 0) {
            return error;
        }
    }
}

ssize_t gor_write(int fd, const void *buf, size_t len, int64_t deadline)
{
    int error = enter(fd);
    if (error != 0) {
        return error < 0 ? error : write_file(fd, buf, len);
    }
    ssize_t result = write_stream(fd, buf, len, deadline);
    gor__netpoll_leave(fd);
    return result;
}

int gor_write_all(int fd, const void *buf, size_t len, int64_t deadline, size_t *out_written)
{
    size_t written = 0;
    ssize_t put = 0;
    while (written < len) {
        put = gor_write(fd, (const char *)buf + written, len - written, deadline);
        if (put < 0) {
            break;
        }
        written += (size_t)put;
    }
    if (out_written != NULL) {
        *out_written = written;
    }
    return put < 0 ? (int)put : 0;
}

/* ---- sockets */

NEVER_INLINED static int try_accept(int fd, struct sockaddr *addr, socklen_t *addr_len)
{
    int client = accept4(fd, addr, addr_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client >= 0) {
        return client;
    }
    /* A client that was gone before it was accepted is nobody's error. */
    return errno == ECONNABORTED ? -EINTR : -errno;
}

static int accept_one(int fd, struct sockaddr *addr, socklen_t *addr_len, int64_t deadline)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        int client = try_accept(fd, addr, addr_len);
        if (client >= 0) {
            return client;
        }
        int error = wait_or_error(fd, client, GOR_FD_READ, edges, deadline);
        if (error < 0) {
            return error;
        }
    }
}

int gor_accept(int fd, struct sockaddr *addr, socklen_t *addr_len, int64_t deadline)
{
    int error = enter(fd);
    if (error != 0) {
        return error < 0 ? error : -ENOTSOCK;
    }
    int result = accept_one(fd, addr, addr_len, deadline);
    gor__netpoll_leave(fd);
    return result;
}

/* How a connection under way stands: 0 made, 1 not yet, or why it failed. */
NEVER_INLINED static int look_at_connection(int fd)
{
    int error = 0;
    socklen_t error_len = sizeof error;
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0) {
        return -errno;
    }
    if (error != 0) {
        return -error;
    }
    if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0) {
        return 0;
    }
    /* Readiness alone proves nothing: a socket not yet connected counts as hung up. */
    return errno == ENOTCONN ? 1 : -errno;
}

static int finish_connect(int fd, int64_t deadline)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        int state = look_at_connection(fd);
        if (state <= 0) {
            return state;
        }
        state = gor__netpoll_wait(fd, GOR_FD_WRITE, edges, deadline, GOR_WAIT_IO);
        if (state < 0) {
            return state;
        }
    }
}

/* A Unix socket whose listener has no room answers EAGAIN, and nothing tells when there is some. The
 * pause is a wait for no direction at all, which a close ends. */
static int wait_for_backlog(int fd, int64_t *pause, int64_t deadline)
{
    int64_t now = gor_now();
    if (deadline != GOR_NEVER && deadline <= now) {
        return -ETIMEDOUT;
    }
    int64_t until = gor_after(*pause);
    until = until < deadline ? until : deadline;
    *pause = *pause < BACKLOG_PAUSE_MAX ? *pause * 2 : *pause;
    int result = gor__netpoll_wait(fd, 0, gor__netpoll_edges(fd), until, GOR_WAIT_IO);
    return result == -ETIMEDOUT ? 0 : result;
}

NEVER_INLINED static int try_connect(int fd, const struct sockaddr *addr, socklen_t addr_len)
{
    return connect(fd, addr, addr_len) == 0 ? 0 : -errno;
}

static int connect_to(int fd, const struct sockaddr *addr, socklen_t addr_len, int64_t deadline)
{
    int64_t pause = BACKLOG_PAUSE_MIN;
    for (;;) {
        int error = try_connect(fd, addr, addr_len);
        if (error == -EINPROGRESS || error == -EINTR) {
            return finish_connect(fd, deadline);
        }
        if (error != -EAGAIN) {
            return error;
        }
        error = wait_for_backlog(fd, &pause, deadline);
        if (error < 0) {
            return error;
        }
    }
}

int gor_connect(int fd, const struct sockaddr *addr, socklen_t addr_len, int64_t deadline)
{
    int error = enter(fd);
    if (error != 0) {
        return error < 0 ? error : -ENOTSOCK;
    }
    int result = connect_to(fd, addr, addr_len, deadline);
    gor__netpoll_leave(fd);
    return result;
}

/* ---- all of them */

int gor_close(int fd)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    return gor__netpoll_close(fd);
}

/* The events of enum gor_fd_events that are there now. */
NEVER_INLINED static int poll_now(int fd, int events)
{
    struct pollfd poller = {.fd = fd};
    int ready = 0;
    if ((events & GOR_FD_READ) != 0) {
        poller.events |= POLLIN | POLLRDHUP;
    }
    if ((events & GOR_FD_WRITE) != 0) {
        poller.events |= POLLOUT;
    }
    int count = 0;
    do {
        count = poll(&poller, 1, 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return -errno;
    }
    if ((poller.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) != 0) {
        ready |= GOR_FD_READ;
    }
    if ((poller.revents & (POLLOUT | POLLHUP | POLLERR)) != 0) {
        ready |= GOR_FD_WRITE;
    }
    return ready & events;
}

static int wait_ready(int fd, int events, int64_t deadline)
{
    for (;;) {
        /* The poller tells of changes only: what is there already must be asked for. */
        uint32_t edges = gor__netpoll_edges(fd);
        int ready = poll_now(fd, events);
        if (ready != 0) {
            return ready;
        }
        ready = gor__netpoll_wait(fd, events, edges, deadline, GOR_WAIT_IO);
        if (ready < 0) {
            return ready;
        }
    }
}

int gor_fd_wait(int fd, int events, int64_t deadline)
{
    if ((events & (GOR_FD_READ | GOR_FD_WRITE)) == 0) {
        return -EINVAL;
    }
    int error = enter(fd);
    if (error != 0) {
        return error < 0 ? error : -EPERM;
    }
    int result = wait_ready(fd, events, deadline);
    gor__netpoll_leave(fd);
    return result;
}
