/* SPDX-License-Identifier: MIT */
/* reader.c - see reader.h. As in sink.c, an epoll descriptor of our own stands between libuv and
 * stdout, which must stay as it is for those who share it. */
#include "client/reader.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/gorctl.h"

struct gorctl_reader {
    uv_poll_t poll;
    int epoll; /* owned */
    void (*on_gone)(void *user);
    void *user;
};

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct gorctl_reader *reader = poll->data;
    struct epoll_event event;
    (void)events;
    if (status < 0) {
        (void)uv_poll_stop(poll);
    } else if (epoll_wait(reader->epoll, &event, 1, 0) == 1) {
        if (reader->on_gone == NULL) {
            gorctl_broken_pipe();
        }
        (void)uv_poll_stop(poll);
        reader->on_gone(reader->user);
    }
}

/* An epoll descriptor that becomes readable when the reader has gone; -1: there is none to lose. */
static int watch_stdout(void)
{
    /* Asked for nothing, it still reports EPOLLERR and EPOLLHUP. Files cannot be watched at all. */
    struct epoll_event event = {.events = 0};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, STDOUT_FILENO, &event) != 0) {
        (void)close(epoll);
        return -1;
    }
    return epoll;
}

struct gorctl_reader *gorctl_reader_start(uv_loop_t *loop, void (*on_gone)(void *user), void *user)
{
    int epoll = watch_stdout();
    if (epoll < 0) {
        return NULL;
    }
    struct gorctl_reader *reader = gorctl_alloc(sizeof(*reader));
    reader->epoll = epoll;
    reader->on_gone = on_gone;
    reader->user = user;
    if (uv_poll_init(loop, &reader->poll, epoll) != 0) {
        (void)close(epoll);
        free(reader);
        return NULL;
    }
    reader->poll.data = reader;
    (void)uv_poll_start(&reader->poll, UV_READABLE, on_event);
    uv_unref((uv_handle_t *)&reader->poll);
    return reader;
}

static void poll_closed(uv_handle_t *handle)
{
    struct gorctl_reader *reader = handle->data;
    (void)close(reader->epoll);
    free(reader);
}

void gorctl_reader_stop(struct gorctl_reader *reader)
{
    if (reader != NULL) {
        uv_close((uv_handle_t *)&reader->poll, poll_closed);
    }
}
