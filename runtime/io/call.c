/* SPDX-License-Identifier: MIT */
/* call.c - see call.h. */
#include "runtime/io/call.h"

#include <errno.h>

#include "runtime/sched/door.h"
#include "runtime/sched/sched.h"

int gor__call_begin(int fd)
{
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    gor__enter();
    int result = gor__netpoll_enter(fd);
    gor__leave();
    return result == -EPERM ? 1 : result;
}

void gor__call_end(int fd)
{
    gor__enter();
    gor__netpoll_leave(fd);
    gor__leave();
}

int gor__call_wait(int fd, int events, uint32_t edges, const struct gor__limit *limit,
                   enum gor_wait_reason reason)
{
    gor__enter();
    int result = gor__netpoll_wait(fd, events, edges, limit, reason);
    gor__leave();
    return result;
}

int gor__call_retry(int fd, int error, int events, uint32_t edges, const struct gor__limit *limit)
{
    if (error == -EINTR) {
        return 0;
    }
    if (error != -EAGAIN && error != -EWOULDBLOCK) {
        return error;
    }
    gor__g_self()->io_streak = 0;
    return gor__call_wait(fd, events, edges, limit, GOR_WAIT_IO);
}

struct gor__limit gor__limit_sooner(const struct gor__limit *limit, int64_t ns)
{
    int64_t deadline = gor_after(ns);
    return (struct gor__limit){
        .deadline = deadline < limit->deadline ? deadline : limit->deadline,
        .watchers = limit->watchers,
    };
}

/* A wait for no direction at all, which a close ends. */
int gor__call_pause(int fd, int64_t *pause, const struct gor__limit *limit)
{
    enum { PAUSE_MIN = 1000000, PAUSE_MAX = 50000000 };
    int over = gor__limit_over(limit);
    if (over < 0) {
        return over;
    }
    *pause = *pause == 0 ? PAUSE_MIN : *pause * 2 < PAUSE_MAX ? *pause * 2 : PAUSE_MAX;
    struct gor__limit sooner = gor__limit_sooner(limit, *pause);
    int result = gor__call_wait(fd, 0, gor__netpoll_edges(fd), &sooner, GOR_WAIT_IO);
    /* Whether it was the pause or the limit is seen the next time. */
    return result == -ETIMEDOUT ? 0 : result;
}

int gor__call_new_fd(int fd)
{
    if (fd >= 0) {
        struct gor__m *entered = gor__enter_any();
        gor__netpoll_forget(fd);
        gor__leave_any(entered);
    }
    return fd;
}

/* A peer that always has something ready would keep its goroutine going for ever. */
ssize_t gor__call_done(ssize_t result)
{
    enum { CALLS_IN_A_ROW = 8 };
    struct gor__g *g = gor__g_self();
    if (++g->io_streak >= CALLS_IN_A_ROW) {
        g->io_streak = 0;
        /* The scheduler shall look at the poller too: the others' turn may have come there. */
        const struct gor__m *m = gor__enter();
        __atomic_store_n(&m->p->attention, true, __ATOMIC_RELAXED);
        gor__leave();
        gor_yield();
    }
    return result;
}
