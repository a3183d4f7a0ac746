/* SPDX-License-Identifier: MIT */
/* netpoll.c - see netpoll.h. Descriptors are found by number in a table of chunks that never move,
 * so that an event may still be delivered while its descriptor is being closed: the serial number
 * in it then no longer matches. */
#include "runtime/sched/netpoll.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/base/thread.h"
#include "runtime/cpu/memory.h"
#include "runtime/sched/limit.h"
#include "runtime/sched/sched.h"
#include "runtime/sched/waitq.h"

enum {
    CHUNK_FDS = 1024,
    CHUNKS = 4096, /* 4 million descriptors, above any fs.nr_open in use */
};

static const uint64_t break_tag = (uint64_t)UINT32_MAX << 32; /* in the place of a descriptor */

/* What a read tells that has got less than it asked for: on a TCP connection, that there is nothing
 * more. Elsewhere it may have stopped at the end of a message, a line, a descriptor passed. */
enum short_read { SHORT_READ_UNKNOWN, SHORT_READ_TELLS_NOTHING, SHORT_READ_IS_ALL };

/* One descriptor. A waiter waits for one or both directions, but is on one queue only. */
struct poll_fd {
    struct gor__spin lock;
    bool registered;
    uint32_t users;             /* calls under way */
    struct gor__waiter *closer; /* waits until they are over; nobody may enter then */
    bool closing;   /* the kernel is; those who come are queued for reading until then */
    uint32_t edges; /* events delivered so far; written under the lock, read without */
    uint32_t serial;
    uint32_t
        drained; /* `edges` before the last read that left nothing, plus one; 0: none; atomic */
    uint8_t short_read; /* atomic */
    bool has_ended;     /* atomic: there has been word of an end, an error, or urgent data */
    struct gor__waitq waiters[2]; /* for reading, for writing or both */
};

static struct {
    int epoll;
    int break_fd;
    uint32_t break_pending;
    int64_t waiters;
    struct poll_fd *chunks[CHUNKS];
    struct gor__mutex grow;
} poller = {.epoll = -1, .break_fd = -1};

static struct poll_fd *find(int fd)
{
    if (fd < 0 || fd >= CHUNKS * CHUNK_FDS) {
        return NULL;
    }
    struct poll_fd *chunk = __atomic_load_n(&poller.chunks[fd / CHUNK_FDS], __ATOMIC_ACQUIRE);
    return chunk != NULL ? &chunk[fd % CHUNK_FDS] : NULL;
}

static struct poll_fd *find_or_make(int fd)
{
    if (fd < 0 || fd >= CHUNKS * CHUNK_FDS) {
        return NULL;
    }
    struct poll_fd **slot = &poller.chunks[fd / CHUNK_FDS];
    if (__atomic_load_n(slot, __ATOMIC_ACQUIRE) == NULL) {
        gor__mutex_lock(&poller.grow);
        if (*slot == NULL) {
            __atomic_store_n(slot, gor__memory_reserve(CHUNK_FDS * sizeof(struct poll_fd), 1),
                             __ATOMIC_RELEASE);
        }
        gor__mutex_unlock(&poller.grow);
    }
    return find(fd);
}

int gor__netpoll_init(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = break_tag};
    poller.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (poller.epoll < 0) {
        return -errno;
    }
    poller.break_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller.break_fd < 0 ||
        epoll_ctl(poller.epoll, EPOLL_CTL_ADD, poller.break_fd, &event) != 0) {
        int error = -errno;
        gor__netpoll_fini();
        return error;
    }
    return 0;
}

void gor__netpoll_fini(void)
{
    if (poller.break_fd >= 0) {
        close(poller.break_fd);
    }
    if (poller.epoll >= 0) {
        close(poller.epoll);
    }
    for (size_t i = 0; i < CHUNKS; i++) {
        if (poller.chunks[i] != NULL) {
            gor__memory_release(poller.chunks[i], CHUNK_FDS * sizeof(struct poll_fd));
            poller.chunks[i] = NULL;
        }
    }
    poller.epoll = -1;
    poller.break_fd = -1;
    poller.break_pending = 0;
    poller.waiters = 0;
}

bool gor__netpoll_unshare_descriptors(void)
{
    return gor__thread_unshare_descriptors(poller.epoll, poller.break_fd);
}

static int make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) {
        return -errno;
    }
    if ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
        return -errno;
    }
    return 0;
}

static int add_to_epoll(int fd, struct poll_fd *pfd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET};
    event.data.u64 = (uint64_t)(uint32_t)fd << 32 | pfd->serial;
    if (epoll_ctl(poller.epoll, EPOLL_CTL_ADD, fd, &event) == 0) {
        return 0;
    }
    if (errno != EEXIST) {
        return -errno;
    }
    /* Closed behind our back and opened again under the same number, while a duplicate kept the old
     * registration alive: make it ours. */
    return epoll_ctl(poller.epoll, EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : -errno;
}

/* Under the lock. */
static int register_fd(int fd, struct poll_fd *pfd, bool nonblock)
{
    if (pfd->registered) {
        return 0;
    }
    int result = add_to_epoll(fd, pfd);
    if (result == 0 && nonblock) {
        result = make_nonblocking(fd);
    }
    pfd->registered = result == 0;
    __atomic_store_n(&pfd->drained, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&pfd->short_read, SHORT_READ_UNKNOWN, __ATOMIC_RELAXED);
    __atomic_store_n(&pfd->has_ended, false, __ATOMIC_RELAXED);
    return result;
}

/* Take the lock, once no close is under way in the kernel: until that is over one cannot know whether
 * the number still means the former file or, already, another one. Shown as a wait for I/O, which the
 * close is; it is over as soon as the kernel's is. */
static void lock_settled(struct poll_fd *pfd)
{
    gor__spin_lock(&pfd->lock);
    while (pfd->closing) {
        struct gor__waiter *w = &gor__g_self()->waiter;
        w->g = gor__g_self();
        w->token = 0;
        gor__waitq_push(&pfd->waiters[0], w);
        gor__park_spin(&pfd->lock, GOR_WAIT_IO);
        gor__spin_lock(&pfd->lock);
    }
}

static int no_entry(int fd)
{
    return fd < 0 || fd >= CHUNKS * CHUNK_FDS ? -EBADF : -ENOMEM;
}

int gor__netpoll_open(int fd, bool nonblock)
{
    struct poll_fd *pfd = find_or_make(fd);
    if (pfd == NULL) {
        return no_entry(fd);
    }
    lock_settled(pfd);
    int result = register_fd(fd, pfd, nonblock);
    gor__spin_unlock(&pfd->lock);
    return result;
}

int gor__netpoll_enter(int fd)
{
    struct poll_fd *pfd = find_or_make(fd);
    if (pfd == NULL) {
        return no_entry(fd);
    }
    lock_settled(pfd);
    int result = pfd->closer == NULL ? register_fd(fd, pfd, true) : -EBADF;
    if (result == 0 || result == -EPERM) {
        pfd->users++;
    }
    gor__spin_unlock(&pfd->lock);
    return result;
}

void gor__netpoll_leave(int fd)
{
    struct poll_fd *pfd = find(fd);
    struct gor__waiter *closer = NULL;
    gor__spin_lock(&pfd->lock);
    if (--pfd->users == 0) {
        closer = pfd->closer;
    }
    gor__spin_unlock(&pfd->lock);
    if (closer != NULL) {
        gor__waiter_wake(closer);
    }
}

static struct gor__waitq *queue_for(struct poll_fd *pfd, int events)
{
    return &pfd->waiters[(events & GOR_FD_WRITE) != 0];
}

uint32_t gor__netpoll_edges(int fd)
{
    const struct poll_fd *pfd = find(fd);
    return pfd != NULL ? __atomic_load_n(&pfd->edges, __ATOMIC_ACQUIRE) : 0;
}

static bool option_is(int fd, int level, int name, int value)
{
    int is = 0;
    socklen_t length = sizeof is;
    return getsockopt(fd, level, name, &is, &length) == 0 && is == value;
}

/* With a protocol on top of TCP (kTLS) reads stop at its records. */
static enum short_read find_out(int fd)
{
    char upper[16] = "";
    socklen_t length = sizeof upper;
    if (!option_is(fd, SOL_SOCKET, SO_PROTOCOL, IPPROTO_TCP) ||
        (getsockopt(fd, IPPROTO_TCP, TCP_ULP, upper, &length) == 0 && length > 0 &&
         upper[0] != '\0')) {
        return SHORT_READ_TELLS_NOTHING;
    }
    return SHORT_READ_IS_ALL;
}

void gor__netpoll_note_short_read(int fd, uint32_t edges)
{
    struct poll_fd *pfd = find(fd);
    uint8_t tells = __atomic_load_n(&pfd->short_read, __ATOMIC_RELAXED);
    if (tells == SHORT_READ_UNKNOWN) {
        tells = (uint8_t)find_out(fd);
        __atomic_store_n(&pfd->short_read, tells, __ATOMIC_RELAXED);
    }
    if (tells == SHORT_READ_IS_ALL) {
        __atomic_store_n(&pfd->drained, edges + 1, __ATOMIC_RELAXED);
    }
}

bool gor__netpoll_is_drained(int fd, uint32_t edges)
{
    const struct poll_fd *pfd = find(fd);
    /* The count of edges was read with acquire: an end that came with one of them is seen. */
    return __atomic_load_n(&pfd->drained, __ATOMIC_RELAXED) == edges + 1 && edges + 1 != 0 &&
           !__atomic_load_n(&pfd->has_ended, __ATOMIC_RELAXED);
}

int gor__netpoll_wait(int fd, int events, uint32_t edges, const struct gor__limit *limit,
                      enum gor_wait_reason reason)
{
    struct poll_fd *pfd = find(fd);
    if (pfd == NULL) {
        return -EBADF;
    }
    gor__spin_lock(&pfd->lock);
    int result = !pfd->registered ? -ECANCELED : 0;
    if (result < 0 || pfd->edges != edges || (result = gor__limit_over(limit)) < 0) {
        gor__spin_unlock(&pfd->lock);
        return result;
    }
    struct gor__g *g = gor__g_self();
    struct gor__waiter *w = &g->waiter;
    w->g = g;
    w->index = (uint32_t)events;
    w->token = gor__limit_arm(g, limit);
    gor__waitq_push(queue_for(pfd, events), w);
    __atomic_add_fetch(&poller.waiters, 1, __ATOMIC_SEQ_CST);
    gor__park_spin(&pfd->lock, reason);
    __atomic_sub_fetch(&poller.waiters, 1, __ATOMIC_RELAXED);
    result = gor__limit_disarm(g, limit);
    if (g->woken_by != NULL) {
        return w->result;
    }
    gor__spin_lock(&pfd->lock);
    gor__waitq_remove(queue_for(pfd, events), w);
    gor__spin_unlock(&pfd->lock);
    return result;
}

/* Goroutines that were claimed for us, in the order in which they came to wait. */
struct woken {
    struct gor__g *first;
    struct gor__g *last;
    uint32_t count;
};

static void collect(struct gor__waiter *w, int result, struct woken *woken)
{
    w->result = result;
    w->g->woken_by = w;
    w->g->next = NULL;
    if (woken->last != NULL) {
        woken->last->next = w->g;
    } else {
        woken->first = w->g;
    }
    woken->last = w->g;
    woken->count++;
}

/* Claim everybody in `q` who waits for one of `events`; others go back. */
static void claim_ready(struct gor__waitq *q, int events, struct woken *woken)
{
    struct gor__waitq kept = {NULL, NULL};
    struct gor__waiter *w = q->first;
    while (w != NULL) {
        struct gor__waiter *next = w->next;
        gor__waitq_remove(q, w);
        if (((int)w->index & events) == 0) {
            gor__waitq_push(&kept, w);
        } else if (w->token == 0 || gor__wake_claim(w->g, w->token)) {
            collect(w, 0, woken);
        }
        w = next;
    }
    *q = kept;
}

static void deliver(const struct epoll_event *event, struct woken *woken)
{
    struct poll_fd *pfd = find((int)(event->data.u64 >> 32));
    int events = 0;
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        events |= GOR_FD_READ;
    }
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        events |= GOR_FD_WRITE;
    }
    gor__spin_lock(&pfd->lock);
    if (pfd->registered && pfd->serial == (uint32_t)event->data.u64) {
        if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) {
            __atomic_store_n(&pfd->has_ended, true, __ATOMIC_RELAXED);
        }
        __atomic_store_n(&pfd->edges, pfd->edges + 1, __ATOMIC_RELEASE);
        claim_ready(&pfd->waiters[0], events, woken);
        claim_ready(&pfd->waiters[1], events, woken);
    }
    gor__spin_unlock(&pfd->lock);
}

/* Under the lock. */
static void claim_all(struct poll_fd *pfd, int result, struct woken *woken)
{
    for (int i = 0; i < 2; i++) {
        struct gor__waiter *w = NULL;
        while ((w = gor__waitq_claim(&pfd->waiters[i])) != NULL) {
            collect(w, result, woken);
        }
    }
}

/* Under the lock: claim whoever waits, and have nobody told of this descriptor any more. */
static void unregister_fd(int fd, struct poll_fd *pfd, struct woken *woken)
{
    if (!pfd->registered) {
        return;
    }
    pfd->registered = false;
    pfd->serial++;
    (void)epoll_ctl(poller.epoll, EPOLL_CTL_DEL, fd, NULL);
    claim_all(pfd, -ECANCELED, woken);
}

/* The lock is held, and is again afterwards. */
static void wait_for_users(struct poll_fd *pfd)
{
    struct gor__g *g = gor__g_self();
    g->waiter.g = g;
    pfd->closer = &g->waiter;
    gor__park_spin(&pfd->lock, GOR_WAIT_IO);
    gor__spin_lock(&pfd->lock);
    pfd->closer = NULL;
}

int gor__netpoll_close(int fd)
{
    struct poll_fd *pfd = find(fd);
    struct woken woken = {NULL, NULL, 0};
    if (pfd == NULL) {
        return 0;
    }
    lock_settled(pfd);
    if (pfd->closer != NULL) {
        gor__spin_unlock(&pfd->lock);
        return -EBADF;
    }
    unregister_fd(fd, pfd, &woken);
    if (pfd->users > 0) {
        /* Ready before we park: our own P may be the only one. */
        gor__ready_list(woken.first, woken.count);
        woken = (struct woken){NULL, NULL, 0};
        wait_for_users(pfd);
    }
    pfd->closing = true;
    gor__spin_unlock(&pfd->lock);
    gor__ready_list(woken.first, woken.count);
    return 0;
}

void gor__netpoll_closed(int fd)
{
    struct poll_fd *pfd = find(fd);
    struct woken woken = {NULL, NULL, 0};
    if (pfd == NULL) {
        return;
    }
    gor__spin_lock(&pfd->lock);
    pfd->closing = false;
    claim_all(pfd, 0, &woken);
    gor__spin_unlock(&pfd->lock);
    gor__ready_list(woken.first, woken.count);
}

void gor__netpoll_forget(int fd)
{
    struct poll_fd *pfd = find(fd);
    struct woken woken = {NULL, NULL, 0};
    if (pfd == NULL) {
        return;
    }
    gor__spin_lock(&pfd->lock);
    unregister_fd(fd, pfd, &woken);
    gor__spin_unlock(&pfd->lock);
    gor__ready_list(woken.first, woken.count);
}

uint64_t gor__netpoll_waiters(void)
{
    return (uint64_t)__atomic_load_n(&poller.waiters, __ATOMIC_SEQ_CST);
}

static void take_break(void)
{
    uint64_t value = 0;
    ssize_t got = read(poller.break_fd, &value, sizeof value);
    (void)got;
    /* Last: a break that comes in between is for us, who are about to look for work anyway. Acquire,
     * and so not a plain store: what it was for must be seen then. */
    (void)__atomic_exchange_n(&poller.break_pending, 0, __ATOMIC_ACQ_REL);
}

static int wait_events(struct epoll_event *events, int64_t deadline)
{
    struct timespec timeout;
    int64_t left = deadline - gor_now();
    if (deadline == GOR_NEVER) {
        return epoll_wait(poller.epoll, events, GOR__POLL_BATCH, -1);
    }
    if (left < 0) {
        left = 0;
    }
    timeout.tv_sec = left / GOR_SECOND;
    timeout.tv_nsec = left % GOR_SECOND;
    int found = epoll_pwait2(poller.epoll, events, GOR__POLL_BATCH, &timeout, NULL);
    if (found < 0 && errno == ENOSYS) {
        /* Before Linux 5.11, and under valgrind: whole milliseconds, rounded up. */
        int64_t ms = (left + GOR_MILLISECOND - 1) / GOR_MILLISECOND;
        found = epoll_wait(poller.epoll, events, GOR__POLL_BATCH, ms < 60000 ? (int)ms : 60000);
    }
    return found;
}

struct gor__g *gor__netpoll_poll(int64_t deadline, uint32_t *out_count)
{
    struct epoll_event events[GOR__POLL_BATCH];
    struct woken woken = {NULL, NULL, 0};
    int found = deadline <= 0 ? epoll_wait(poller.epoll, events, GOR__POLL_BATCH, 0)
                              : wait_events(events, deadline);
    __atomic_add_fetch(&gor__sched.polls, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < found; i++) {
        if (events[i].data.u64 != break_tag) {
            deliver(&events[i], &woken);
        } else if (deadline > 0) {
            /* A look that does not wait leaves the break to the poller it is meant for. */
            take_break();
        }
    }
    *out_count = woken.count;
    return woken.first;
}

void gor__netpoll_break(void)
{
    uint64_t one = 1;
    if (__atomic_exchange_n(&poller.break_pending, 1, __ATOMIC_SEQ_CST) == 0) {
        ssize_t put = write(poller.break_fd, &one, sizeof one);
        (void)put;
    }
}
