/* SPDX-License-Identifier: MIT */
#include "daemon/runner/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/log.h"

#define JOBS_PER_FOLDER 1024

static int64_t wall_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * GOR_SECOND + now.tv_nsec;
}

int gord_logfile_path(const char *root, uint64_t id, char *out, size_t out_bytes)
{
    int n =
        snprintf(out, out_bytes, "%s/%" PRIu64 "/%" PRIu64 ".log", root, id / JOBS_PER_FOLDER, id);

    return n > 0 && (size_t)n < out_bytes ? 0 : -ENAMETOOLONG;
}

int gord_logfile_remove(const char *root, uint64_t id)
{
    char path[PATH_MAX];
    int result = gord_logfile_path(root, id, path, sizeof(path));

    if (result == 0 && unlink(path) != 0 && errno != ENOENT) {
        result = -errno;
    }
    return result;
}

void gord_logfile_init(struct gord_logfile *log, const char *root, uint64_t id, uint64_t cap_bytes)
{
    memset(log, 0, sizeof(*log));
    log->root = root;
    log->id = id;
    log->cap_bytes = cap_bytes;
    log->fd = -1;
}

void gord_logfile_fini(struct gord_logfile *log)
{
    if (log->fd >= 0) {
        close(log->fd);
        log->fd = -1;
    }
}

/* Open the file, making its folder if it is the first there. */
static int open_file(struct gord_logfile *log)
{
    char path[PATH_MAX];
    int result = gord_logfile_path(log->root, log->id, path, sizeof(path));

    if (result != 0) {
        return result;
    }
    int flags = O_WRONLY | O_CREAT | (log->goes_on ? 0 : O_TRUNC) | O_CLOEXEC;
    int fd = open(path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return -errno;
        }
        *slash = '/';
        fd = open(path, flags, 0600);
    }
    if (fd < 0) {
        return -errno;
    }
    off_t end = lseek(fd, 0, SEEK_END);
    if (end >= GORD_LOGFILE_MAGIC_BYTES) {
        log->fd = fd;
        atomic_store_explicit(&log->end, (uint64_t)end, memory_order_release);
        return 0;
    }
    if (write(fd, GORD_LOGFILE_MAGIC, GORD_LOGFILE_MAGIC_BYTES) != GORD_LOGFILE_MAGIC_BYTES) {
        result = errno != 0 ? -errno : -ENOSPC;
        close(fd);
        return result;
    }
    log->fd = fd;
    atomic_store_explicit(&log->end, GORD_LOGFILE_MAGIC_BYTES, memory_order_release);
    return 0;
}

/* One frame, whole or not at all; caller holds the lock. */
static int write_frame(struct gord_logfile *log, enum gord_stream stream, const void *data,
                       size_t length)
{
    struct gord_frame frame = {.stream = stream, .length = (uint32_t)length, .at_ns = wall_now()};
    uint8_t header[GORD_FRAME_HEADER_BYTES];
    int result = log->fd >= 0 ? 0 : open_file(log);

    if (result != 0) {
        return result;
    }
    uint64_t at = atomic_load_explicit(&log->end, memory_order_relaxed);
    gord_frame_encode(&frame, at, header);
    struct iovec parts[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)data, length}};
    ssize_t want = (ssize_t)(sizeof(header) + length);
    ssize_t put = pwritev(log->fd, parts, 2, (off_t)at);
    if (put == want) {
        atomic_store_explicit(&log->end, at + (uint64_t)want, memory_order_release);
        return 0;
    }
    /* Half a frame is nothing: take it back, so that readers of the bare file stop here too. */
    result = put < 0 ? -errno : -ENOSPC;
    if (ftruncate(log->fd, (off_t)at) != 0) {
        result = -errno;
    }
    return result;
}

static int write_remark(struct gord_logfile *log, const char *text)
{
    return write_frame(log, GORD_REMARK, text, strlen(text));
}

/* What could not be written while the disk was full is told once there is room again. */
static void tell_dropped(struct gord_logfile *log)
{
    char text[128];

    if (log->dropped_bytes == 0 || log->capped) {
        return;
    }
    snprintf(text, sizeof(text),
             "%" PRIu64 " bytes of output were lost here: could not be written\n",
             log->dropped_bytes);
    if (write_remark(log, text) == 0) {
        log->dropped_bytes = 0;
    }
}

/* Once for each job: a log that cannot be written cannot say so itself. Caller holds the lock. */
static void warn(struct gord_logfile *log, int error)
{
    if (!log->warned) {
        log->warned = true;
        gord_log(GORD_LOG_WARNING, log->id,
                 "its output cannot be kept in %s: %s; until that ends it is only counted",
                 log->root, strerror(-error));
    }
}

/* Caller holds the lock. */
static void append_piece(struct gord_logfile *log, enum gord_stream stream, const char *data,
                         size_t length)
{
    char text[128];
    uint64_t end = atomic_load_explicit(&log->end, memory_order_relaxed);

    if (log->capped) {
        return;
    }
    if (end + length > log->cap_bytes) {
        snprintf(text, sizeof(text),
                 "output truncated: the log is full (%" PRIu64
                 " bytes); the rest is only counted\n",
                 log->cap_bytes);
        log->capped = true;
        write_remark(log, text);
        return;
    }
    tell_dropped(log);
    int result = log->dropped_bytes > 0 ? -EAGAIN : write_frame(log, stream, data, length);
    if (result != 0) {
        log->dropped_bytes += length;
        warn(log, result);
    }
}

void gord_logfile_append(struct gord_logfile *log, enum gord_stream stream, const void *data,
                         size_t length)
{
    const char *p = data;
    _Atomic uint64_t *count = stream == GORD_STDERR ? &log->stderr_bytes : &log->stdout_bytes;

    if (length == 0) {
        return;
    }
    gor_mutex_lock(&log->lock);
    atomic_fetch_add_explicit(count, length, memory_order_relaxed);
    for (size_t at = 0; at < length; at += GORD_FRAME_MAX) {
        size_t piece = length - at < GORD_FRAME_MAX ? length - at : GORD_FRAME_MAX;
        append_piece(log, stream, p + at, piece);
    }
    gor_mutex_unlock(&log->lock);
    if (log->appended != NULL) {
        log->appended(log->appended_arg);
    }
}

void gord_logfile_remark(struct gord_logfile *log, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gor_mutex_lock(&log->lock);
    write_remark(log, text);
    gor_mutex_unlock(&log->lock);
    if (log->appended != NULL) {
        log->appended(log->appended_arg);
    }
}

uint64_t gord_logfile_end(const struct gord_logfile *log)
{
    return atomic_load_explicit(&log->end, memory_order_acquire);
}

void gord_logfile_counts(const struct gord_logfile *log, uint64_t *out_stdout, uint64_t *out_stderr)
{
    *out_stdout = atomic_load_explicit(&log->stdout_bytes, memory_order_relaxed);
    *out_stderr = atomic_load_explicit(&log->stderr_bytes, memory_order_relaxed);
}
