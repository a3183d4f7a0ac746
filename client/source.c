/* SPDX-License-Identifier: MIT */
/* source.c - see source.h. What epoll takes is waited for through an epoll descriptor of our own, as
 * in sink.c; what it does not take, such as a file, can always be read. */
#include "client/source.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client/alloc.h"

enum { PIECE = 64 * 1024 };

struct gorctl_source {
    union {
        uv_handle_t handle;
        uv_poll_t poll; /* of `epoll` */
        uv_idle_t idle; /* where there is none */
    } wait;
    int fd;    /* borrowed */
    int epoll; /* owned; -1: none */
    bool over; /* the end or an error has been told */
    bool waits;
    gorctl_on_bytes *on_bytes;
    void *user;
    char bytes[PIECE];
};

static void read_some(struct gorctl_source *source)
{
    ssize_t length = read(source->fd, source->bytes, sizeof(source->bytes));
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (length <= 0) {
        length = length < 0 ? -errno : 0;
        source->over = true;
        gorctl_source_want(source, false);
    }
    source->on_bytes(source->bytes, length, source->user);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status; /* read() says it better */
    (void)events;
    read_some(poll->data);
}

static void on_idle(uv_idle_t *idle)
{
    read_some(idle->data);
}

struct gorctl_source *gorctl_source_new(uv_loop_t *loop, int fd, gorctl_on_bytes *on_bytes,
                                        void *user)
{
    struct gorctl_source *source = gorctl_alloc(sizeof(*source));
    struct epoll_event event = {.events = EPOLLIN};
    source->fd = fd;
    source->on_bytes = on_bytes;
    source->user = user;
    source->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (source->epoll >= 0 && (epoll_ctl(source->epoll, EPOLL_CTL_ADD, fd, &event) != 0 ||
                               uv_poll_init(loop, &source->wait.poll, source->epoll) != 0)) {
        (void)close(source->epoll);
        source->epoll = -1;
    }
    if (source->epoll < 0) {
        (void)uv_idle_init(loop, &source->wait.idle);
    }
    source->wait.handle.data = source;
    return source;
}

static void on_closed(uv_handle_t *handle)
{
    struct gorctl_source *source = handle->data;
    if (source->epoll >= 0) {
        (void)close(source->epoll);
    }
    free(source);
}

void gorctl_source_free(struct gorctl_source *source)
{
    if (source != NULL) {
        uv_close(&source->wait.handle, on_closed);
    }
}

void gorctl_source_want(struct gorctl_source *source, bool wanted)
{
    wanted = wanted && !source->over;
    if (wanted == source->waits) {
        return;
    }
    source->waits = wanted;
    if (source->epoll >= 0) {
        (void)(wanted ? uv_poll_start(&source->wait.poll, UV_READABLE, on_readable)
                      : uv_poll_stop(&source->wait.poll));
    } else {
        (void)(wanted ? uv_idle_start(&source->wait.idle, on_idle)
                      : uv_idle_stop(&source->wait.idle));
    }
}
