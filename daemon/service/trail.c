/* SPDX-License-Identifier: MIT */
/* trail.c - see trail.h. */
#include "daemon/service/trail.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/event/event.h"
#include "daemon/service/outline.h"
#include "daemon/service/roles.h"

enum { LINE_MAX_BYTES = 8192, DETAIL_MAX = 1024, BUFFER = 64 * 1024, SECOND_NS = 1000000000 };
enum { FRACTION_END = GORD_TRAIL_TIME - 2 }; /* before the Z */

struct gord_trail {
    uv_loop_t *loop;
    char *folder; /* owned */
    int fd;
    uint64_t bytes;    /* in the file */
    uint64_t turn_at;  /* bytes: then the next one is begun */
    uint64_t missing;  /* lines that could not be written */
    uint64_t told;     /* of them, those that a line in the buffer speaks of */
    uint64_t synced_s; /* when the disk was last asked for */
    bool syncing;      /* and it has not answered */
    int64_t second;    /* of `time` */
    char time[GORD_TRAIL_TIME];
    void (*written)(void *arg); /* NULL: nobody wants to know */
    void *written_arg;
    size_t used;
    char buffer[BUFFER];
};

/* ------------------------------------------------------------------ files */

void gord_trail_name(const char *folder, unsigned number, char *out, size_t out_bytes)
{
    if (number == 0) {
        (void)snprintf(out, out_bytes, "%s/audit.log", folder);
    } else {
        (void)snprintf(out, out_bytes, "%s/audit.log.%u", folder, number);
    }
}

static int open_file(struct gord_trail *trail)
{
    char path[PATH_MAX];
    struct stat info;

    gord_trail_name(trail->folder, 0, path, sizeof(path));
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fstat(fd, &info) != 0) {
        int error = -errno;
        gord_log(GORD_LOG_ERROR, 0, "cannot open the audit trail %s: %s", path, strerror(-error));
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    trail->fd = fd;
    trail->bytes = (uint64_t)info.st_size;
    return 0;
}

/* A line that a death of the machine cut short must not swallow the next one. */
static void end_last_line(struct gord_trail *trail)
{
    char path[PATH_MAX];
    char last = '\n';

    gord_trail_name(trail->folder, 0, path, sizeof(path));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        if (trail->bytes > 0 && pread(fd, &last, 1, (off_t)trail->bytes - 1) == 1 && last != '\n') {
            trail->buffer[trail->used++] = '\n';
        }
        close(fd);
    }
}

/* Each file takes the name of the next older one. What cannot be renamed is written on. */
static void turn(struct gord_trail *trail)
{
    char from[PATH_MAX], to[PATH_MAX];

    for (unsigned i = GORD_TRAIL_FILES - 1; i > 0; i--) {
        gord_trail_name(trail->folder, i - 1, from, sizeof(from));
        gord_trail_name(trail->folder, i, to, sizeof(to));
        if (rename(from, to) != 0 && errno != ENOENT) {
            gord_log(GORD_LOG_ERROR, 0, "audit trail: cannot rename %s: %s", from, strerror(errno));
            return;
        }
    }
    int full = trail->fd;
    if (open_file(trail) == 0) {
        (void)fdatasync(full);
        close(full);
    }
}

/* ------------------------------------------------------------------ writing */

struct sync {
    uv_work_t work;
    struct gord_trail *trail;
    int fd; /* a duplicate */
};

static void sync_file(uv_work_t *work)
{
    (void)fdatasync(((struct sync *)work->data)->fd);
}

static void on_synced(uv_work_t *work, int status)
{
    struct sync *sync = work->data;

    (void)status;
    sync->trail->syncing = false;
    close(sync->fd);
    free(sync);
}

/* Once a second, on another thread. */
static void ask_for_disk(struct gord_trail *trail)
{
    uint64_t now_s = uv_now(trail->loop) / 1000;
    struct sync *sync;

    if (trail->syncing || now_s == trail->synced_s || (sync = malloc(sizeof(*sync))) == NULL) {
        return;
    }
    sync->work.data = sync;
    sync->trail = trail;
    sync->fd = fcntl(trail->fd, F_DUPFD_CLOEXEC, 0);
    if (sync->fd < 0 || uv_queue_work(trail->loop, &sync->work, sync_file, on_synced) != 0) {
        if (sync->fd >= 0) {
            close(sync->fd);
        }
        free(sync);
        return;
    }
    trail->syncing = true;
    trail->synced_s = now_s;
}

static uint64_t lines_in(const char *text, size_t bytes)
{
    uint64_t count = 0;

    for (size_t i = 0; i < bytes; i++) {
        count += text[i] == '\n';
    }
    return count;
}

static void give_up(struct gord_trail *trail, size_t written)
{
    if (trail->missing == 0) {
        gord_log(GORD_LOG_ERROR, 0,
                 "the audit trail in %s cannot be written: %s; calls are served all the same",
                 trail->folder, strerror(errno));
    }
    trail->missing += lines_in(trail->buffer + written, trail->used - written);
    trail->missing -= trail->told > 0; /* the line that tells of the others */
    trail->told = 0;
}

void gord_trail_flush(void *user)
{
    struct gord_trail *trail = user;
    size_t written = 0;

    while (written < trail->used) {
        ssize_t put = write(trail->fd, trail->buffer + written, trail->used - written);
        if (put < 0 && errno != EINTR) {
            give_up(trail, written);
            break;
        }
        written += put > 0 ? (size_t)put : 0;
    }
    trail->bytes += written;
    if (written > 0 && written == trail->used) {
        trail->missing -= trail->told;
        trail->told = 0;
        ask_for_disk(trail);
    }
    trail->used = 0;
    if (trail->bytes >= trail->turn_at) {
        turn(trail);
    }
    if (written > 0 && trail->written != NULL) {
        trail->written(trail->written_arg);
    }
}

void gord_trail_watch(struct gord_trail *trail, void (*written)(void *arg), void *arg)
{
    trail->written = written;
    trail->written_arg = arg;
}

static void append(struct gord_trail *trail, const char *line, size_t bytes)
{
    if (trail->used + bytes + 1 > sizeof(trail->buffer)) {
        gord_trail_flush(trail);
    }
    memcpy(trail->buffer + trail->used, line, bytes);
    trail->buffer[trail->used + bytes] = '\n';
    trail->used += bytes + 1;
}

/* ------------------------------------------------------------------ lines */

void gord_trail_time(int64_t at_ns, char out[GORD_TRAIL_TIME])
{
    time_t at = (time_t)(at_ns / SECOND_NS);
    struct tm parts = {.tm_year = 70, .tm_mday = 1};
    char text[24];

    (void)gmtime_r(&at, &parts);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    (void)snprintf(out, GORD_TRAIL_TIME, "%.19s.%06uZ", text,
                   (unsigned)(at_ns % SECOND_NS / 1000) % 1000000);
}

/* Calls come by the thousand: what is before the fraction is made once a second. */
static const char *time_now(struct gord_trail *trail)
{
    int64_t now = gord_event_clock();
    uint32_t fraction = (uint32_t)(now % SECOND_NS / 1000);

    if (now / SECOND_NS != trail->second) {
        trail->second = now / SECOND_NS;
        gord_trail_time(now, trail->time);
    }
    for (char *digit = trail->time + FRACTION_END; digit > trail->time + FRACTION_END - 6;
         fraction /= 10) {
        *--digit = (char)('0' + fraction % 10);
    }
    return trail->time;
}

/* What most calls have: hence no format to be read for each. */
static void put_local(struct gord_line *line, pid_t pid)
{
    char text[40] = "socket, process ";
    size_t used = strlen(text);
    struct gord_line digits;

    gord_line_init(&digits, text + used, sizeof(text) - used);
    gord_line_uint(&digits, (uint64_t)pid);
    gord_line_text(line, text, used + digits.used, sizeof(text));
}

/* By what the caller was known. */
static void put_known_by(struct gord_line *line, const struct rpc_peer *peer)
{
    gord_line_key(line, "by");
    if (peer->local) {
        put_local(line, peer->pid);
        return;
    }
    bool named = peer->credential != 0 || peer->certified;
    char text[sizeof(peer->name) + 32];
    (void)snprintf(text, sizeof(text), "%s%s",
                   peer->credential != 0 ? "token "
                   : peer->certified     ? "certificate "
                                         : "the daemon's token",
                   named ? peer->name : "");
    gord_line_text(line, text, strlen(text), sizeof(text));
}

static void put_text(struct gord_line *line, const char *key, const char *text)
{
    gord_line_key(line, key);
    gord_line_text(line, text, strlen(text), DETAIL_MAX);
}

/* `whole`: with what was asked for. */
static void describe(struct gord_trail *trail, struct gord_line *line, const struct rpc_peer *peer,
                     const struct rpc_answer *answer, bool whole)
{
    gord_line_open(line, '{');
    put_text(line, "time", time_now(trail));
    put_text(line, "method", strrchr(answer->path, '.') + 1);
    put_text(line, "status", wire_status_name(answer->status));
    if (peer->uid != (uid_t)-1) {
        gord_line_key(line, "uid");
        gord_line_uint(line, peer->uid);
    }
    put_text(line, "role", gord_role_name((enum gord_role)peer->rank));
    put_text(line, "from", peer->address);
    put_known_by(line, peer);
    if (answer->text[0] != '\0') {
        put_text(line, "detail", answer->text);
    }
    if (answer->messages > 0) {
        gord_line_key(line, "messages");
        gord_line_uint(line, answer->messages);
    }
    if (answer->reply != NULL) {
        gord_line_key(line, "reply");
        gord_outline_reply(line, answer->reply);
    }
    if (answer->request != NULL && whole) {
        gord_line_key(line, "request");
        gord_outline_request(line, answer->request);
    }
    gord_line_close(line, '}');
}

static void tell_missing(struct gord_trail *trail)
{
    char text[160];
    struct gord_line line;

    gord_line_init(&line, text, sizeof(text));
    gord_line_open(&line, '{');
    put_text(&line, "time", time_now(trail));
    gord_line_key(&line, "missing");
    gord_line_uint(&line, trail->missing);
    put_text(&line, "detail", "lines that could not be written");
    gord_line_close(&line, '}');
    trail->told = trail->missing;
    append(trail, text, line.used);
}

void gord_trail_answered(void *user, const struct rpc_peer *peer, const struct rpc_answer *answer)
{
    struct gord_trail *trail = user;
    char text[LINE_MAX_BYTES];
    struct gord_line line;

    gord_line_init(&line, text, sizeof(text));
    describe(trail, &line, peer, answer, true);
    if (line.full) {
        gord_line_init(&line, text, sizeof(text));
        describe(trail, &line, peer, answer, false);
    }
    if (trail->missing > trail->told) {
        tell_missing(trail);
    }
    append(trail, text, line.used);
}

/* ------------------------------------------------------------------ life cycle */

int gord_trail_open(uv_loop_t *loop, const char *folder, uint64_t keep_bytes,
                    struct gord_trail **out_trail)
{
    struct gord_trail *trail = calloc(1, sizeof(*trail));
    char *copy = strdup(folder);
    int result = -ENOMEM;

    if (trail == NULL || copy == NULL) {
        goto fail;
    }
    trail->loop = loop;
    trail->folder = copy;
    trail->turn_at = keep_bytes / GORD_TRAIL_FILES;
    result = open_file(trail);
    if (result != 0) {
        goto fail;
    }
    end_last_line(trail);
    *out_trail = trail;
    return 0;
fail:
    free(copy);
    free(trail);
    return result;
}

void gord_trail_close(struct gord_trail *trail)
{
    if (trail != NULL) {
        gord_trail_flush(trail);
        while (trail->syncing) {
            uv_run(trail->loop, UV_RUN_ONCE);
        }
        (void)fdatasync(trail->fd);
        close(trail->fd);
        free(trail->folder);
        free(trail);
    }
}
