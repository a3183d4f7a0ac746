/* SPDX-License-Identifier: MIT */
/* stop.h - the end of a serving daemon, in order and in bounded time: no new work; running jobs ended,
 * awaited or queued again as their policies say; everything on disk; clients told.
 *
 * The whole takes no longer than --stop-timeout, of which the last part is kept for ending by force
 * what was awaited, for the disk, and for clients. systemd is told every few seconds that it goes on:
 * only a loop that turns says so.
 *
 *     SERVING -begin-> AWAITING -time-> ENDING_JOBS -time-> (abandoned) -> COMMITTING -> CLIENTS -> ENDED
 *
 * Threads     loop thread.
 * Ownership   the memory and all it points at are the caller's, from open until the loop has run once
 *             after `ended`.
 */
#ifndef GORD_STOP_H
#define GORD_STOP_H

#include <stdbool.h>

#include <uv.h>

#include "daemon/base/config.h"
#include "daemon/base/notify.h"
#include "daemon/runner/bus.h"
#include "daemon/runner/runner.h"

struct gord_export;
struct gord_scrape;
struct gord_service;
struct rpc_server;

enum gord_stop_stage {
    GORD_STOP_SERVING,
    GORD_STOP_AWAITING,
    GORD_STOP_ENDING_JOBS,
    GORD_STOP_COMMITTING,
    GORD_STOP_CLIENTS,
    GORD_STOP_ENDED
};

struct gord_stop {
    /* Borrowed; set by the caller before open. */
    const struct gord_config *config;
    uv_loop_t *loop;
    struct gord_notify *notify;
    struct gord_bus *bus;
    struct gord_runner *runner;
    struct gord_service *service;
    struct rpc_server *server;
    struct gord_scrape *scrape; /* NULL: there is none */
    struct gord_export *export; /* the same */
    bool leaving;               /* programs are left to the next daemon; set before begin */
    bool patient;               /* and all others are awaited; the same */
    void (*ended)(void *arg);   /* all is done */
    void *arg;
    /* Inside. */
    enum gord_stop_stage stage;
    bool hurried;
    int64_t ends_ns; /* when the stop must be over */
    uv_timer_t timer;
    uv_timer_t beat;
    struct gord_bus_hook hook;
    struct gord_ends
        ends[GORD_KIND_COUNT]; /* of jobs that ended while we leave, but for programs */
};

/* How long a stop awaits jobs with that configuration; 0: not at all. */
int64_t gord_stop_awaits_ns(const struct gord_config *config);

/* What is kept back of --stop-timeout for the end. */
int64_t gord_stop_keeps_ns(const struct gord_config *config);

void gord_stop_open(struct gord_stop *stop);

void gord_stop_begin(struct gord_stop *stop);
bool gord_stop_has_begun(const struct gord_stop *stop);

/* Asked again: wait for nothing that can be ended. */
void gord_stop_hurry(struct gord_stop *stop);

#endif
