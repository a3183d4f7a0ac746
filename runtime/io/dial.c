/* SPDX-License-Identifier: MIT */
/* dial.c - gor_dial.
 *
 * A name may have many addresses, of which some are dead: each gets a head start of a quarter of a
 * second before the next one is tried beside it, and the first connection made wins ("happy
 * eyeballs", RFC 8305). All of it is one goroutine, which waits for the attempts through an epoll of
 * their own; a goroutine for each was rejected, for the losers must be gone when the call returns.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "runtime/io/call.h"
#include "runtime/io/connect.h"
#include "runtime/io/fd.h"
#include "runtime/io/net.h"
#include "runtime/io/resolve.h"
#include "runtime/sched/machine.h"

enum { HEAD_START_NS = 250000000, ATTEMPTS_MAX = 16, SELF_CONNECTS_MAX = 3 };

/* Where to, and from where. */
struct dial {
    const struct gor_net_opts *opts;
    struct addrinfo *to;
    struct addrinfo *from; /* NULL: from anywhere */
    const struct gor__limit *limit;
};

/* -EADDRNOTAVAIL: there is no address to dial from in that family. */
static int bind_from(int fd, int family, const struct addrinfo *from)
{
    if (from == NULL) {
        return 0;
    }
    while (from != NULL && from->ai_family != family) {
        from = from->ai_next;
    }
    return from != NULL ? gor__net_bind(fd, from->ai_addr, from->ai_addrlen) : -EADDRNOTAVAIL;
}

static int make_socket(const struct dial *dial, const struct addrinfo *to)
{
    int fd = gor__net_socket(to->ai_family, to->ai_socktype, dial->opts);
    if (fd < 0) {
        return fd;
    }
    int error = bind_from(fd, to->ai_family, dial->from);
    return error == 0 ? fd : gor__net_give_up(fd, error);
}

/* ---- one address */

/* `fd`, which is new, connected to the only address there is. */
static int connect_alone(int fd, const struct sockaddr *addr, socklen_t len,
                         const struct gor__limit *limit)
{
    (void)gor__call_new_fd(fd);
    int error = gor__connect(fd, addr, len, limit);
    if (error < 0) {
        (void)gor_close(fd);
        return error;
    }
    return fd;
}

static int dial_one(const struct dial *dial)
{
    int fd = make_socket(dial, dial->to);
    if (fd < 0) {
        return fd;
    }
    return connect_alone(fd, dial->to->ai_addr, dial->to->ai_addrlen, dial->limit);
}

/* ---- many addresses */

struct race {
    int epoll;
    int fds[ATTEMPTS_MAX]; /* owned, connecting */
    int count;
    int error; /* of the first attempt that failed; 0: none has */
};

static void note_error(struct race *race, int error)
{
    if (race->error == 0) {
        race->error = error;
    }
}

GOR__NEVER_INLINED static int watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLOUT};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* The socket if it is connected at once, else -1. */
static int start_attempt(struct race *race, const struct dial *dial, const struct addrinfo *to)
{
    int fd = make_socket(dial, to);
    if (fd < 0) {
        note_error(race, fd);
        return -1;
    }
    int error = gor__connect_try(fd, to->ai_addr, to->ai_addrlen);
    if (error == 0) {
        return fd;
    }
    if (error == -EINPROGRESS || error == -EINTR) {
        error = watch(race->epoll, fd);
    }
    if (error < 0) {
        note_error(race, gor__net_give_up(fd, error));
    } else {
        race->fds[race->count++] = fd;
    }
    return -1;
}

/* The first socket found connected, else -1; those that failed are closed. */
static int look_at_attempts(struct race *race)
{
    for (int i = 0; i < race->count;) {
        int fd = race->fds[i];
        int state = gor__connect_look(fd);
        if (state > 0) {
            i++;
            continue;
        }
        race->fds[i] = race->fds[--race->count];
        if (state == 0) {
            return fd;
        }
        note_error(race, gor__net_give_up(fd, state));
    }
    return -1;
}

/* Until one has won, all have failed (-1), or a wait has ended with *out_error. */
static int wait_for_winner(struct race *race, const struct gor__limit *limit, int *out_error)
{
    while (race->count > 0) {
        int ready = gor__fd_wait(race->epoll, GOR_FD_READ, limit);
        if (ready < 0) {
            *out_error = ready;
            return -1;
        }
        int winner = look_at_attempts(race);
        if (winner >= 0) {
            return winner;
        }
    }
    return -1;
}

/* The winner, or -1 with race->error. */
static int run_race(struct race *race, const struct dial *dial)
{
    for (const struct addrinfo *to = dial->to; to != NULL; to = to->ai_next) {
        int error = 0;
        int winner = start_attempt(race, dial, to);
        if (winner >= 0) {
            return winner;
        }
        bool is_last = to->ai_next == NULL || race->count == ATTEMPTS_MAX;
        struct gor__limit limit =
            is_last ? *dial->limit : gor__limit_sooner(dial->limit, HEAD_START_NS);
        winner = wait_for_winner(race, &limit, &error);
        if (winner >= 0) {
            return winner;
        }
        /* The end of a head start is no error. */
        if (error == -ETIMEDOUT) {
            error = gor__limit_over(dial->limit);
        }
        if (error < 0) {
            race->error = error;
            return -1;
        }
    }
    return -1;
}

GOR__NEVER_INLINED static int make_epoll(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd >= 0 ? gor__call_new_fd(fd) : -errno;
}

static int dial_many(const struct dial *dial)
{
    struct race race = {.epoll = make_epoll()};
    if (race.epoll < 0) {
        return race.epoll;
    }
    int winner = run_race(&race, dial);
    for (int i = 0; i < race.count; i++) {
        (void)gor__net_give_up(race.fds[i], 0);
    }
    /* The winner leaves the epoll with it. */
    (void)gor_close(race.epoll);
    return winner >= 0 ? gor__call_new_fd(winner) : race.error;
}

/* ---- the call */

/* A connection to a port of this machine where nobody listens may, by chance, be made from that very
 * port, and then talks to itself. */
static bool is_self_connected(int fd)
{
    struct sockaddr_storage local = {0};
    struct sockaddr_storage peer = {0};
    socklen_t local_len = sizeof local;
    socklen_t peer_len = sizeof peer;
    return getsockname(fd, (struct sockaddr *)&local, &local_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 && local_len == peer_len &&
           memcmp(&local, &peer, local_len) == 0;
}

static int dial_inet(const struct gor__network *network, const char *address, struct dial *dial)
{
    int result = gor__resolve(network, address, false, dial->limit, &dial->to);
    if (result < 0) {
        return result;
    }
    for (int i = 0; i < SELF_CONNECTS_MAX; i++) {
        result = dial->to->ai_next == NULL ? dial_one(dial) : dial_many(dial);
        if (result < 0 || network->type != SOCK_STREAM || dial->from != NULL ||
            !is_self_connected(result)) {
            break;
        }
        (void)gor_close(result);
        result = -ECONNREFUSED;
    }
    freeaddrinfo(dial->to);
    return result;
}

static int dial_inet_from(const struct gor__network *network, const char *address,
                          const struct gor_net_opts *opts, const struct gor__limit *limit)
{
    struct dial dial = {.opts = opts, .limit = limit};
    if (opts->local != NULL) {
        int error = gor__resolve(network, opts->local, true, limit, &dial.from);
        if (error < 0) {
            return error;
        }
    }
    int result = dial_inet(network, address, &dial);
    if (dial.from != NULL) {
        freeaddrinfo(dial.from);
    }
    return result;
}

static int dial_unix(const struct gor__network *network, const char *path,
                     const struct gor_net_opts *opts, const struct gor__limit *limit)
{
    struct sockaddr_un addr;
    struct sockaddr_un from;
    socklen_t len = 0;
    socklen_t from_len = 0;
    int error = gor__unix_address(path, &addr, &len);
    if (error == 0 && opts->local != NULL) {
        error = gor__unix_address(opts->local, &from, &from_len);
    }
    if (error < 0) {
        return error;
    }
    int fd = gor__net_socket(AF_UNIX, network->type, opts);
    if (fd < 0) {
        return fd;
    }
    if (from_len > 0) {
        error = gor__net_bind(fd, (struct sockaddr *)&from, from_len);
        if (error < 0) {
            return gor__net_give_up(fd, error);
        }
    }
    return connect_alone(fd, (struct sockaddr *)&addr, len, limit);
}

static int dial_within(const char *network_text, const char *address,
                       const struct gor_net_opts *opts, const struct gor__limit *limit)
{
    struct gor__network network;
    if (gor__g_self() == NULL) {
        return -EPERM;
    }
    int error = gor__network_parse(network_text, &network);
    if (error < 0) {
        return error;
    }
    opts = opts != NULL ? opts : &gor__net_defaults;
    if (network.family == AF_UNIX) {
        return dial_unix(&network, address, opts, limit);
    }
    return dial_inet_from(&network, address, opts, limit);
}

int gor_dial(const char *network, const char *address, const struct gor_net_opts *opts,
             int64_t deadline)
{
    struct gor__limit limit = gor__limit_until(deadline);
    return dial_within(network, address, opts, &limit);
}

int gor_dial_ctx(const char *network, const char *address, const struct gor_net_opts *opts,
                 struct gor_ctx *ctx)
{
    struct gor__limit limit = gor__limit_ctx(ctx);
    return dial_within(network, address, opts, &limit);
}
