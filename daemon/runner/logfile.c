/* SPDX-License-Identifier: MIT */
/* logfile.c - see logfile.h. */
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
#include <unistd.h>

#include "daemon/base/assert.h"
#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/event/event.h"
#include "daemon/store/output.h"

/* A frame is cut at the end of a part if at least so much of it fits there. */
#define PIECE_LEAST 256
#define FOLDER_TRIES 5
#define SCAN_BYTES 4096

void gord_logfile_init(struct gord_logfile *log, const char *root, uint64_t id, uint64_t cap_bytes)
{
    GORD_ASSERT(cap_bytes >= GORD_LOGFILE_CAP_MIN);
    memset(log, 0, sizeof(*log));
    log->root = root;
    log->id = id;
    log->cap_bytes = cap_bytes;
    log->fd = -1;
}

void gord_logfile_go_on(struct gord_logfile *log)
{
    atomic_store_explicit(&log->end, GORD_LOGFILE_FORMER, memory_order_release);
}

void gord_logfile_fini(struct gord_logfile *log)
{
    if (log->fd >= 0) {
        close(log->fd);
        log->fd = -1;
    }
}

/* Open `part`, which must be new, making its folder if it is the first there. The descriptor or
 * -errno. */
static int open_part(const struct gord_logfile *log, enum gord_output_part part)
{
    char path[PATH_MAX];
    int result = gord_output_path(log->root, log->id, part, path, sizeof(path));

    if (result != 0) {
        return result;
    }
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = open(path, flags, 0600);
    /* More than once: a folder is removed when its last log is, which may be just now. */
    for (int tries = 0; fd < 0 && errno == ENOENT && tries < FOLDER_TRIES; tries++) {
        char *slash = strrchr(path, '/');
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return -errno;
        }
        *slash = '/';
        fd = open(path, flags, 0600);
    }
    return fd >= 0 ? fd : -errno;
}

static int remove_part(const struct gord_logfile *log, enum gord_output_part part)
{
    char path[PATH_MAX];
    int result = gord_output_path(log->root, log->id, part, path, sizeof(path));

    return result != 0 || unlink(path) == 0 || errno == ENOENT ? result : -errno;
}

/* Begin a part with its header, and have what follows written there. */
static int begin_part(struct gord_logfile *log, enum gord_output_part part, const void *header,
                      size_t bytes)
{
    int fd = open_part(log, part);

    if (fd == -EEXIST) {
        /* Of a store that came from a backup, or of an attempt to begin this part that failed. */
        int result = part == GORD_OUTPUT_HEAD ? gord_output_remove(log->root, log->id)
                                              : remove_part(log, part);
        fd = result == 0 ? open_part(log, part) : result;
    }
    if (fd < 0) {
        return fd;
    }
    errno = 0;
    if (write(fd, header, bytes) != (ssize_t)bytes) {
        int result = errno != 0 ? -errno : -ENOSPC;
        close(fd);
        (void)remove_part(log, part); /* a part without its header is none */
        return result;
    }
    if (log->fd >= 0) {
        close(log->fd);
    }
    log->fd = fd;
    return 0;
}

static int begin_head(struct gord_logfile *log)
{
    int result = begin_part(log, GORD_OUTPUT_HEAD, GORD_LOGFILE_MAGIC, GORD_LOGFILE_MAGIC_BYTES);

    if (result == 0) {
        atomic_store_explicit(&log->end, GORD_LOGFILE_MAGIC_BYTES, memory_order_release);
    }
    return result;
}

/* ------------------------------------------------------------------ going on */

/* What whole frames of a part come to. */
struct extent {
    off_t end;       /* of the last one, in the file */
    uint64_t output; /* bytes in them */
};

/* The frames from `at` on; `shift` as in the log. 0 or -errno. */
static int measure(int fd, off_t at, uint64_t shift, struct extent *out)
{
    uint8_t buffer[SCAN_BYTES];
    struct stat file;
    struct gord_frame frame;
    off_t from = at;
    ssize_t have = 0;

    *out = (struct extent){at, 0};
    if (fstat(fd, &file) != 0) {
        return -errno;
    }
    while (file.st_size - out->end >= GORD_FRAME_HEADER_BYTES) {
        if (out->end + GORD_FRAME_HEADER_BYTES > from + have) {
            from = out->end;
            have = pread(fd, buffer, sizeof(buffer), from);
        }
        if (have < GORD_FRAME_HEADER_BYTES) {
            return have < 0 ? -errno : 0;
        }
        off_t room = file.st_size - out->end - GORD_FRAME_HEADER_BYTES;
        if (!gord_frame_decode(buffer + (out->end - from), (uint64_t)out->end + shift, &frame) ||
            (off_t)frame.length > room) {
            return 0;
        }
        out->end += GORD_FRAME_HEADER_BYTES + (off_t)frame.length;
        out->output += frame.stream != GORD_REMARK ? frame.length : 0;
    }
    return 0;
}

/* Read the header of a part; that of the head says nothing more. 1, 0: there is none, or -errno. */
static int read_header(int fd, enum gord_output_part part, struct gord_tail *out_tail)
{
    uint8_t header[GORD_TAIL_HEADER_BYTES];
    ssize_t got = pread(fd, header, sizeof(header), 0);

    *out_tail = (struct gord_tail){0};
    if (got < 0) {
        return -errno;
    }
    if (part == GORD_OUTPUT_HEAD) {
        return got >= GORD_LOGFILE_MAGIC_BYTES &&
               memcmp(header, GORD_LOGFILE_MAGIC, GORD_LOGFILE_MAGIC_BYTES) == 0;
    }
    return got == (ssize_t)sizeof(header) && gord_tail_decode(header, out_tail);
}

/* Have what follows written behind the last whole frame of a part that is open. */
static int append_to(struct gord_logfile *log, int fd, enum gord_output_part part,
                     const struct gord_tail *tail)
{
    bool in_tail = part != GORD_OUTPUT_HEAD;
    off_t first = in_tail ? GORD_TAIL_HEADER_BYTES : GORD_LOGFILE_MAGIC_BYTES;
    uint64_t shift = in_tail ? tail->first - GORD_TAIL_HEADER_BYTES : 0;
    struct extent extent;
    int result = measure(fd, first, shift, &extent);

    GORD_CRASHPOINT(OUTPUT_RESUME);
    if (result == 0 && ftruncate(fd, extent.end) != 0) {
        result = -errno;
    }
    if (result == 0) {
        log->fd = fd;
        log->in_tail = in_tail;
        log->shift = shift;
        log->head_end = tail->head_end;
        log->tail_bytes = in_tail ? tail->before + extent.output : 0;
        atomic_store_explicit(&log->end, (uint64_t)extent.end + shift, memory_order_release);
    }
    return result;
}

/* Go on in `part`. -ENOENT: there is none. */
static int go_on_in(struct gord_logfile *log, enum gord_output_part part)
{
    char path[PATH_MAX];
    struct gord_tail tail;
    int result = gord_output_path(log->root, log->id, part, path, sizeof(path));
    int fd = result == 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0) {
        return result != 0 ? result : -errno;
    }
    result = read_header(fd, part, &tail);
    if (result > 0) {
        result = append_to(log, fd, part, &tail);
    } else if (result == 0) {
        result = remove_part(log, part); /* a part without its header is none */
        result = result != 0 ? result : -ENOENT;
    }
    if (result != 0) {
        close(fd);
    }
    return result;
}

/* From the newest part back: the newer one of the tail is missing if a daemon died between two. */
static int go_on(struct gord_logfile *log)
{
    static const enum gord_output_part parts[] = {GORD_OUTPUT_TAIL, GORD_OUTPUT_TAIL_OLD,
                                                  GORD_OUTPUT_HEAD};

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int result = go_on_in(log, parts[i]);
        if (result != -ENOENT) {
            return result;
        }
    }
    return begin_head(log);
}

static int begin(struct gord_logfile *log)
{
    bool former = atomic_load_explicit(&log->end, memory_order_relaxed) == GORD_LOGFILE_FORMER;

    return former ? go_on(log) : begin_head(log);
}

/* ------------------------------------------------------------------ appending */

/* The newer part of the tail becomes the older one, whose place it takes. */
static int age_tail(const struct gord_logfile *log)
{
    char newer[PATH_MAX];
    char older[PATH_MAX];
    int result = gord_output_path(log->root, log->id, GORD_OUTPUT_TAIL, newer, sizeof(newer));

    if (result == 0) {
        result = gord_output_path(log->root, log->id, GORD_OUTPUT_TAIL_OLD, older, sizeof(older));
    }
    if (result == 0 && rename(newer, older) != 0 && errno != ENOENT) {
        result = -errno; /* none there: an earlier try came so far */
    }
    return result;
}

/* The part is full: go on in a new one. */
static int rotate(struct gord_logfile *log)
{
    uint64_t end = atomic_load_explicit(&log->end, memory_order_relaxed);
    struct gord_tail tail = {.first = end,
                             .head_end = log->in_tail ? log->head_end : end,
                             .before = log->in_tail ? log->tail_bytes : 0,
                             .at_ns = gord_event_clock()};
    uint8_t header[GORD_TAIL_HEADER_BYTES];
    int result = log->in_tail ? age_tail(log) : 0;

    gord_tail_encode(&tail, header);
    GORD_CRASHPOINT(OUTPUT_ROTATE);
    if (result == 0) {
        result = begin_part(log, GORD_OUTPUT_TAIL, header, sizeof(header));
    }
    if (result == 0) {
        log->in_tail = true;
        log->head_end = tail.head_end;
        log->shift = end - sizeof(header);
    }
    return result;
}

/* What the part may still take of frames. */
static uint64_t room_in_part(const struct gord_logfile *log)
{
    uint64_t at = atomic_load_explicit(&log->end, memory_order_relaxed) - log->shift;
    uint64_t most = log->in_tail ? log->cap_bytes / 4 : log->cap_bytes / 2;

    return at < most ? most - at : 0;
}

/* Have a file with room for a frame of `want` bytes, or of as many as make one worthwhile. How many
 * in *out_room. */
static int make_room(struct gord_logfile *log, size_t want, size_t *out_room)
{
    size_t least = GORD_FRAME_HEADER_BYTES + (want < PIECE_LEAST ? want : PIECE_LEAST);
    int result = log->fd >= 0 ? 0 : begin(log);

    if (result == 0 && room_in_part(log) < least) {
        result = rotate(log);
    }
    if (result == 0) {
        *out_room = (size_t)(room_in_part(log) - GORD_FRAME_HEADER_BYTES);
    }
    return result;
}

/* One frame, whole or not at all, where there is room for it; caller holds the lock. */
static int write_frame(struct gord_logfile *log, enum gord_stream stream, const void *data,
                       size_t length)
{
    struct gord_frame frame = {
        .stream = stream, .length = (uint32_t)length, .at_ns = gord_event_clock()};
    uint8_t header[GORD_FRAME_HEADER_BYTES];
    uint64_t at = atomic_load_explicit(&log->end, memory_order_relaxed);

    gord_frame_encode(&frame, at, header);
    struct iovec parts[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)data, length}};
    ssize_t want = (ssize_t)(sizeof(header) + length);
    GORD_CRASHPOINT(OUTPUT_WRITE);
    ssize_t put = pwritev(log->fd, parts, 2, (off_t)(at - log->shift));
    GORD_CRASHPOINT(OUTPUT_WRITTEN);
    if (put == want) {
        atomic_store_explicit(&log->end, at + (uint64_t)want, memory_order_release);
        return 0;
    }
    /* Half a frame is nothing: take it back, so that readers of the bare file stop here too. */
    int result = put < 0 ? -errno : -ENOSPC;
    if (ftruncate(log->fd, (off_t)(at - log->shift)) != 0) {
        result = -errno;
    }
    return result;
}

static int write_remark(struct gord_logfile *log, const char *text)
{
    size_t length = strlen(text);
    size_t room = 0;
    int result = make_room(log, length, &room);

    return result == 0 ? write_frame(log, GORD_REMARK, text, length < room ? length : room)
                       : result;
}

/* What could not be written while the disk was full is told once there is room again. */
static void tell_dropped(struct gord_logfile *log)
{
    char text[128];

    if (log->dropped_bytes == 0) {
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
        gord_log_of(GORD_LOG_WARNING, log->id, log->queue,
                    "its output cannot be kept in %s: %s; until that ends it is only counted",
                    log->root, strerror(-error));
    }
}

/* As much of the data as makes a frame; how much, kept or lost. Caller holds the lock. */
static size_t append_piece(struct gord_logfile *log, enum gord_stream stream, const char *data,
                           size_t length)
{
    size_t piece = length < GORD_FRAME_MAX ? length : GORD_FRAME_MAX;
    size_t room = 0;

    tell_dropped(log);
    int result = log->dropped_bytes > 0 ? -EAGAIN : make_room(log, piece, &room);
    if (result == 0) {
        piece = piece < room ? piece : room;
        result = write_frame(log, stream, data, piece);
    }
    if (result != 0) {
        log->dropped_bytes += piece;
        warn(log, result);
    }
    log->tail_bytes += log->in_tail ? piece : 0;
    return piece;
}

bool gord_logfile_append(struct gord_logfile *log, enum gord_stream stream, const void *data,
                         size_t length)
{
    const char *p = data;
    _Atomic uint64_t *count = stream == GORD_STDERR ? &log->stderr_bytes : &log->stdout_bytes;

    gor_mutex_lock(&log->lock);
    bool takes = !log->shut;
    if (takes) {
        atomic_fetch_add_explicit(count, length, memory_order_relaxed);
    }
    for (size_t at = 0; takes && at < length;) {
        at += append_piece(log, stream, p + at, length - at);
    }
    gor_mutex_unlock(&log->lock);
    if (takes && length > 0 && log->appended != NULL) {
        log->appended(log->appended_arg);
    }
    return takes;
}

void gord_logfile_remark(struct gord_logfile *log, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gor_mutex_lock(&log->lock);
    bool takes = !log->shut;
    if (takes) {
        write_remark(log, text);
    }
    gor_mutex_unlock(&log->lock);
    if (takes && log->appended != NULL) {
        log->appended(log->appended_arg);
    }
}

void gord_logfile_shut(struct gord_logfile *log)
{
    gor_mutex_lock(&log->lock);
    log->shut = true;
    gor_mutex_unlock(&log->lock);
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
