/* SPDX-License-Identifier: MIT */
/* fd.c - reading, writing, waiting and closing, parking instead of blocking.
 *
 * Every call registers the descriptor with the poller, if that was not done before, then tries, and
 * waits for readiness only on EAGAIN: a wait may end for an old readiness, so it is always tried
 * again. What epoll refuses is left to file.c.
 *
 * Sockets are written to without SIGPIPE. Pipes have no such flag, but the runtime's threads have
 * the signal blocked.
 */
#include "runtime/io/fd.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/io/call.h"
#include "runtime/io/file.h"
#include "runtime/io/lend.h"
#include "runtime/sched/door.h"

GOR__NEVER_INLINED static ssize_t try_read(int fd, void *buf, size_t len)
{
    bool lent = gor__lend(buf);
    ssize_t got = read(fd, buf, len);
    got = got >= 0 ? got : -errno;
    gor__take_back(buf, lent);
    return got;
}

/* A server reads a request, answers it, and reads again, when there is nothing yet: the poller knows,
 * and a system call is saved. Whoever does not want to wait has it tried in any case. */
static bool is_in_vain(int fd, uint32_t edges, const struct gor__limit *limit)
{
    return gor__netpoll_is_drained(fd, edges) && gor__limit_over(limit) == 0;
}

static ssize_t read_stream(int fd, void *buf, size_t len, const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        ssize_t got = is_in_vain(fd, edges, limit) ? -EAGAIN : try_read(fd, buf, len);
        if (got > 0 && (size_t)got < len) {
            gor__netpoll_note_short_read(fd, edges);
        }
        if (got >= 0) {
            return gor__call_done(got);
        }
        int error = gor__call_retry(fd, (int)got, GOR_FD_READ, edges, limit);
        if (error < 0) {
            return error;
        }
    }
}

static ssize_t read_file(int fd, void *buf, size_t len)
{
    struct iovec part = {buf, len};
    return gor__file_read(fd, &part, 1, GOR__FILE_POSITION);
}

static ssize_t read_within(int fd, void *buf, size_t len, const struct gor__limit *limit)
{
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    ssize_t result = begun == 0 ? read_stream(fd, buf, len, limit) : read_file(fd, buf, len);
    gor__call_end(fd);
    return result;
}

ssize_t gor_read(int fd, void *buf, size_t len, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return read_within(fd, buf, len, &limit);
}

ssize_t gor_read_ctx(int fd, void *buf, size_t len, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return read_within(fd, buf, len, &limit);
}

GOR__NEVER_INLINED static ssize_t try_write(int fd, const void *buf, size_t len)
{
    bool lent = gor__lend(buf);
    ssize_t put = send(fd, buf, len, MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK) {
        put = write(fd, buf, len);
    }
    put = put >= 0 ? put : -errno;
    gor__take_back(buf, lent);
    return put;
}

static ssize_t write_stream(int fd, const void *buf, size_t len, const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        ssize_t put = try_write(fd, buf, len);
        if (put >= 0) {
            return gor__call_done(put);
        }
        int error = gor__call_retry(fd, (int)put, GOR_FD_WRITE, edges, limit);
        if (error < 0) {
            return error;
        }
    }
}

static ssize_t write_file(int fd, const void *buf, size_t len)
{
    struct iovec part = {(void *)(uintptr_t)buf, len};
    return gor__file_write(fd, &part, 1, GOR__FILE_POSITION);
}

static ssize_t write_within(int fd, const void *buf, size_t len, const struct gor__limit *limit)
{
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    ssize_t result = begun == 0 ? write_stream(fd, buf, len, limit) : write_file(fd, buf, len);
    gor__call_end(fd);
    return result;
}

ssize_t gor_write(int fd, const void *buf, size_t len, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return write_within(fd, buf, len, &limit);
}

ssize_t gor_write_ctx(int fd, const void *buf, size_t len, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return write_within(fd, buf, len, &limit);
}

static int write_all_within(int fd, const void *buf, size_t len, size_t *out_written,
                            const struct gor__limit *limit)
{
    size_t written = 0;
    ssize_t put = 0;
    while (written < len) {
        put = write_within(fd, (const char *)buf + written, len - written, limit);
        if (put == 0) {
            /* A device that takes nothing: it would be asked for ever. */
            put = -EIO;
        }
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

int gor_write_all(int fd, const void *buf, size_t len, int64_t deadline, size_t *out_written)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return write_all_within(fd, buf, len, out_written, &limit);
}

int gor_write_all_ctx(int fd, const void *buf, size_t len, struct gor_ctx *ctx, size_t *out_written)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return write_all_within(fd, buf, len, out_written, &limit);
}

/* ---- waiting, closing */

GOR__NEVER_INLINED static int close_number(int fd)
{
    /* On Linux the descriptor is gone even when close is interrupted. */
    return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}

/* The kernel's close is outside the door: it may take its time, for a socket that lingers, a
 * terminal, a file on a network. */
int gor_close(int fd)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    gor__enter();
    int result = gor__netpoll_close(fd);
    gor__leave();
    if (result == 0) {
        result = close_number(fd);
        gor__enter();
        gor__netpoll_closed(fd);
        gor__leave();
    }
    return result;
}

/* The events of enum gor_fd_events that are there now. */
GOR__NEVER_INLINED static int poll_now(int fd, int events)
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

static int wait_ready(int fd, int events, const struct gor__limit *limit)
{
    for (;;) {
        /* The poller tells of changes only: what is there already must be asked for. */
        uint32_t edges = gor__netpoll_edges(fd);
        int ready = poll_now(fd, events);
        if (ready != 0) {
            return ready;
        }
        ready = gor__call_wait(fd, events, edges, limit, GOR_WAIT_IO);
        if (ready < 0) {
            return ready;
        }
    }
}

int gor__fd_wait(int fd, int events, const struct gor__limit *limit)
{
    if ((events & (GOR_FD_READ | GOR_FD_WRITE)) == 0) {
        return -EINVAL;
    }
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    int result = begun == 0 ? wait_ready(fd, events, limit) : -EPERM;
    gor__call_end(fd);
    return result;
}

int gor_fd_wait(int fd, int events, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return gor__fd_wait(fd, events, &limit);
}

int gor_fd_wait_ctx(int fd, int events, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return gor__fd_wait(fd, events, &limit);
}
