/* SPDX-License-Identifier: MIT */
/* feed.c - see feed.h.
 *
 * libuv would make the descriptor non-blocking for everybody who shares it; as in sink.c an epoll
 * descriptor of our own, which holds it, is given to libuv instead. What epoll does not take, a
 * file, can be read at any time.
 */
#include "client/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <uv.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"

#define SEND_PATH "/gor.v1.Jobs/Send"

static ssize_t read_piece(int fd, void *out)
{
    ssize_t got;
    do {
        got = read(fd, out, GORCTL_FEED_PIECE);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* ------------------------------------------------------------- one by one */

static int send_piece(struct gorctl *ctl, uint64_t id, const void *bytes, size_t length, bool close)
{
    Gor__V1__SendRequest request = GOR__V1__SEND_REQUEST__INIT;
    request.id = id;
    request.data = (ProtobufCBinaryData){length, (uint8_t *)(uintptr_t)bytes};
    request.close = close;
    struct gorctl_call call = {
        .path = SEND_PATH, .request = &request.base, .reply = &gor__v1__send_reply__descriptor};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_OK) {
        wire_decoded_free(reply);
    }
    return code;
}

int gorctl_feed_bytes(struct gorctl *ctl, uint64_t id, const void *bytes, size_t length, bool close)
{
    const char *at = bytes;
    while (length > GORCTL_FEED_PIECE) {
        int code = send_piece(ctl, id, at, GORCTL_FEED_PIECE, false);
        if (code != GORCTL_EXIT_OK) {
            return code;
        }
        at += GORCTL_FEED_PIECE;
        length -= GORCTL_FEED_PIECE;
    }
    return send_piece(ctl, id, at, length, close);
}

int gorctl_feed_all(struct gorctl *ctl, uint64_t id, int fd, bool close)
{
    char *piece = gorctl_alloc(GORCTL_FEED_PIECE);
    int code = GORCTL_EXIT_OK;
    ssize_t got = 1;
    while (code == GORCTL_EXIT_OK && (got = read_piece(fd, piece)) > 0) {
        code = send_piece(ctl, id, piece, (size_t)got, false);
    }
    if (got < 0) {
        gorctl_say("cannot read standard input: %s", strerror((int)-got));
        code = GORCTL_EXIT_NOT_FOUND;
    }
    if (code == GORCTL_EXIT_OK && close) {
        code = send_piece(ctl, id, "", 0, true);
    }
    free(piece);
    return code;
}

/* -------------------------------------------------------- beside a stream */

struct gorctl_feed {
    struct gorctl *ctl; /* borrowed */
    uint64_t id;
    int fd;                     /* borrowed */
    int epoll;                  /* owned; -1: a file */
    uv_poll_t poll;             /* of `epoll` */
    struct gorctl_beside *call; /* under way; NULL: none */
    bool ended;                 /* the end has been sent, or nobody wants more */
    bool waits;                 /* the daemon is away; what is in `piece` is sent when it is back */
    ssize_t got;                /* bytes of it; 0: the end; negative: it cannot be read */
    struct gorctl_back back;
    char piece[GORCTL_FEED_PIECE];
};

static void feed_on(struct gorctl_feed *feed);

static void on_sent(enum wire_status status, const char *text, void *user)
{
    struct gorctl_feed *feed = user;
    feed->call = NULL;
    if (status == WIRE_OK) {
        feed_on(feed);
        return;
    }
    if (status == WIRE_UNAVAILABLE && !gorctl_is_lost(feed->ctl)) {
        feed->waits = true; /* the daemon goes, and has said that it wrote nothing of it */
        return;
    }
    feed->ended = true;
    if (status != WIRE_FAILED_PRECONDITION && status != WIRE_CANCELLED) {
        gorctl_say("the job gets no more input: %s", text);
    }
}

static void send_piece_on(struct gorctl_feed *feed)
{
    Gor__V1__SendRequest request = GOR__V1__SEND_REQUEST__INIT;
    ssize_t got = feed->got;
    request.id = feed->id;
    request.data =
        (ProtobufCBinaryData){got > 0 ? (size_t)got : 0, (uint8_t *)(uintptr_t)feed->piece};
    request.close = got <= 0;
    feed->ended = got <= 0;
    feed->call = gorctl_call_beside(feed->ctl, SEND_PATH, &request.base, on_sent, feed);
}

static void on_back(void *user)
{
    struct gorctl_feed *feed = user;
    if (feed->waits) {
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
    feed->id = id;
    feed->fd = fd;
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
    feed->ended = true;
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
