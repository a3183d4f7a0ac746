/* SPDX-License-Identifier: MIT */
/* feed.c - see feed.h.
 *
 * Each piece says who writes and how much that has sent before, so the job gets all of it once however
 * often it is sent: again when the daemon was away, or the answer did not come.
 *
 * libuv would make the descriptor non-blocking for everybody who shares it; as in sink.c an epoll
 * descriptor of our own, which holds it, is given to libuv instead. What epoll does not take, a
 * file, can be read at any time.
 */
#include "client/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <uv.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/request.h"
#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"

#define SEND_PATH "/gor.v1.Jobs/Send"

/* Who writes, and how much the job has of it. */
struct writer {
    uint64_t id; /* of the job */
    struct gorctl_request name;
    uint64_t offset;
    int64_t begin; /* where in our file that began; -1: it cannot be read again */
};

static void writer_init(struct writer *writer, uint64_t id, int fd)
{
    *writer = (struct writer){.id = id, .begin = fd >= 0 ? (int64_t)lseek(fd, 0, SEEK_CUR) : -1};
    gorctl_request_make(&writer->name);
}

/* The job was started anew, and what it had read is gone. False: what we have read is, too. */
static bool writer_begins_anew(struct writer *writer, int fd)
{
    if (writer->begin < 0 || lseek(fd, (off_t)writer->begin, SEEK_SET) < 0) {
        gorctl_say("job %" PRIu64 " was started anew, and the %" PRIu64
                   " bytes of input that it had are gone: `gorctl send %" PRIu64
                   " -` gives it others, `gorctl cancel %" PRIu64 "` ends it",
                   writer->id, writer->offset, writer->id, writer->id);
        return false;
    }
    writer->offset = 0;
    return true;
}

static void writer_request(struct writer *writer, const void *bytes, size_t length, bool close,
                           Gor__V1__SendRequest *out_request)
{
    gor__v1__send_request__init(out_request);
    out_request->id = writer->id;
    out_request->data = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
    out_request->close = close;
    if (writer->name.set) {
        out_request->writer = (ProtobufCBinaryData){sizeof(writer->name.bytes), writer->name.bytes};
        out_request->offset = writer->offset;
    }
}

static ssize_t read_piece(int fd, void *out)
{
    ssize_t got;
    do {
        got = read(fd, out, GORCTL_FEED_PIECE);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* ------------------------------------------------------------- one by one */

static int send_piece(struct gorctl *ctl, struct writer *writer, const void *bytes, size_t length,
                      bool close, enum wire_status *out_status)
{
    Gor__V1__SendRequest request;
    writer_request(writer, bytes, length, close, &request);
    struct gorctl_call call = {.path = SEND_PATH,
                               .request = &request.base,
                               .reply = &gor__v1__send_reply__descriptor,
                               .quiet_range = true,
                               .again = writer->name.set};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, out_status, &reply);
    if (code == GORCTL_EXIT_OK) {
        writer->offset += length;
        wire_decoded_free(reply);
    }
    return code;
}

/* From memory, which is not kept for that. */
static int send_text_piece(struct gorctl *ctl, struct writer *writer, const void *bytes,
                           size_t length, bool close)
{
    enum wire_status status = WIRE_OK;
    int code = send_piece(ctl, writer, bytes, length, close, &status);
    if (status == WIRE_OUT_OF_RANGE) {
        (void)writer_begins_anew(writer, -1);
    }
    return code;
}

int gorctl_feed_bytes(struct gorctl *ctl, uint64_t id, const void *bytes, size_t length, bool close)
{
    const char *at = bytes;
    struct writer writer;
    writer_init(&writer, id, -1);
    while (length > GORCTL_FEED_PIECE) {
        int code = send_text_piece(ctl, &writer, at, GORCTL_FEED_PIECE, false);
        if (code != GORCTL_EXIT_OK) {
            return code;
        }
        at += GORCTL_FEED_PIECE;
        length -= GORCTL_FEED_PIECE;
    }
    return send_text_piece(ctl, &writer, at, length, close);
}

int gorctl_feed_all(struct gorctl *ctl, uint64_t id, int fd, bool close)
{
    char *piece = gorctl_alloc(GORCTL_FEED_PIECE);
    struct writer writer;
    int code = GORCTL_EXIT_OK;
    ssize_t got = 1;
    writer_init(&writer, id, fd);
    while (code == GORCTL_EXIT_OK && got > 0) {
        enum wire_status status = WIRE_OK;
        got = read_piece(fd, piece);
        if (got < 0) {
            gorctl_say("cannot read standard input: %s", strerror((int)-got));
            code = GORCTL_EXIT_NOT_FOUND;
        } else if (got > 0 || close) {
            code = send_piece(ctl, &writer, piece, (size_t)got, got == 0, &status);
        }
        if (status == WIRE_OUT_OF_RANGE) {
            code = writer_begins_anew(&writer, fd) ? GORCTL_EXIT_OK : GORCTL_EXIT_REFUSED;
            got = 1;
        }
    }
    free(piece);
    return code;
}

/* -------------------------------------------------------- beside a stream */

struct gorctl_feed {
    struct gorctl *ctl; /* borrowed */
    struct writer writer;
    int fd;                     /* borrowed */
    int epoll;                  /* owned; -1: a file */
    uv_poll_t poll;             /* of `epoll` */
    struct gorctl_beside *call; /* under way; NULL: none */
    bool stopped;               /* gorctl_feed_stop() */
    bool ended;                 /* all has been sent, or nobody wants more */
    bool closed;                /* likewise, and the job's input is closed */
    bool waits;                 /* the daemon is away; what is in `piece` is sent when it is back */
    ssize_t got;                /* bytes of it; 0: the end; negative: it cannot be read */
    struct gorctl_back back;
    char piece[GORCTL_FEED_PIECE];
};

static void feed_on(struct gorctl_feed *feed);

/* All was taken. */
static void note_sent(struct gorctl_feed *feed)
{
    feed->writer.offset += feed->got > 0 ? (uint64_t)feed->got : 0;
    feed->closed = feed->ended = feed->got <= 0;
    feed_on(feed);
}

static void begin_anew(struct gorctl_feed *feed)
{
    feed->closed = false;
    feed->ended = !writer_begins_anew(&feed->writer, feed->fd);
    if (feed->ended) {
        gorctl_stream_stop(feed->ctl, GORCTL_EXIT_REFUSED);
    }
    feed_on(feed);
}

static void on_sent(enum wire_status status, const char *text, void *user)
{
    struct gorctl_feed *feed = user;
    bool away = status == WIRE_UNAVAILABLE && gorctl_is_away(feed->ctl);
    feed->call = NULL;
    if (feed->stopped) {
        return;
    }
    if (status == WIRE_OK) {
        note_sent(feed);
    } else if (feed->writer.name.set && (away || status == WIRE_CANCELLED)) {
        feed->waits = true; /* CANCELLED: its connection has made room for another */
    } else if (status == WIRE_OUT_OF_RANGE) {
        begin_anew(feed);
    } else {
        feed->ended = true;
        feed->closed = false; /* whatever it is now */
        if (status != WIRE_FAILED_PRECONDITION) {
            gorctl_say("the job gets no more input: %s", text);
        }
    }
}

static void send_piece_on(struct gorctl_feed *feed)
{
    Gor__V1__SendRequest request;
    size_t length = feed->got > 0 ? (size_t)feed->got : 0;
    writer_request(&feed->writer, feed->piece, length, feed->got <= 0, &request);
    feed->call = gorctl_call_beside(feed->ctl, SEND_PATH, &request.base, on_sent, feed);
}

/* Also what was answered, if it was the last: a job that was started anew has an input that is open. */
static void on_back(void *user)
{
    struct gorctl_feed *feed = user;
    if (feed->waits || feed->closed) {
        feed->waits = false;
        send_piece_on(feed);
    }
}

static void send_next(struct gorctl_feed *feed)
{
    ssize_t got = read_piece(feed->fd, feed->piece);
    if (got == -EAGAIN) {
        feed_on(feed); /* somebody else made it non-blocking, and was faster */
        return;
    }
    if (got < 0) {
        gorctl_say("cannot read standard input: %s", strerror((int)-got));
    }
    feed->got = got;
    feed->waits = gorctl_is_away(feed->ctl);
    if (!feed->waits) {
        send_piece_on(feed);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct gorctl_feed *feed = poll->data;
    (void)status;
    (void)events;
    (void)uv_poll_stop(poll);
    send_next(feed);
}

/* Once there is something. */
static void feed_on(struct gorctl_feed *feed)
{
    if (feed->ended) {
        return;
    }
    if (feed->epoll < 0) {
        send_next(feed);
    } else {
        (void)uv_poll_start(&feed->poll, UV_READABLE, on_readable);
    }
}

struct gorctl_feed *gorctl_feed_start(struct gorctl *ctl, uint64_t id, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct gorctl_feed *feed = gorctl_alloc(sizeof(*feed));
    feed->ctl = ctl;
    feed->fd = fd;
    writer_init(&feed->writer, id, fd);
    feed->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (feed->epoll >= 0 && (epoll_ctl(feed->epoll, EPOLL_CTL_ADD, fd, &event) != 0 ||
                             uv_poll_init(gorctl_loop(ctl), &feed->poll, feed->epoll) != 0)) {
        (void)close(feed->epoll);
        feed->epoll = -1;
    }
    feed->poll.data = feed;
    feed->back = (struct gorctl_back){.is_back = on_back, .user = feed};
    gorctl_back_add(ctl, &feed->back);
    feed_on(feed);
    return feed;
}

static void poll_closed(uv_handle_t *handle)
{
    struct gorctl_feed *feed = handle->data;
    (void)close(feed->epoll);
    free(feed);
}

void gorctl_feed_stop(struct gorctl_feed *feed)
{
    if (feed == NULL) {
        return;
    }
    feed->stopped = feed->ended = true;
    gorctl_back_remove(feed->ctl, &feed->back);
    if (feed->call != NULL) {
        gorctl_beside_cancel(feed->call);
    }
    if (feed->epoll >= 0) {
        uv_close((uv_handle_t *)&feed->poll, poll_closed);
    } else {
        free(feed);
    }
}
