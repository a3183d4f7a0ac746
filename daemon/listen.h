/* SPDX-License-Identifier: MIT */
/* listen.h - where the daemon can be reached: sockets handed over by systemd, or its own.
 */
#ifndef GORD_LISTEN_H
#define GORD_LISTEN_H

#include "daemon/base/config.h"
#include "daemon/service/auth.h"
#include "rpc/server.h"

/* Names of sockets of our own that are kept over an upgrade, or a restart by systemd; with any other name
 * it is one that systemd opened. */
#define GORD_KEPT_UNIX "gord-unix"
#define GORD_KEPT_TCP "gord-tcp"

struct gord_kept_socket {
    const char *name; /* borrowed */
    int fd;
};

/* Open everything the configuration and LISTEN_FDS ask for, as far as it is not among the `count` sockets
 * that were kept, which are taken; and set `auth` up for it. 0, or a negative errno after the reason has
 * been logged. */
int gord_listen(const struct gord_config *config, struct rpc_server *server, struct gord_auth *auth,
                const struct gord_kept_socket *kept, size_t count);

/* The name to keep a listener by; `path` as rpc_server_each_listener says. */
const char *gord_kept_name(const struct gord_config *config, int fd, const char *path);

#endif
