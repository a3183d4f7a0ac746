/* SPDX-License-Identifier: MIT */
/* tls.h - the daemon's certificates: read at start, and again on SIGHUP.
 *
 * Threads     loop thread.
 */
#ifndef GORD_TLS_H
#define GORD_TLS_H

#include "daemon/base/config.h"
#include "rpc/server.h"

/* Let `server` speak TLS if the configuration has certificates for that. Called again, it reads them
 * anew; what cannot be used leaves those it has. 0, or a negative errno after the reason has been
 * logged. */
int gord_tls_load(const struct gord_config *config, struct rpc_server *server);

#endif
