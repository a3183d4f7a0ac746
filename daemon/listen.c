/* SPDX-License-Identifier: MIT */
#include "daemon/listen.h"

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

/* The number of sockets that systemd opened for us; the variables are not for jobs. */
static int passed_count(void)
{
    const char *pid = getenv("LISTEN_PID");
    const char *fds = getenv("LISTEN_FDS");
    int count = 0;

    if (pid != NULL && fds != NULL && strtol(pid, NULL, 10) == getpid()) {
        count = atoi(fds);
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return count > 0 && count < 64 ? count : 0;
}

/* ------------------------------------------------------------------ our own */

/* For root the members of group "gor" may use the socket; for others only they themselves. */
static int listen_unix(const struct gord_config *config, struct rpc_server *server,
                       struct gord_auth *auth)
{
    char folder[PATH_MAX];
    mode_t mode = 0600;
    gid_t gid = (gid_t)-1;

    if (geteuid() == 0) {
        const struct group *group = getgrnam(SOCKET_GROUP);
        if (group != NULL) {
            mode = 0660;
            gid = group->gr_gid;
            gord_auth_allow_group(auth, gid);
        }
    }
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

int gord_listen(const struct gord_config *config, struct rpc_server *server, struct gord_auth *auth)
{
    int passed = passed_count();
    int result = 0;

    for (int i = 0; i < passed && result == 0; i++) {
        result = take_passed(config, server, auth, FIRST_PASSED_FD + i);
    }
    if (result == 0 && passed == 0) {
        result = listen_unix(config, server, auth);
    }
    if (result == 0 && config->listen_host != NULL) {
        result = listen_tcp(config, server, auth);
    }
    return result;
}
