/* SPDX-License-Identifier: MIT */
/* listen.c - listening sockets: made, taken over, accepted from, cleared away. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc/address.h"
#include "rpc/internal.h"

/* As long a queue as the kernel gives: on a Unix socket a stock client, which does not wait in connect(), is
 * refused when it is full. */
enum { BACKLOG = SOMAXCONN, ACCEPTS_PER_EVENT = 64 };

/* Out of descriptors a waiting client would make the listener readable for ever: give up the spare
 * one, accept, close, and take it back. */
static bool refuse_one(struct rpc_server *server, int listen_fd)
{
    if (server->spare_fd < 0) {
        return false;
    }
    close(server->spare_fd);
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
    struct rpc_listener *listener = poll->data;
    struct rpc_server *server = listener->server;
    (void)events;
    if (status < 0) {
        (void)uv_poll_start(poll, UV_READABLE, on_listener); /* libuv stops it on an error */
    }
    for (int i = 0; i < ACCEPTS_PER_EVENT && !listener->closing; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            bool exhausted = errno == EMFILE || errno == ENFILE;
            if (errno == ECONNABORTED || errno == EINTR ||
                (exhausted && refuse_one(server, listener->fd))) {
                continue;
            }
            return;
        }
        if (!listener->local) {
            int on = 1;
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
        rpc_session_accept(server, fd, listener);
    }
}

static struct rpc_listener *free_slot(struct rpc_server *server)
{
    for (int i = 0; i < RPC_MAX_LISTENERS; i++) {
        if (server->listeners[i].fd < 0 && !server->listeners[i].closing) {
            return &server->listeners[i];
        }
    }
    return NULL;
}

/* Begin to accept on fd, which the listener owns when this returns 0. */
static int start(struct rpc_server *server, int fd, bool local, struct rpc_listener **out_listener)
{
    struct rpc_listener *listener = free_slot(server);
    if (listener == NULL || server->draining) {
        return -ENOBUFS;
    }
    int error = uv_poll_init(server->hub.loop, &listener->poll, fd);
    if (error != 0) {
        return error;
    }
    listener->poll.data = listener;
    listener->server = server;
    listener->fd = fd;
    listener->lock_fd = -1;
    listener->local = local;
    listener->tls = !local && server->tls != NULL;
    listener->path = NULL;
    server->handles++;
    uv_poll_start(&listener->poll, UV_READABLE, on_listener);
    *out_listener = listener;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct rpc_listener *listener = handle->data;
    listener->closing = false;
    rpc_server_handle_closed(listener->server);
}

static void remove_file(struct rpc_listener *listener)
{
    struct stat now;
    if (listener->path == NULL) {
        return;
    }
    if (lstat(listener->path, &now) == 0 && now.st_dev == listener->device &&
        now.st_ino == listener->inode) {
        (void)unlink(listener->path);
    }
    free(listener->path);
    listener->path = NULL;
}

void rpc_listeners_close(struct rpc_server *server)
{
    for (int i = 0; i < RPC_MAX_LISTENERS; i++) {
        struct rpc_listener *listener = &server->listeners[i];
        if (listener->fd < 0) {
            continue;
        }
        remove_file(listener);
        listener->closing = true;
        uv_close((uv_handle_t *)&listener->poll, on_closed);
        close(listener->fd);
        listener->fd = -1;
        if (listener->lock_fd >= 0) {
            close(listener->lock_fd);
        }
    }
}

/* Lock "path.lock" so that two servers do not both find the socket stale. The file stays: removing
 * it could take it away under the next one's feet. */
static int lock_path(const char *path, int *out_fd)
{
    char name[sizeof(struct sockaddr_storage) + 8];
    (void)snprintf(name, sizeof name, "%s.lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -errno;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
        close(fd);
        return error;
    }
    *out_fd = fd;
    return 0;
}

/* Remove a socket file that nobody listens on. */
static int clear_stale(const char *path, const struct rpc_address *address)
{
    struct stat found;
    if (lstat(path, &found) != 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(found.st_mode)) {
        return -ENOTSOCK;
    }
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return -errno;
    }
    int error = connect(probe, (const struct sockaddr *)&address->storage, address->size) == 0
                    ? EISCONN
                    : errno;
    close(probe);
    if (error != ECONNREFUSED) {
        return -EADDRINUSE; /* somebody answers, or is too busy to */
    }
    return unlink(path) == 0 ? 0 : -errno;
}

/* bind() with the file's permissions never wider than `mode`. The umask is the whole process's, so
 * this belongs before any other thread makes files. */
static int bind_private(int fd, const struct rpc_address *address, const char *path, mode_t mode,
                        gid_t gid)
{
    bool chown_needed = gid != (gid_t)-1;
    mode_t former = umask(chown_needed ? 0177 : (mode_t)(~mode & 0777));
    int error =
        bind(fd, (const struct sockaddr *)&address->storage, address->size) == 0 ? 0 : -errno;
    (void)umask(former);
    if (error == 0 && chown_needed &&
        (chown(path, (uid_t)-1, gid) != 0 || chmod(path, mode) != 0)) {
        error = -errno;
        (void)unlink(path);
    }
    return error;
}

static int open_unix(const char *path, const struct rpc_address *address, mode_t mode, gid_t gid)
{
    int error = clear_stale(path, address);
    if (error != 0) {
        return error;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    error = bind_private(fd, address, path, mode, gid);
    if (error == 0 && listen(fd, BACKLOG) != 0) {
        error = -errno;
        (void)unlink(path);
    }
    if (error != 0) {
        close(fd);
        return error;
    }
    return fd;
}

static int parse_unix(const char *path, struct rpc_address *out_address)
{
    char text[sizeof out_address->storage];
    int length = snprintf(text, sizeof text, "unix:%s", path);
    return (size_t)length < sizeof text ? rpc_address_parse(text, out_address) : -ENAMETOOLONG;
}

int rpc_server_listen_unix(struct rpc_server *server, const char *path, mode_t mode, gid_t gid)
{
    struct rpc_address address;
    struct rpc_listener *listener;
    struct stat made;
    int lock_fd = -1;
    char *copy = NULL;
    int error = parse_unix(path, &address);
    if (error == 0) {
        error = lock_path(path, &lock_fd);
    }
    if (error != 0) {
        return error;
    }
    int fd = open_unix(path, &address, mode, gid);
    if (fd < 0) {
        error = fd;
        goto unlock;
    }
    copy = strdup(path);
    error = copy == NULL || lstat(path, &made) != 0 ? -ENOMEM : start(server, fd, true, &listener);
    if (error != 0) {
        goto close_socket;
    }
    listener->lock_fd = lock_fd;
    listener->path = copy;
    listener->device = made.st_dev;
    listener->inode = made.st_ino;
    return 0;

close_socket:
    free(copy);
    close(fd);
    (void)unlink(path);
unlock:
    close(lock_fd);
    return error;
}

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } bound = {.v6 = {0}};
    socklen_t size = sizeof bound;
    if (getsockname(fd, &bound.any, &size) != 0) {
        return 0;
    }
    return ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
}

int rpc_server_listen_tcp(struct rpc_server *server, const char *address, uint16_t *out_port)
{
    struct rpc_address parsed;
    struct rpc_listener *listener;
    int error = rpc_address_parse(address, &parsed);
    if (error != 0 || parsed.local) {
        return error != 0 ? error : -EINVAL;
    }
    int fd = socket(parsed.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&parsed.storage, parsed.size) != 0 ||
        listen(fd, BACKLOG) != 0) {
        error = -errno;
    } else {
        error = start(server, fd, false, &listener);
    }
    if (error != 0) {
        close(fd);
        return error;
    }
    if (out_port != NULL) {
        *out_port = port_of(fd);
    }
    return 0;
}

int rpc_server_listen_fd(struct rpc_server *server, int fd)
{
    struct rpc_listener *listener;
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    int listens = 0;
    socklen_t listens_size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &size) != 0) {
        return -errno;
    }
    bool local = bound.ss_family == AF_UNIX;
    if (listens == 0 || (!local && bound.ss_family != AF_INET && bound.ss_family != AF_INET6)) {
        return -EINVAL;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return start(server, fd, local, &listener);
}

int rpc_server_listen_kept(struct rpc_server *server, int fd, const char *path)
{
    struct stat there;
    int lock_fd = -1;
    char *copy = strdup(path);
    int error = copy == NULL ? -ENOMEM : lstat(path, &there) != 0 ? -ESTALE : 0;
    if (error == 0) {
        error = lock_path(path, &lock_fd);
    }
    if (error == 0) {
        error = rpc_server_listen_fd(server, fd);
    }
    if (error != 0) {
        free(copy);
        if (lock_fd >= 0) {
            close(lock_fd);
        }
        return error;
    }
    for (int i = 0; i < RPC_MAX_LISTENERS; i++) {
        struct rpc_listener *listener = &server->listeners[i];
        if (listener->fd == fd) {
            listener->lock_fd = lock_fd;
            listener->path = copy;
            listener->device = there.st_dev;
            listener->inode = there.st_ino;
        }
    }
    return 0;
}

void rpc_server_each_listener(const struct rpc_server *server,
                              void (*visit)(void *arg, int fd, const char *path), void *arg)
{
    for (int i = 0; i < RPC_MAX_LISTENERS; i++) {
        if (server->listeners[i].fd >= 0) {
            visit(arg, server->listeners[i].fd, server->listeners[i].path);
        }
    }
}

void rpc_server_leave_files(struct rpc_server *server)
{
    for (int i = 0; i < RPC_MAX_LISTENERS; i++) {
        free(server->listeners[i].path);
        server->listeners[i].path = NULL;
    }
}
