/* SPDX-License-Identifier: MIT */
/* daemon_inside.h - gord as a whole, for the files that start it, serve signals, hand it over and end it.
 *
 * Threads     the main thread, which is the loop.
 */
#ifndef GORD_DAEMON_INSIDE_H
#define GORD_DAEMON_INSIDE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <uv.h>

#include "daemon/base/config.h"
#include "daemon/base/notify.h"
#include "daemon/export.h"
#include "daemon/pulse.h"
#include "daemon/runner/runner.h"
#include "daemon/scrape.h"
#include "daemon/service/auth.h"
#include "daemon/service/reload.h"
#include "daemon/service/service.h"
#include "daemon/service/trail.h"
#include "daemon/service/upgrade.h"
#include "daemon/stop.h"
#include "gor/handover.pb-c.h"
#include "rpc/server.h"

struct gord_asking;
struct gord_handed;
struct gord_upgrade;

enum { GORD_DAEMON_SIGNALS = 5, GORD_DAEMON_KEPT = 16 };

struct gord_daemon {
    struct gord_config *config; /* borrowed */
    uv_loop_t loop;
    bool has_loop; /* else the start failed before anything else was there */
    int lock_fd;
    char log_root[PATH_MAX];
    char plugin_copies[PATH_MAX];
    struct rlimit nofile; /* as we were started, for jobs */
    struct gord_notify notify;
    struct gord_auth auth;
    struct gord_bus *bus;
    struct gord_runner *runner;
    struct gord_service *service;
    struct gord_trail *trail; /* NULL: none is kept */
    struct rpc_server *server;
    struct gord_scrape *scrape; /* NULL: metrics are not served */
    struct gord_export *export;
    struct gord_pulse pulse;
    struct gord_starting starting;
    uint64_t settled; /* events, before we serve */
    struct gord_bus_hook hook;
    uv_signal_t signals[GORD_DAEMON_SIGNALS];
    struct gord_asking
        *asking; /* owned; what is installed is asked whether it takes over; NULL: no */
    struct gord_upgrade_wish wish;  /* whoever wants that, while it is asked */
    struct gord_upgrade_ends ended; /* with the upgrade that we come from, if that told */
    Gor__Handover__Ends ends[2];    /* with the one that we begin */
    uv_timer_t replacing;           /* active: it takes over with the next turn */
    bool serving;
    bool stored; /* systemd keeps our sockets */
    struct gord_stop stop;
    struct gord_upgrade *upgrade;  /* borrowed */
    Gor__Handover__Handover *from; /* owned; what we were handed over; NULL: nothing */
    Gor__Handover__Handover to;    /* what we hand over */
    Gor__Handover__Listener kept[GORD_DAEMON_KEPT];
    Gor__Handover__Listener *kept_list[GORD_DAEMON_KEPT];
    bool runtime_runs;
    enum gord_exit code;
};

/* All rooms, from the lowest up, until somebody could be served. What has come up when it fails is for the
 * end to close; the reason has been logged. */
enum gord_exit gord_daemon_start(struct gord_daemon *d);

/* Have the threads of libuv's pool made, first of all: signals are the loop's, and these take none. libuv's
 * errors. */
int gord_daemon_make_pool(void);

/* Once it serves. */
void gord_daemon_watch_signals(struct gord_daemon *d);

/* From here to the end, or until the next gord takes over: a handle that is closed puts the signal's default
 * back, and nobody shall die of it with the last events still to be stored. */
void gord_daemon_hold_signals(struct gord_daemon *d);
void gord_daemon_close_signals(struct gord_daemon *d);

/* By SIGHUP, or by a call, which has a report; see daemon/service/reload.h. `arg` is the daemon. */
int gord_daemon_reload(void *arg, const struct gord_reload_report *report,
                       struct gord_reloaded *out_reloaded);

/* By SIGUSR2, or by a call, whose answer is sent before it begins; see daemon/service/upgrade.h. `arg` is
 * the daemon. */
void gord_daemon_upgrade_soon(void *arg, const struct gord_upgrade_wish *wish);

/* How long jobs are awaited then that are. */
int64_t gord_daemon_awaits_ns(void *arg);

/* What ended with the upgrade that we come from; NULL: none, or not known. */
const struct gord_upgrade_ends *gord_daemon_ended(struct gord_daemon *d);
void gord_daemon_tell_ended(struct gord_daemon *d);

/* Whoever wished it has gone. */
void gord_daemon_upgrade_forget(void *arg);

/* If somebody is asked, he need not answer any more; `why` is for whoever wished it. */
void gord_daemon_upgrade_drop(struct gord_daemon *d, const char *why);

/* All is closed. Comes back only if neither binary could be run. */
void gord_daemon_upgrade(struct gord_daemon *d, struct gord_handed *notes);

#endif
