/* SPDX-License-Identifier: MIT */
/* listen.h - where the daemon can be reached: sockets handed over by systemd, or its own.
 */
#ifndef GORD_LISTEN_H
#define GORD_LISTEN_H

#include "daemon/base/config.h"
#include "daemon/service/auth.h"
#include "rpc/server.h"

/* Open everything the configuration and LISTEN_FDS ask for, and set `auth` up for it. 0, or a
 * negative errno after the reason has been logged. */
int gord_listen(const struct gord_config *config, struct rpc_server *server,
                struct gord_auth *auth);

#endif
