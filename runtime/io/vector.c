/* SPDX-License-Identifier: MIT */
/* vector.c - reading and writing several parts at once, and from file to socket. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/io/call.h"
#include "runtime/io/file.h"
#include "runtime/io/lend.h"

enum {
    PARTS_MAX = 1024, /* the kernel's limit, UIO_MAXIOV */
    PARTS_AT_ONCE = 64,
};

/* ---- reading */

GOR__NEVER_INLINED static ssize_t try_readv(int fd, const struct iovec *parts, int count)
{
    bool lent = gor__lend_parts(parts, count);
    ssize_t got = readv(fd, parts, count);
    got = got >= 0 ? got : -errno;
    gor__take_back_parts(parts, count, lent);
    return got;
}

static ssize_t read_stream(int fd, const struct iovec *parts, int count,
                           const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        ssize_t got = try_readv(fd, parts, count);
        if (got >= 0) {
            return gor__call_done(got);
        }
        int error = gor__call_retry(fd, (int)got, GOR_FD_READ, edges, limit);
        if (error < 0) {
            return error;
        }
    }
}

/* More parts than the kernel takes are no error: less is read or written, which may happen anyhow. */
static int limit_count(int count)
{
    return count < PARTS_MAX ? count : PARTS_MAX;
}

static ssize_t readv_within(int fd, const struct iovec *parts, int count,
                            const struct gor__limit *limit)
{
    if (count < 0) {
        return -EINVAL;
    }
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    count = limit_count(count);
    ssize_t result = begun == 0 ? read_stream(fd, parts, count, limit)
                                : gor__file_read(fd, parts, count, GOR__FILE_POSITION);
    gor__call_end(fd);
    return result;
}

ssize_t gor_readv(int fd, const struct iovec *parts, int count, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return readv_within(fd, parts, count, &limit);
}

ssize_t gor_readv_ctx(int fd, const struct iovec *parts, int count, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return readv_within(fd, parts, count, &limit);
}

/* ---- writing */

GOR__NEVER_INLINED static ssize_t try_writev(int fd, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts,
                             .msg_iovlen = (size_t)count};
    bool lent = gor__lend_parts(parts, count);
    ssize_t put = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK) {
        put = writev(fd, parts, count);
    }
    put = put >= 0 ? put : -errno;
    gor__take_back_parts(parts, count, lent);
    return put;
}

static ssize_t write_stream(int fd, const struct iovec *parts, int count,
                            const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(fd);
        ssize_t put = try_writev(fd, parts, count);
        if (put >= 0) {
            return gor__call_done(put);
        }
        int error = gor__call_retry(fd, (int)put, GOR_FD_WRITE, edges, limit);
        if (error < 0) {
            return error;
        }
    }
}

static ssize_t writev_within(int fd, const struct iovec *parts, int count,
                             const struct gor__limit *limit)
{
    if (count < 0) {
        return -EINVAL;
    }
    int begun = gor__call_begin(fd);
    if (begun < 0) {
        return begun;
    }
    count = limit_count(count);
    ssize_t result = begun == 0 ? write_stream(fd, parts, count, limit)
                                : gor__file_write(fd, parts, count, GOR__FILE_POSITION);
    gor__call_end(fd);
    return result;
}

ssize_t gor_writev(int fd, const struct iovec *parts, int count, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return writev_within(fd, parts, count, &limit);
}

ssize_t gor_writev_ctx(int fd, const struct iovec *parts, int count, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return writev_within(fd, parts, count, &limit);
}

/* What is left to be written: parts[0] from `offset` on, and the rest. */
struct rest {
    const struct iovec *parts;
    int count;
    size_t offset;
};

static void skip_empty(struct rest *rest)
{
    while (rest->count > 0 && rest->offset == rest->parts->iov_len) {
        rest->parts++;
        rest->count--;
        rest->offset = 0;
    }
}

static void advance(struct rest *rest, size_t bytes)
{
    while (bytes > 0) {
        size_t left = rest->parts->iov_len - rest->offset;
        size_t step = bytes < left ? bytes : left;
        rest->offset += step;
        bytes -= step;
        skip_empty(rest);
    }
}

static ssize_t write_some(int fd, const struct rest *rest, const struct gor__limit *limit)
{
    struct iovec parts[PARTS_AT_ONCE];
    int count = rest->count < PARTS_AT_ONCE ? rest->count : PARTS_AT_ONCE;
    memcpy(parts, rest->parts, (size_t)count * sizeof *parts);
    parts[0].iov_base = (char *)parts[0].iov_base + rest->offset;
    parts[0].iov_len -= rest->offset;
    return writev_within(fd, parts, count, limit);
}

static int writev_all_within(int fd, const struct iovec *parts, int count, size_t *out_written,
                             const struct gor__limit *limit)
{
    struct rest rest = {parts, count, 0};
    size_t written = 0;
    ssize_t put = count < 0 ? -EINVAL : 0;
    skip_empty(&rest);
    while (rest.count > 0 && put >= 0) {
        put = write_some(fd, &rest, limit);
        if (put == 0) {
            /* A device that takes nothing: it would be asked for ever. */
            put = -EIO;
        } else if (put > 0) {
            written += (size_t)put;
            advance(&rest, (size_t)put);
        }
    }
    if (out_written != NULL) {
        *out_written = written;
    }
    return put < 0 ? (int)put : 0;
}

int gor_writev_all(int fd, const struct iovec *parts, int count, int64_t deadline,
                   size_t *out_written)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return writev_all_within(fd, parts, count, out_written, &limit);
}

int gor_writev_all_ctx(int fd, const struct iovec *parts, int count, struct gor_ctx *ctx,
                       size_t *out_written)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return writev_all_within(fd, parts, count, out_written, &limit);
}

/* ---- from a file to a socket or pipe */

GOR__NEVER_INLINED static ssize_t try_sendfile(int out_fd, int in_fd, off_t *offset, size_t count)
{
    bool lent = gor__lend(offset);
    ssize_t put = sendfile(out_fd, in_fd, offset, count);
    put = put >= 0 ? put : -errno;
    gor__take_back(offset, lent);
    return put;
}

static ssize_t send_from_file(int out_fd, int in_fd, off_t *offset, size_t count,
                              const struct gor__limit *limit)
{
    for (;;) {
        uint32_t edges = gor__netpoll_edges(out_fd);
        ssize_t put = try_sendfile(out_fd, in_fd, offset, count);
        if (put >= 0) {
            return gor__call_done(put);
        }
        int error = gor__call_retry(out_fd, (int)put, GOR_FD_WRITE, edges, limit);
        if (error < 0) {
            return error;
        }
    }
}

static ssize_t sendfile_within(int out_fd, int in_fd, off_t *offset, size_t count,
                               const struct gor__limit *limit)
{
    int begun = gor__call_begin(out_fd);
    if (begun < 0) {
        return begun;
    }
    /* A regular file as the output never says EAGAIN, so nothing is waited for. */
    ssize_t result = send_from_file(out_fd, in_fd, offset, count, limit);
    gor__call_end(out_fd);
    return result;
}

ssize_t gor_sendfile(int out_fd, int in_fd, off_t *offset, size_t count, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return sendfile_within(out_fd, in_fd, offset, count, &limit);
}

ssize_t gor_sendfile_ctx(int out_fd, int in_fd, off_t *offset, size_t count, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return sendfile_within(out_fd, in_fd, offset, count, &limit);
}
