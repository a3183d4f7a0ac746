/* SPDX-License-Identifier: MIT */
#include "daemon/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/log.h"

#define SOCKET_GROUP "gor"
#define FIRST_PASSED_FD 3

/* What there is to listen on already. */
struct gord_listening {
    bool passed; /* by socket activation */
    bool local;  /* our Unix socket */
    bool tcp;
};

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    return address->ss_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static int need_token(const struct gord_config *config, struct gord_auth *auth)
{
    char path[PATH_MAX];

    if (auth->token[0] != '\0' || config->no_token_file) {
        return 0;
    }
    snprintf(path, sizeof(path), "%s/token", config->state_dir);
    int result = gord_auth_load_token(auth, path);
    if (result == -EPERM) {
        gord_log(GORD_LOG_ERROR, 0,
                 "others can read %s; make it private (chmod 600) and, since "
                 "they may know it, remove it to get a new one",
                 path);
    } else if (result == -EBADMSG) {
        gord_log(GORD_LOG_ERROR, 0,
                 "%s does not hold a token of %d hexadecimal digits; remove it "
                 "to get a new one",
                 path, GORD_TOKEN_BYTES);
    } else if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot read or make the token %s: %s", path,
                 strerror(-result));
    }
    return result;
}

/* ------------------------------------------------------------------ handed over */

/* The group that owns a socket file may use it, unless it is root's. */
static void allow_socket_group(struct gord_auth *auth, const struct sockaddr_storage *address)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)address;
    struct stat info;

    if (un->sun_path[0] == '/' && stat(un->sun_path, &info) == 0 && info.st_gid != 0 &&
        (info.st_mode & S_IWGRP) != 0) {
        gord_auth_allow_group(auth, info.st_gid);
    }
}

static int take_passed(const struct gord_config *config, struct rpc_server *server,
                       struct gord_auth *auth, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    int result = 0;

    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        result = -errno;
    } else if (address.ss_family == AF_UNIX) {
        allow_socket_group(auth, &address);
    } else if (!is_loopback(&address) && config->tls_cert == NULL) {
        gord_log(GORD_LOG_ERROR, 0,
                 "the socket handed over as descriptor %d is open to the "
                 "network; without TLS (--tls-cert) only loopback addresses are served",
                 fd);
        return -EADDRNOTAVAIL;
    } else {
        result = need_token(config, auth);
        if (result != 0) {
            return result;
        }
    }
    if (result == 0) {
        result = rpc_server_listen_fd(server, fd);
    }
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot listen on descriptor %d that was handed over: %s", fd,
                 strerror(-result));
    }
    return result;
}

/* How many descriptors systemd has for us, and their names ("a:b:c", owned; NULL: none are told); the
 * variables are not for jobs. */
static int passed_count(char **out_names)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    int count = 0;

    if (pid != NULL && fds != NULL && strtol(pid, NULL, 10) == getpid()) {
        count = atoi(fds);
        const char *names = getenv("LISTEN_FDNAMES");
        *out_names = names != NULL ? strdup(names) : NULL;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return count > 0 && count < 64 ? count : 0;
}

/* ------------------------------------------------------------------ our own */

/* For root the members of group "gor" may use the socket; for others only they themselves. */
static gid_t allow_own_group(struct gord_auth *auth)
{
    const struct group *group = geteuid() == 0 ? getgrnam(SOCKET_GROUP) : NULL;

    if (group == NULL) {
        return (gid_t)-1;
    }
    gord_auth_allow_group(auth, group->gr_gid);
    return group->gr_gid;
}

static int listen_unix(const struct gord_config *config, struct rpc_server *server,
                       struct gord_auth *auth)
{
    char folder[PATH_MAX];
    gid_t gid = allow_own_group(auth);
    mode_t mode = gid != (gid_t)-1 ? 0660 : 0600;

    snprintf(folder, sizeof(folder), "%s", config->socket);
    char *slash = strrchr(folder, '/');
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        mkdir(folder, 0755);
    }
    int result = rpc_server_listen_unix(server, config->socket, mode, gid);
    if (result == -ENAMETOOLONG) {
        gord_log(GORD_LOG_ERROR, 0,
                 "the path of the socket is too long for the kernel (at most "
                 "107 bytes): %s; give a shorter one with --socket",
                 config->socket);
    } else if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot listen on %s: %s", config->socket,
                 result == -EADDRINUSE ? "another process listens there" : strerror(-result));
    }
    return result;
}

static int listen_tcp(const struct gord_config *config, struct rpc_server *server,
                      struct gord_auth *auth)
{
    char address[128];
    uint16_t port = 0;
    bool six = strchr(config->listen_host, ':') != NULL;
    int result = need_token(config, auth);

    if (result != 0) {
        return result;
    }
    snprintf(address, sizeof(address), six ? "[%s]:%u" : "%s:%u", config->listen_host,
             config->listen_port);
    result = rpc_server_listen_tcp(server, address, &port);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot listen on %s: %s", address, strerror(-result));
        return result;
    }
    gord_log(GORD_LOG_NOTICE, 0, "listening on %s port %u%s; %s%s%s", config->listen_host, port,
             config->tls_cert != NULL ? " with TLS" : "",
             config->no_token_file ? "`gorctl token create` makes tokens" : "the token is in ",
             config->no_token_file ? "" : config->state_dir, config->no_token_file ? "" : "/token");
    return 0;
}

/* ------------------------------------------------------------------ kept */

/* Both families have it in the same place. */
static uint16_t port_of(const struct sockaddr_storage *address)
{
    struct sockaddr_in in;

    memcpy(&in, address, sizeof(in));
    return ntohs(in.sin_port);
}

/* Is it what --listen says now? */
static bool serves(const struct gord_config *config, const struct sockaddr_storage *address)
{
    struct in6_addr told;
    const void *own = address->ss_family == AF_INET
                          ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                          : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
    size_t bytes = address->ss_family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);

    return config->listen_host != NULL &&
           (address->ss_family == AF_INET || address->ss_family == AF_INET6) &&
           inet_pton(address->ss_family, config->listen_host, &told) == 1 &&
           memcmp(own, &told, bytes) == 0 &&
           (config->listen_port == 0 || config->listen_port == port_of(address));
}

/* A socket of an earlier gord's that is still what we are to listen on. -ESTALE: it is not. */
static int take_kept(const struct gord_config *config, struct rpc_server *server,
                     struct gord_auth *auth, const struct gord_kept_socket *kept)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    const struct sockaddr_un *un = (const struct sockaddr_un *)&address;

    if (getsockname(kept->fd, (struct sockaddr *)&address, &length) != 0) {
        return -errno;
    }
    if (strcmp(kept->name, GORD_KEPT_TCP) == 0) {
        int result = serves(config, &address) ? need_token(config, auth) : -ESTALE;
        return result == 0 ? rpc_server_listen_fd(server, kept->fd) : result;
    }
    if (address.ss_family != AF_UNIX || strcmp(un->sun_path, config->socket) != 0) {
        return -ESTALE;
    }
    (void)allow_own_group(auth);
    return rpc_server_listen_kept(server, kept->fd, config->socket);
}

static bool is_ours(const char *name)
{
    return strcmp(name, GORD_KEPT_UNIX) == 0 || strcmp(name, GORD_KEPT_TCP) == 0;
}

/* One that we have from before, by its name. What is no use any more is let go. */
static int take(const struct gord_config *config, struct rpc_server *server, struct gord_auth *auth,
                const struct gord_kept_socket *kept, struct gord_listening *out)
{
    if (!is_ours(kept->name)) {
        out->passed = true;
        return take_passed(config, server, auth, kept->fd);
    }
    int result = take_kept(config, server, auth, kept);
    if (result == 0) {
        *(strcmp(kept->name, GORD_KEPT_TCP) == 0 ? &out->tcp : &out->local) = true;
    } else {
        gord_log(GORD_LOG_NOTICE, 0, "the socket kept as %s is not used again: %s", kept->name,
                 result == -ESTALE ? "another address is to be served now" : strerror(-result));
        close(kept->fd);
    }
    return 0;
}

/* What systemd has for us. 0, or what ended it. */
static int take_from_systemd(const struct gord_config *config, struct rpc_server *server,
                             struct gord_auth *auth, struct gord_listening *out)
{
    char *names = NULL;
    int count = passed_count(&names);
    char *rest = names;
    int result = 0;

    for (int i = 0; i < count && result == 0; i++) {
        const char *name = rest != NULL ? strsep(&rest, ":") : "";
        struct gord_kept_socket kept = {.name = name, .fd = FIRST_PASSED_FD + i};
        fcntl(kept.fd, F_SETFD, FD_CLOEXEC);
        result = take(config, server, auth, &kept, out);
    }
    free(names);
    return result;
}

int gord_listen(const struct gord_config *config, struct rpc_server *server, struct gord_auth *auth,
                const struct gord_kept_socket *kept, size_t count)
{
    struct gord_listening have = {0};
    int result = take_from_systemd(config, server, auth, &have);

    for (size_t i = 0; i < count && result == 0; i++) {
        result = take(config, server, auth, &kept[i], &have);
    }
    if (result == 0 && !have.passed && !have.local) {
        result = listen_unix(config, server, auth);
    }
    if (result == 0 && config->listen_host != NULL && !have.tcp) {
        result = listen_tcp(config, server, auth);
    }
    return result;
}

const char *gord_kept_name(const struct gord_config *config, int fd, const char *path)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);

    if (path != NULL) {
        return GORD_KEPT_UNIX;
    }
    bool is_tcp =
        getsockname(fd, (struct sockaddr *)&address, &length) == 0 && serves(config, &address);
    return is_tcp ? GORD_KEPT_TCP : "passed";
}
