/* SPDX-License-Identifier: MIT */
/* reload.h - the configuration file again, while gord works.
 *
 * Invariants  all or nothing: what is wrong anywhere changes nothing. What cannot change while gord
 *             runs stays as it is, and is named.
 * Threads     loop thread; who reads a value on another thread reads an atomic, or is told.
 */
#ifndef GORD_RELOAD_H
#define GORD_RELOAD_H

#include "daemon/base/config.h"
#include "daemon/export.h"
#include "daemon/runner/runner.h"
#include "daemon/service/reload.h"
#include "daemon/service/service.h"
#include "daemon/store/keep.h"
#include "rpc/server.h"

enum { GORD_RELOAD_TEXT = 256 };

/* Who is told; all borrowed. */
struct gord_reload {
    struct gord_config *config; /* in force; changed in place */
    struct gord_runner *runner;
    struct gord_service *service;
    struct rpc_server *server;
    struct gord_export *export;
};

/* What is to be kept, as the store wants it told. */
struct gord_keep gord_keep_of(const struct gord_config *config);

/* Read, check, apply, log; tell `report` (NULL: nobody) besides. What came of it, as one sentence in
 * `text`. 0 with *out_reloaded; -EINVAL, -ENOMEM or the error of a certificate: nothing was changed. */
int gord_reload(const struct gord_reload *reload, const struct gord_reload_report *report,
                char text[GORD_RELOAD_TEXT], struct gord_reloaded *out_reloaded);

#endif
