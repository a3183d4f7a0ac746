/* SPDX-License-Identifier: MIT */
/* stop.c - see stop.h. */
#include "daemon/stop.h"

#include <inttypes.h>

#include "daemon/base/log.h"
#include "daemon/export.h"
#include "daemon/runner/handover.h"
#include "daemon/runner/runner.h"
#include "daemon/scrape.h"
#include "daemon/service/service.h"
#include "rpc/server.h"
#include "runtime/gor.h"

#define STOP_CAUSE "daemon stops"
#define UPGRADE_CAUSE "daemon is being replaced"
#define SLACK_MS 1000   /* after the grace, until the processes are killed for good */
#define ABANDON_MS 3000 /* after that, until native jobs are left to themselves */
#define COMMIT_MS 5000  /* for the last events to reach the disk */
#define CLIENTS_NS GOR_SECOND
#define BEAT_MS 5000
#define BEAT_EXTENDS_NS (20 * GOR_SECOND)

static void end_all(struct gord_stop *stop)
{
    stop->stage = GORD_STOP_ENDED;
    uv_close((uv_handle_t *)&stop->timer, NULL);
    uv_close((uv_handle_t *)&stop->beat, NULL);
    stop->ended(stop->arg);
}

static void on_clients_gone(struct rpc_server *server, void *user)
{
    (void)server;
    end_all(user);
}

static void end_clients(struct gord_stop *stop)
{
    stop->stage = GORD_STOP_CLIENTS;
    uv_timer_stop(&stop->timer);
    gord_scrape_stop(stop->scrape);
    gord_export_finish(stop->export); /* while the clients go */
    /* The notice first: whose call ends with UNAVAILABLE knows already that it is because we go. */
    rpc_server_drain(stop->server, CLIENTS_NS, on_clients_gone, stop);
    gord_service_end(stop->service);
}

static void on_commit_late(uv_timer_t *timer)
{
    gord_log(GORD_LOG_ERROR, 0, "the store is late; stopping without its answer");
    end_clients(timer->data);
}

/* On every turn while the last events are on their way to the disk. */
static void on_flush(void *arg)
{
    struct gord_stop *stop = arg;

    if (stop->stage == GORD_STOP_COMMITTING &&
        (gord_bus_committed(stop->bus) == gord_bus_last_seq(stop->bus) ||
         gord_bus_store_error(stop->bus, NULL) != 0)) {
        end_clients(stop);
    }
}

/* What became of jobs that cannot go on, for the next daemon to tell. */
static void on_applied(void *arg, struct gord_event *event, struct gord_job *job)
{
    struct gord_stop *stop = arg;
    if (stop->stage == GORD_STOP_SERVING ||
        (job->kind != GORD_NATIVE &&
         job->kind != GORD_LUA)) { /* programs go on; a group is no run */
        return;
    }
    struct gord_ends *ends = &stop->ends[job->kind];
    if (event->kind == GORD_EVENT_REQUEUED) {
        ends->requeued++;
    } else if (event->kind == GORD_EVENT_FINISHED && job->outcome == GOR__V1__OUTCOME__CANCELLED) {
        ends->cancelled++;
    } else if (event->kind == GORD_EVENT_FINISHED) {
        ends->awaited++;
    }
}

static void on_jobs_ended(void *arg)
{
    struct gord_stop *stop = arg;

    if (stop->stage == GORD_STOP_AWAITING || stop->stage == GORD_STOP_ENDING_JOBS) {
        stop->stage = GORD_STOP_COMMITTING;
        uv_timer_start(&stop->timer, on_commit_late, COMMIT_MS, 0);
        gord_bus_wake(stop->bus);
    }
}

static void on_abandon(uv_timer_t *timer)
{
    struct gord_stop *stop = timer->data;

    gord_runner_abandon(stop->runner, STOP_CAUSE "; it did not end when asked and was left");
    on_jobs_ended(stop);
}

static void hurry(struct gord_stop *stop)
{
    if (!stop->hurried) {
        stop->hurried = true;
        gord_runner_hurry(stop->runner);
        uv_timer_start(&stop->timer, on_abandon, ABANDON_MS, 0);
    }
}

static void on_grace_over(uv_timer_t *timer)
{
    hurry(timer->data);
}

static uint64_t grace_ms(const struct gord_config *config)
{
    return (uint64_t)(config->grace_ns / GOR_MILLISECOND) + SLACK_MS;
}

int64_t gord_stop_keeps_ns(const struct gord_config *config)
{
    uint64_t last_ms = grace_ms(config) + ABANDON_MS + COMMIT_MS + CLIENTS_NS / GOR_MILLISECOND;

    last_ms += config->otlp_endpoint != NULL ? GORD_EXPORT_LAST_MS : 0;
    return (int64_t)last_ms * GOR_MILLISECOND;
}

int64_t gord_stop_awaits_ns(const struct gord_config *config)
{
    int64_t left_ns = config->stop_timeout_ns - gord_stop_keeps_ns(config);

    return left_ns > 0 ? left_ns : 0;
}

/* What was awaited is ended now; it has its grace. */
static void await_no_longer(struct gord_stop *stop)
{
    stop->stage = GORD_STOP_ENDING_JOBS;
    uv_timer_start(&stop->timer, on_grace_over, grace_ms(stop->config), 0);
    gord_runner_wait_no_longer(stop->runner);
}

static void on_time(uv_timer_t *timer)
{
    struct gord_stop *stop = timer->data;
    uint64_t left = gord_runner_running(stop->runner);

    if (left > 0) {
        gord_log(GORD_LOG_NOTICE, 0,
                 left == 1 ? "%" PRIu64 " job still runs; it is ended, if it was awaited"
                           : "%" PRIu64 " jobs still run; those that were awaited are ended",
                 left);
    }
    await_no_longer(stop);
}

static void on_beat(uv_timer_t *timer)
{
    struct gord_stop *stop = timer->data;

    if (gor_now() < stop->ends_ns) {
        gord_notify_extend(stop->notify, BEAT_EXTENDS_NS);
    }
}

void gord_stop_open(struct gord_stop *stop)
{
    stop->stage = GORD_STOP_SERVING;
    stop->hurried = false;
    uv_timer_init(stop->loop, &stop->timer);
    uv_timer_init(stop->loop, &stop->beat);
    stop->timer.data = stop;
    stop->beat.data = stop;
    stop->hook = (struct gord_bus_hook){.applied = on_applied, .flush = on_flush, .arg = stop};
    gord_bus_follow(stop->bus, &stop->hook);
}

void gord_stop_begin(struct gord_stop *stop)
{
    int64_t awaits_ns = gord_stop_awaits_ns(stop->config);

    stop->stage = GORD_STOP_AWAITING;
    stop->ends_ns = gor_after(awaits_ns + gord_stop_keeps_ns(stop->config));
    gord_service_refuse_work(stop->service);
    uv_timer_start(&stop->timer, on_time, (uint64_t)(awaits_ns / GOR_MILLISECOND), 0);
    uv_timer_start(&stop->beat, on_beat, 0, BEAT_MS);
    if (stop->leaving) {
        gord_runner_hand_over(stop->runner, stop->patient, UPGRADE_CAUSE, on_jobs_ended, stop);
    } else {
        gord_runner_drain(stop->runner, STOP_CAUSE, on_jobs_ended, stop);
        if (!gord_runner_awaits(stop->runner)) {
            await_no_longer(stop); /* so the grace begins now */
        }
    }
}

bool gord_stop_has_begun(const struct gord_stop *stop)
{
    return stop->stage != GORD_STOP_SERVING;
}

void gord_stop_hurry(struct gord_stop *stop)
{
    if (stop->hurried) {
        return; /* the timer is that of the end already */
    }
    if (stop->stage == GORD_STOP_AWAITING || stop->stage == GORD_STOP_ENDING_JOBS) {
        gord_log(GORD_LOG_NOTICE, 0, "asked again: not waiting out the grace");
        await_no_longer(stop);
        hurry(stop);
    }
}
