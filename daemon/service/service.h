/* SPDX-License-Identifier: MIT */
/* service.h - the methods of gor.v1.Jobs and gor.v1.Runtime on an rpc server.
 *
 * Threads     loop thread.
 * Ownership   new/free; what it is given is borrowed and must outlive it. Free it before the
 *             server, after gord_service_end.
 * See also    docs/protocol.md
 */
#ifndef GORD_SERVICE_SERVICE_H
#define GORD_SERVICE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/runner/runner.h"
#include "daemon/service/reload.h"
#include "daemon/service/upgrade.h"
#include "rpc/server.h"

struct gord_export_counts;
struct gord_service;
struct gord_trail;

struct gord_service_opts {
    uv_loop_t *loop;
    struct gord_bus *bus;
    struct gord_runner *runner;
    struct rpc_server *server;
    const char *state_dir;
    struct gord_auth *auth;   /* is told which tokens there are */
    struct gord_trail *trail; /* the audit trail, see trail.h; NULL: none is kept */
    const char *hide_env;     /* see redact.h; may be NULL */
    struct gord_reloader reloader;
    struct gord_upgrader upgrader;
    bool memory; /* the store's mode, for replies */
};

/* Add the methods to the server and follow the bus. -ENOMEM, or the server's error. */
int gord_service_new(const struct gord_service_opts *opts, struct gord_service **out_service);

/* Other patterns of names of secrets, borrowed; see redact.h. */
void gord_service_set_hide_env(struct gord_service *service, const char *patterns);

/* Where whoever sends metrics elsewhere counts how that goes; it is there as long as the service. */
struct gord_export_counts *gord_service_exports(struct gord_service *service);

/* From now on new work is refused: the daemon stops. */
void gord_service_refuse_work(struct gord_service *service);

/* End every call that waits, as UNAVAILABLE, and close what the loop has of it. Once is enough; NULL is
 * fine. */
void gord_service_end(struct gord_service *service);

void gord_service_free(struct gord_service *service);

#endif
