/* SPDX-License-Identifier: MIT */
/* file.c - see file.h; and opening and syncing files, which block in the kernel.
 *
 * Trying to open at once on the caller's thread was rejected: the open of a FIFO waits for its other
 * end for ever, and one that does not wait (O_NONBLOCK) is seen by the other end.
 */
#include "runtime/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/io/blocking.h"
#include "runtime/io/call.h"
#include "runtime/io/lend.h"

/* ---- reading and writing */

struct read_call {
    int fd;
    const struct iovec *parts;
    int count;
    off_t offset;
    ssize_t result;
};

/* preadv2 does not know the position of what cannot be sought; readv knows no flags. */
GOR__NEVER_INLINED static ssize_t try_read(const struct read_call *call)
{
    bool lent = gor__lend_parts(call->parts, call->count);
    ssize_t got = call->offset == GOR__FILE_POSITION
                      ? readv(call->fd, call->parts, call->count)
                      : preadv(call->fd, call->parts, call->count, call->offset);
    got = got >= 0 ? got : -errno;
    gor__take_back_parts(call->parts, call->count, lent);
    return got;
}

GOR__NEVER_INLINED static ssize_t try_read_cached(const struct read_call *call)
{
    bool lent = gor__lend_parts(call->parts, call->count);
    ssize_t got = preadv2(call->fd, call->parts, call->count, call->offset, RWF_NOWAIT);
    got = got >= 0 ? got : -errno;
    gor__take_back_parts(call->parts, call->count, lent);
    return got;
}

static int read_on_thread(void *arg)
{
    struct read_call *call = arg;
    do {
        call->result = try_read(call);
    } while (call->result == -EINTR);
    return 0;
}

/* Not in the cache, or a file that cannot tell. */
static bool must_go_to_disk(ssize_t result)
{
    return result == -EAGAIN || result == -EOPNOTSUPP || result == -EINTR || result == -EINVAL ||
           result == -ENOSYS || result == -ESPIPE;
}

ssize_t gor__file_read(int fd, const struct iovec *parts, int count, off_t offset)
{
    struct read_call call = {fd, parts, count, offset, 0};
    ssize_t got = try_read_cached(&call);
    if (!must_go_to_disk(got)) {
        return got;
    }
    int result = gor_blocking(read_on_thread, &call);
    return result < 0 ? result : call.result;
}

GOR__NEVER_INLINED ssize_t gor__file_write(int fd, const struct iovec *parts, int count,
                                           off_t offset)
{
    bool lent = gor__lend_parts(parts, count);
    ssize_t put = 0;
    do {
        put = offset == GOR__FILE_POSITION ? writev(fd, parts, count)
                                           : pwritev(fd, parts, count, offset);
    } while (put < 0 && errno == EINTR);
    put = put >= 0 ? put : -errno;
    gor__take_back_parts(parts, count, lent);
    return put;
}

ssize_t gor_pread(int fd, void *buf, size_t len, off_t offset)
{
    struct iovec part = {buf, len};
    if (offset < 0) {
        return -EINVAL;
    }
    int error = gor__call_begin(fd);
    if (error < 0) {
        return error;
    }
    ssize_t result = gor__file_read(fd, &part, 1, offset);
    gor__call_end(fd);
    return result;
}

ssize_t gor_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
    struct iovec part = {(void *)(uintptr_t)buf, len};
    if (offset < 0) {
        return -EINVAL;
    }
    int error = gor__call_begin(fd);
    if (error < 0) {
        return error;
    }
    ssize_t result = gor__file_write(fd, &part, 1, offset);
    gor__call_end(fd);
    return result;
}

/* ---- syncing */

static int sync_on_thread(void *arg)
{
    const int *fd = arg;
    return fsync(*fd) == 0 ? 0 : -errno;
}

int gor_fsync(int fd)
{
    int error = gor__call_begin(fd);
    if (error < 0) {
        return error;
    }
    int result = gor_blocking(sync_on_thread, &fd);
    gor__call_end(fd);
    return result;
}

/* ---- opening */

int gor_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -errno;
    }
    (void)gor__call_new_fd(fds[0]);
    (void)gor__call_new_fd(fds[1]);
    return 0;
}

/* Belongs to the thread once the deadline has passed. */
struct open_call {
    int flags;
    mode_t mode;
    int fd; /* owned until somebody takes it; -1: none */
    char path[];
};

static int open_on_thread(void *arg)
{
    struct open_call *call = arg;
    do {
        call->fd = open(call->path, call->flags | O_CLOEXEC, call->mode);
    } while (call->fd < 0 && errno == EINTR);
    return call->fd >= 0 ? 0 : -errno;
}

static void free_open_call(void *arg)
{
    struct open_call *call = arg;
    if (call->fd >= 0) {
        close(call->fd);
    }
    free(call);
}

static int open_within(const char *path, int flags, mode_t mode, const struct gor__limit *limit)
{
    size_t bytes = strlen(path) + 1;
    int result = 0;
    struct open_call *call = malloc(sizeof *call + bytes);
    if (call == NULL) {
        return -ENOMEM;
    }
    *call = (struct open_call){flags, mode, -1};
    memcpy(call->path, path, bytes);
    const struct gor__detached what = {open_on_thread, call, free_open_call, false};
    int error = gor__blocking_within(&what, limit, &result);
    if (error == -ETIMEDOUT || error == -ECANCELED) {
        return error;
    }
    if (error == 0) {
        error = result;
    }
    if (error == 0) {
        error = call->fd;
        call->fd = -1;
        gor__call_new_fd(error);
    }
    free_open_call(call);
    return error;
}

int gor_open(const char *path, int flags, mode_t mode, int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return open_within(path, flags, mode, &limit);
}

int gor_open_ctx(const char *path, int flags, mode_t mode, struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return open_within(path, flags, mode, &limit);
}
