/* SPDX-License-Identifier: MIT */
/* sink.c - see sink.h.
 *
 * poll() says there is room for at least PIPE_BUF bytes, so a write of that size does not block.
 * libuv would make the descriptor non-blocking for everybody who shares it; an epoll descriptor of
 * our own, which holds it, is given to libuv instead.
 */
#include "client/sink.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/alloc.h"

struct gorctl_sink {
    uv_poll_t poll; /* of `epoll`; begun with the first write that does not fit */
    bool polling;
    int fd;     /* borrowed */
    int epoll;  /* owned; -1: none yet */
    bool file;  /* takes everything at once */
    char *kept; /* owned */
    size_t kept_length, kept_at;
    gorctl_on_drained *on_drained;
    void *user;
};

struct gorctl_sink *gorctl_sink_new(uv_loop_t *loop, int fd, gorctl_on_drained *on_drained,
                                    void *user)
{
    struct gorctl_sink *sink = gorctl_alloc(sizeof(*sink));
    struct stat st;
    sink->fd = fd;
    sink->epoll = -1;
    sink->file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    sink->on_drained = on_drained;
    sink->user = user;
    sink->poll.loop = loop;
    return sink;
}

static void poll_closed(uv_handle_t *handle)
{
    struct gorctl_sink *sink = handle->data;
    (void)close(sink->epoll);
    free(sink->kept);
    free(sink);
}

void gorctl_sink_free(struct gorctl_sink *sink)
{
    if (sink == NULL) {
        return;
    }
    if (sink->polling) {
        uv_close((uv_handle_t *)&sink->poll, poll_closed);
        return;
    }
    free(sink->kept);
    free(sink);
}

bool gorctl_sink_is_full(const struct gorctl_sink *sink)
{
    return sink->kept_length > sink->kept_at;
}

static bool has_room(const struct gorctl_sink *sink)
{
    struct pollfd entry = {.fd = sink->fd, .events = POLLOUT};
    return sink->file || (poll(&entry, 1, 0) == 1);
}

/* Write as much as goes without waiting. How much that was, or -errno. */
static ssize_t write_some(const struct gorctl_sink *sink, const char *bytes, size_t length)
{
    size_t done = 0;
    while (done < length && has_room(sink)) {
        size_t piece = length - done;
        if (!sink->file && piece > PIPE_BUF) {
            piece = PIPE_BUF;
        }
        ssize_t written = write(sink->fd, bytes + done, piece);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0 && errno == EAGAIN) {
            break; /* somebody else made it non-blocking */
        }
        if (written < 0) {
            return -errno;
        }
        done += (size_t)written;
    }
    return (ssize_t)done;
}

static void on_room(uv_poll_t *poll, int status, int events)
{
    struct gorctl_sink *sink = poll->data;
    (void)events;
    ssize_t written = status < 0 ? status
                                 : write_some(sink, sink->kept + sink->kept_at,
                                              sink->kept_length - sink->kept_at);
    if (written >= 0) {
        sink->kept_at += (size_t)written;
        if (gorctl_sink_is_full(sink)) {
            return;
        }
    }
    sink->kept_at = sink->kept_length = 0;
    (void)uv_poll_stop(&sink->poll);
    sink->on_drained(sink, written < 0 ? (int)written : 0, sink->user);
}

static int begin_polling(struct gorctl_sink *sink)
{
    if (!sink->polling) {
        struct epoll_event event = {.events = EPOLLOUT};
        sink->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (sink->epoll < 0 || epoll_ctl(sink->epoll, EPOLL_CTL_ADD, sink->fd, &event) != 0) {
            return -errno;
        }
        int rc = uv_poll_init(sink->poll.loop, &sink->poll, sink->epoll);
        if (rc != 0) {
            return rc;
        }
        sink->poll.data = sink;
        sink->polling = true;
    }
    return uv_poll_start(&sink->poll, UV_READABLE, on_room);
}

static void keep(struct gorctl_sink *sink, const char *bytes, size_t length)
{
    if (sink->kept_at == sink->kept_length) {
        sink->kept_at = sink->kept_length = 0;
    }
    sink->kept = gorctl_grow(sink->kept, sink->kept_length + length, 1);
    memcpy(sink->kept + sink->kept_length, bytes, length);
    sink->kept_length += length;
}

int gorctl_sink_write(struct gorctl_sink *sink, const void *bytes, size_t length)
{
    if (gorctl_sink_is_full(sink)) {
        keep(sink, bytes, length);
        return 0;
    }
    ssize_t written = write_some(sink, bytes, length);
    if (written < 0) {
        return (int)written;
    }
    if ((size_t)written == length) {
        return 1;
    }
    keep(sink, (const char *)bytes + written, length - (size_t)written);
    return begin_polling(sink);
}
