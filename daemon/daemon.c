/* SPDX-License-Identifier: MIT */
/* daemon.c - see daemon.h. */
#include "daemon/daemon.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/check_config.h"
#include "daemon/daemon_inside.h"
#include "daemon/runner/handover.h"
#include "daemon/store/lock.h"
#include "daemon/upgrade.h"

/* A look at a run that hangs may hang itself. */
#define LOOKS_NS (5 * GOR_SECOND)

static void end_loop(void *arg)
{
    struct gord_daemon *d = arg;

    gord_daemon_hold_signals(d);
    gord_pulse_stop(&d->pulse);
    uv_stop(&d->loop);
}

static void open_stop(struct gord_daemon *d)
{
    d->stop = (struct gord_stop){.config = d->config,
                                 .loop = &d->loop,
                                 .notify = &d->notify,
                                 .bus = d->bus,
                                 .runner = d->runner,
                                 .service = d->service,
                                 .server = d->server,
                                 .scrape = d->scrape,
                                 .export = d->export,
                                 .ended = end_loop,
                                 .arg = d};
    gord_stop_open(&d->stop);
}

/* Let closing handles run their callbacks; what does not close in time stays. */
static void run_out(struct gord_daemon *d)
{
    for (int turns = 0; d->has_loop && turns < 1000 && uv_run(&d->loop, UV_RUN_NOWAIT) != 0;
         turns++) {
    }
}

/* Whether nobody looks any more where a run stands, which he does at what is about to go. */
static bool await_looks(struct gord_daemon *d)
{
    int64_t until = gor_after(LOOKS_NS);

    while (d->runner != NULL && gord_runner_is_looking(d->runner) && gor_now() < until) {
        (void)uv_run(&d->loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
    return d->runner == NULL || !gord_runner_is_looking(d->runner);
}

static void finish(struct gord_daemon *d)
{
    gord_scrape_stop(d->scrape);
    gord_export_stop(d->export);
    bool looked = await_looks(d);
    int result = d->runtime_runs ? gor_stop() : 0;
    bool quiet = result == 0 && looked; /* nobody can touch anything any more */

    if (result != 0) {
        gord_log(GORD_LOG_WARNING, 0,
                 "a native job, or the start of a program, does not end; leaving it behind");
    }
    gord_service_end(d->service);
    rpc_server_free(d->server);
    gord_trail_close(d->trail);
    if (d->bus != NULL && gord_bus_close(d->bus) != 0) {
        gord_log(GORD_LOG_ERROR, 0, "the last events could not be stored");
        d->code = d->code == GORD_EXIT_OK ? GORD_EXIT_INTERNAL : d->code;
    }
    gord_runner_stop(d->runner);
    /* Only now: one that was left after the loop's last turn is among what that takes in. */
    struct gord_handed notes =
        d->runner != NULL ? gord_runner_take_notes(d->runner) : (struct gord_handed){0};
    run_out(d);
    gord_notify_close(&d->notify);
    if (d->serving && d->stop.leaving && d->code == GORD_EXIT_OK) {
        gord_runner_kill_rest(d->runner, &notes, quiet);
        gord_daemon_upgrade(d, &notes);
    }
    if (d->serving) {
        gord_runner_kill_rest(d->runner, NULL, quiet); /* nobody goes on with them */
    }
    gord_handed_free(&notes);
    if (!quiet) {
        _exit((int)d->code); /* its memory must stay for as long as it runs */
    }
    gord_scrape_free(d->scrape);
    gord_export_free(d->export);
    gord_service_free(d->service);
    gord_runner_free(d->runner);
    gord_bus_free(d->bus);
    if (d->serving) {
        gord_daemon_close_signals(d);
        run_out(d);
    }
    if (d->has_loop) {
        uv_loop_close(&d->loop);
    }
    gord_lock_close(d->lock_fd);
}

/* How we came to be, if not by a start. */
static void tell_of_upgrade(struct gord_daemon *d)
{
    if (d->from == NULL) {
        return;
    }
    if (d->from->failure[0] != '\0') {
        gord_log(GORD_LOG_ERROR, 0, "no upgrade: %s; going on as gord %s", d->from->failure,
                 GOR_VERSION);
    } else {
        gord_log(GORD_LOG_NOTICE, 0, "took over from gord %s within %" PRId64 " ms",
                 d->from->version, (gor_now() - d->from->began_ns) / GOR_MILLISECOND);
    }
    gord_daemon_tell_ended(d);
}

enum gord_exit gord_daemon_run(struct gord_config *config, struct gord_upgrade *upgrade)
{
    struct gord_daemon *d = calloc(1, sizeof(*d));

    if (d == NULL) {
        return GORD_EXIT_INTERNAL;
    }
    d->config = config;
    d->lock_fd = -1;
    d->notify.fd = -1;
    d->starting.notify = &d->notify;
    d->upgrade = upgrade;
    d->from = gord_upgrade_take();
    d->code = gord_daemon_start(d);
    if (d->code == GORD_EXIT_OK) {
        gord_daemon_watch_signals(d);
        open_stop(d);
        d->serving = true;
        gord_pulse_start(&d->pulse, &d->loop, &d->notify, d->bus);
        tell_of_upgrade(d);
        gord_check_log_doubts(config);
        gord_notify_ready(&d->notify, "serving");
        gord_log(GORD_LOG_NOTICE, 0, "gord %s serves, state in %s%s", GOR_VERSION,
                 config->state_dir, config->store_memory ? " (jobs in memory only)" : "");
        uv_run(&d->loop, UV_RUN_DEFAULT);
    }
    finish(d);
    if (d->from != NULL) {
        gor__handover__handover__free_unpacked(d->from, NULL);
    }
    enum gord_exit code = d->code;
    free(d);
    return code;
}
