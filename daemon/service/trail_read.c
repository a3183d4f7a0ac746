/* SPDX-License-Identifier: MIT */
/* Store.Audit: the lines of the audit trail, the oldest first, as the client reads, and as they are
 * written. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/service/state.h"
#include "daemon/service/trail.h"

#define PIECE ((size_t)32 * 1024)

/* One call. All files are opened at its beginning, and each as it is begun, so that none is missed or told
 * twice when they change their names meanwhile. */
struct gord_trail_reading {
    struct rpc_call *call;
    struct gord_service *service;
    struct list_link link; /* in the service's trail_readings */
    char from[GORD_TRAIL_TIME];
    bool follow;
    bool told_end;             /* of what there was at its beginning */
    int fds[GORD_TRAIL_FILES]; /* the oldest first */
    size_t count;
    size_t at;    /* of them */
    dev_t device; /* of the last of them, as the next */
    ino_t inode;
};

static void free_reading(struct gord_trail_reading *reading)
{
    list_remove(&reading->link);
    for (size_t i = 0; i < reading->count; i++) {
        close(reading->fds[i]);
    }
    free(reading);
}

/* ------------------------------------------------------------------ where to begin */

/* Where the first line that begins at `offset` or later does; `size` if none. */
static off_t next_line(int fd, off_t offset, off_t size)
{
    char piece[4096];

    while (offset > 0 && offset < size) {
        ssize_t got = pread(fd, piece, sizeof(piece), offset - 1);
        if (got <= 0) {
            return size;
        }
        const char *end = memchr(piece, '\n', (size_t)got);
        if (end != NULL) {
            return offset + (end - piece);
        }
        offset += got;
    }
    return offset;
}

static bool is_earlier(int fd, off_t line, const char *from)
{
    char begin[sizeof(GORD_TRAIL_BEGIN) - 1 + GORD_TRAIL_TIME - 1];

    return pread(fd, begin, sizeof(begin), line) == (ssize_t)sizeof(begin) &&
           memcmp(begin + sizeof(GORD_TRAIL_BEGIN) - 1, from, GORD_TRAIL_TIME - 1) < 0;
}

/* Lines are in the order of time, but for a clock that was set back. */
static void seek(int fd, const char *from)
{
    struct stat info;
    off_t low = 0;

    if (fstat(fd, &info) != 0) {
        return;
    }
    for (off_t high = info.st_size; low < high;) {
        off_t middle = low + (high - low) / 2;
        off_t line = next_line(fd, middle, info.st_size);
        if (line < info.st_size && is_earlier(fd, line, from)) {
            low = next_line(fd, line + 1, info.st_size);
        } else {
            high = middle;
        }
    }
    (void)lseek(fd, next_line(fd, low, info.st_size), SEEK_SET);
}

/* ------------------------------------------------------------------ sending */

/* That what there was has come; once. */
static int send_end(struct gord_trail_reading *reading)
{
    Gor__V1__InspectChunk chunk = GOR__V1__INSPECT_CHUNK__INIT;

    if (reading->told_end) {
        return 0;
    }
    reading->told_end = true;
    return rpc_call_send(reading->call, &chunk.base) < 0 ? -EPIPE : 1;
}

/* 1: there may be more; 0: that was the last, for now; -EPIPE: the call is over. */
static int send_piece(struct gord_trail_reading *reading)
{
    Gor__V1__InspectChunk chunk = GOR__V1__INSPECT_CHUNK__INIT;
    uint8_t piece[PIECE];

    if (reading->at == reading->count) {
        return reading->follow ? send_end(reading) : 0;
    }
    ssize_t got = read(reading->fds[reading->at], piece, sizeof(piece));
    if (got <= 0 && reading->follow && reading->at + 1 == reading->count) {
        return send_end(reading);
    }
    if (got <= 0) {
        reading->at++;
        return 1;
    }
    chunk.data.data = piece;
    chunk.data.len = (size_t)got;
    return rpc_call_send(reading->call, &chunk.base) < 0 ? -EPIPE : 1;
}

static void pump(struct rpc_call *call, void *user)
{
    struct gord_trail_reading *reading = user;
    int result = 1;

    while (result > 0 && rpc_call_writable(call)) {
        result = send_piece(reading);
    }
    if (result == 0 && !reading->follow) {
        rpc_call_finish(call, WIRE_OK, NULL);
        free_reading(reading);
    }
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    free_reading(user);
}

static void add_file(struct gord_trail_reading *reading, int fd)
{
    struct stat info;

    if (fstat(fd, &info) == 0) {
        reading->device = info.st_dev;
        reading->inode = info.st_ino;
    }
    reading->fds[reading->count++] = fd;
}

static int open_file(const struct gord_trail_reading *reading, unsigned number, char path[PATH_MAX])
{
    gord_trail_name(reading->service->state_dir, number, path, PATH_MAX);
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static void open_files(struct gord_trail_reading *reading)
{
    char path[PATH_MAX];

    for (unsigned i = GORD_TRAIL_FILES; i > 0; i--) {
        int fd = open_file(reading, i - 1, path);
        if (fd >= 0) {
            seek(fd, reading->from);
            add_file(reading, fd);
        }
    }
}

/* The files that have been read make room. */
static void close_read(struct gord_trail_reading *reading)
{
    for (size_t i = 0; i < reading->at; i++) {
        close(reading->fds[i]);
    }
    reading->count -= reading->at;
    memmove(reading->fds, reading->fds + reading->at, reading->count * sizeof(reading->fds[0]));
    reading->at = 0;
}

/* Lines have been written, perhaps the first of another file: no more than one is begun at a time. */
static void look_again(struct gord_trail_reading *reading)
{
    char path[PATH_MAX];
    struct stat info;

    gord_trail_name(reading->service->state_dir, 0, path, sizeof(path));
    if (lstat(path, &info) == 0 &&
        (info.st_ino != reading->inode || info.st_dev != reading->device)) {
        close_read(reading);
        int fd = reading->count < GORD_TRAIL_FILES ? open_file(reading, 0, path) : -1;
        if (fd < 0) {
            gord_fail(reading->call, WIRE_RESOURCE_EXHAUSTED,
                      "lines are written faster than they are read here; ask from the last on");
            free_reading(reading);
            return;
        }
        add_file(reading, fd);
    }
    pump(reading->call, reading);
}

void gord_trail_readings_flush(void *arg)
{
    struct gord_service *service = arg;
    struct list_link *next;

    for (struct list_link *link = service->trail_readings.next; link != &service->trail_readings;
         link = next) {
        struct gord_trail_reading *reading = CONTAINER_OF(link, struct gord_trail_reading, link);
        next = link->next;
        if (reading->follow) {
            look_again(reading);
        }
    }
}

GORD_METHOD(gord_store_audit)
{
    struct gord_service *service = user;
    const Gor__V1__AuditRequest *request = (const Gor__V1__AuditRequest *)message;

    if (service->trail == NULL) {
        gord_fail(
            call, WIRE_FAILED_PRECONDITION,
            "this daemon keeps no audit trail: it was started with --audit-keep none, or with "
            "its store in memory");
        return;
    }
    struct gord_trail_reading *reading = calloc(1, sizeof(*reading));
    if (reading == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    gord_trail_flush(service->trail);
    gord_trail_time(request->from_ns > 0 ? request->from_ns : 0, reading->from);
    reading->service = service;
    reading->follow = request->follow;
    open_files(reading);
    reading->call = call;
    list_append(&service->trail_readings, &reading->link);
    rpc_call_on(call, pump, on_end, reading);
    pump(call, reading);
}

void gord_trail_readings_end(struct gord_service *service)
{
    struct list_link *next;

    if (service->trail != NULL) {
        gord_trail_watch(service->trail, NULL, NULL);
    }
    for (struct list_link *link = service->trail_readings.next; link != &service->trail_readings;
         link = next) {
        struct gord_trail_reading *reading = CONTAINER_OF(link, struct gord_trail_reading, link);
        next = link->next;
        gord_fail(reading->call, WIRE_UNAVAILABLE, "the daemon stops; that was not all");
        free_reading(reading);
    }
}
