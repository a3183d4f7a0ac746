/* SPDX-License-Identifier: MIT */
#include "daemon/service/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/crashpoint.h"
#include "daemon/base/log.h"
#include "daemon/event/ask.h"
#include "daemon/runner/text.h"
#include "daemon/service/auth.h"
#include "daemon/service/crons.h"
#include "daemon/service/import.h"
#include "daemon/service/request.h"
#include "daemon/service/state.h"
#include "daemon/service/trail.h"
#include "daemon/service/violation.h"
#include "gor/v1/crons.pb-c.h"
#include "gor/v1/plugins.pb-c.h"
#include "gor/v1/queues.pb-c.h"
#include "gor/v1/tokens.pb-c.h"

#define MESSAGE(name) &gor__v1__##name##__descriptor

/* Requests that are a few numbers need no 4 MiB; lists of ids do. */
#define SMALL 4096
#define WEIGHTS ((size_t)64 * 1024)
#define IDS ((size_t)1024 * 1024)
/* What goes to a job's input at once, and what is wrapped around it. */
#define SEND ((size_t)128 * 1024)
/* Each of many programs brings its environment; below what a connection may have in flight. */
#define MANY ((size_t)24 * 1024 * 1024)

static const struct rpc_method methods[] = {
    {"/gor.v1.Jobs/Submit", RPC_UNARY, MESSAGE(submit_request), MESSAGE(submit_reply), 0,
     gord_jobs_submit, NULL, NULL},
    {"/gor.v1.Jobs/SubmitMany", RPC_UNARY, MESSAGE(submit_many_request), MESSAGE(submit_many_reply),
     MANY, gord_jobs_submit_many, NULL, NULL},
    {"/gor.v1.Jobs/SubmitStream", RPC_BIDI, MESSAGE(submit_request), MESSAGE(submit_result), 0,
     gord_jobs_submit_stream, gord_jobs_submit_streamed, gord_jobs_submit_stream_ends},
    {"/gor.v1.Jobs/Get", RPC_UNARY, MESSAGE(get_request), MESSAGE(get_reply), SMALL, gord_jobs_get,
     NULL, NULL},
    {"/gor.v1.Jobs/Why", RPC_UNARY, MESSAGE(why_request), MESSAGE(why_reply), SMALL, gord_jobs_why,
     NULL, NULL},
    {"/gor.v1.Jobs/List", RPC_UNARY, MESSAGE(list_request), MESSAGE(list_reply), IDS,
     gord_jobs_list, NULL, NULL},
    {"/gor.v1.Jobs/Select", RPC_UNARY, MESSAGE(select_request), MESSAGE(select_reply), IDS,
     gord_jobs_select, NULL, NULL},
    {"/gor.v1.Jobs/Count", RPC_UNARY, MESSAGE(count_request), MESSAGE(count_reply), IDS,
     gord_jobs_count, NULL, NULL},
    {"/gor.v1.Jobs/Tree", RPC_UNARY, MESSAGE(tree_request), MESSAGE(tree_reply), SMALL,
     gord_jobs_tree, NULL, NULL},
    {"/gor.v1.Jobs/Cancel", RPC_UNARY, MESSAGE(cancel_request), MESSAGE(cancel_reply), IDS,
     gord_jobs_cancel, NULL, NULL},
    {"/gor.v1.Jobs/Wait", RPC_UNARY, MESSAGE(wait_request), MESSAGE(wait_reply), IDS,
     gord_jobs_wait, NULL, NULL},
    {"/gor.v1.Jobs/Watch", RPC_SERVER_STREAM, MESSAGE(watch_request), MESSAGE(event), IDS,
     gord_jobs_watch, NULL, NULL},
    {"/gor.v1.Jobs/Logs", RPC_SERVER_STREAM, MESSAGE(logs_request), MESSAGE(log_chunk), SMALL,
     gord_jobs_logs, NULL, NULL},
    {"/gor.v1.Jobs/Pause", RPC_UNARY, MESSAGE(pause_request), MESSAGE(pause_reply), SMALL,
     gord_jobs_pause, NULL, NULL},
    {"/gor.v1.Jobs/Resume", RPC_UNARY, MESSAGE(resume_request), MESSAGE(resume_reply), SMALL,
     gord_jobs_resume, NULL, NULL},
    {"/gor.v1.Jobs/Drain", RPC_SERVER_STREAM, MESSAGE(drain_request), MESSAGE(drain_status), SMALL,
     gord_jobs_drain, NULL, NULL},
    {"/gor.v1.Jobs/Undrain", RPC_UNARY, MESSAGE(undrain_request), MESSAGE(undrain_reply), SMALL,
     gord_jobs_undrain, NULL, NULL},
    {"/gor.v1.Jobs/PauseJobs", RPC_UNARY, MESSAGE(pause_jobs_request), MESSAGE(control_reply), IDS,
     gord_jobs_pause_jobs, NULL, NULL},
    {"/gor.v1.Jobs/ResumeJobs", RPC_UNARY, MESSAGE(resume_jobs_request), MESSAGE(control_reply),
     IDS, gord_jobs_resume_jobs, NULL, NULL},
    {"/gor.v1.Jobs/Signal", RPC_UNARY, MESSAGE(signal_request), MESSAGE(control_reply), IDS,
     gord_jobs_signal, NULL, NULL},
    {"/gor.v1.Jobs/Send", RPC_UNARY, MESSAGE(send_request), MESSAGE(send_reply), SEND,
     gord_jobs_send, NULL, NULL},
    {"/gor.v1.Store/Backup", RPC_SERVER_STREAM, MESSAGE(backup_request), MESSAGE(inspect_chunk),
     SMALL, gord_store_backup, NULL, NULL},
    {"/gor.v1.Store/Audit", RPC_SERVER_STREAM, MESSAGE(audit_request), MESSAGE(inspect_chunk),
     SMALL, gord_store_audit, NULL, NULL},
    {"/gor.v1.Store/Import", RPC_BIDI, MESSAGE(import_request), MESSAGE(import_result), MANY,
     gord_store_import, gord_store_imported, gord_store_import_ends},
    {"/gor.v1.Jobs/Hold", RPC_UNARY, MESSAGE(act_request), MESSAGE(act_reply), IDS, gord_jobs_hold,
     NULL, NULL},
    {"/gor.v1.Jobs/Release", RPC_UNARY, MESSAGE(act_request), MESSAGE(act_reply), IDS,
     gord_jobs_release, NULL, NULL},
    {"/gor.v1.Jobs/Terminate", RPC_UNARY, MESSAGE(act_request), MESSAGE(act_reply), IDS,
     gord_jobs_terminate, NULL, NULL},
    {"/gor.v1.Jobs/Rerun", RPC_UNARY, MESSAGE(act_request), MESSAGE(act_reply), IDS,
     gord_jobs_rerun, NULL, NULL},
    {"/gor.v1.Jobs/Update", RPC_UNARY, MESSAGE(update_request), MESSAGE(act_reply), IDS,
     gord_jobs_update, NULL, NULL},
    {"/gor.v1.Jobs/Retry", RPC_UNARY, MESSAGE(act_request), MESSAGE(act_reply), IDS,
     gord_jobs_retry, NULL, NULL},
    {"/gor.v1.Jobs/Remove", RPC_UNARY, MESSAGE(act_request), MESSAGE(act_reply), IDS,
     gord_jobs_remove, NULL, NULL},
    {"/gor.v1.Queues/SetQueue", RPC_UNARY, MESSAGE(set_queue_request), MESSAGE(queue), WEIGHTS,
     gord_queues_set_queue, NULL, NULL},
    {"/gor.v1.Queues/SetPool", RPC_UNARY, MESSAGE(set_pool_request), MESSAGE(pool), SMALL,
     gord_queues_set_pool, NULL, NULL},
    {"/gor.v1.Queues/List", RPC_UNARY, MESSAGE(list_queues_request), MESSAGE(list_queues_reply),
     SMALL, gord_queues_list, NULL, NULL},
    {"/gor.v1.Queues/RemoveQueue", RPC_UNARY, MESSAGE(remove_queue_request),
     MESSAGE(remove_queue_reply), SMALL, gord_queues_remove_queue, NULL, NULL},
    {"/gor.v1.Queues/RemovePool", RPC_UNARY, MESSAGE(remove_pool_request),
     MESSAGE(remove_pool_reply), SMALL, gord_queues_remove_pool, NULL, NULL},
    {"/gor.v1.Queues/PauseQueue", RPC_UNARY, MESSAGE(pause_queue_request), MESSAGE(queue), SMALL,
     gord_queues_pause_queue, NULL, NULL},
    {"/gor.v1.Queues/ResumeQueue", RPC_UNARY, MESSAGE(resume_queue_request), MESSAGE(queue), SMALL,
     gord_queues_resume_queue, NULL, NULL},
    {"/gor.v1.Queues/SetRate", RPC_UNARY, MESSAGE(set_rate_request), MESSAGE(rate), SMALL,
     gord_queues_set_rate, NULL, NULL},
    {"/gor.v1.Queues/RemoveRate", RPC_UNARY, MESSAGE(remove_rate_request),
     MESSAGE(remove_rate_reply), SMALL, gord_queues_remove_rate, NULL, NULL},
    {"/gor.v1.Runtime/Stats", RPC_UNARY, MESSAGE(stats_request), MESSAGE(stats_reply), SMALL,
     gord_runtime_stats, NULL, NULL},
    {"/gor.v1.Runtime/GetGomaxprocs", RPC_UNARY, MESSAGE(get_gomaxprocs_request),
     MESSAGE(gomaxprocs), SMALL, gord_runtime_get_gomaxprocs, NULL, NULL},
    {"/gor.v1.Runtime/SetGomaxprocs", RPC_UNARY, MESSAGE(set_gomaxprocs_request),
     MESSAGE(gomaxprocs), SMALL, gord_runtime_set_gomaxprocs, NULL, NULL},
    {"/gor.v1.Runtime/Goroutines", RPC_SERVER_STREAM, MESSAGE(goroutines_request),
     MESSAGE(goroutines_reply), SMALL, gord_runtime_goroutines, NULL, NULL},
    {"/gor.v1.Runtime/Inspect", RPC_SERVER_STREAM, MESSAGE(inspect_request), MESSAGE(inspect_chunk),
     SMALL, gord_runtime_inspect, NULL, NULL},
    {"/gor.v1.Plugins/ListPlugins", RPC_UNARY, MESSAGE(list_plugins_request),
     MESSAGE(list_plugins_reply), SMALL, gord_plugins_list_all, NULL, NULL},
    {"/gor.v1.Plugins/ReloadPlugins", RPC_UNARY, MESSAGE(reload_plugins_request),
     MESSAGE(reload_plugins_reply), SMALL, gord_plugins_reload_all, NULL, NULL},
    {"/gor.v1.Crons/Put", RPC_UNARY, MESSAGE(put_cron_request), MESSAGE(cron), 0, gord_crons_put,
     NULL, NULL},
    {"/gor.v1.Crons/List", RPC_UNARY, MESSAGE(list_crons_request), MESSAGE(list_crons_reply), SMALL,
     gord_crons_list, NULL, NULL},
    {"/gor.v1.Crons/Show", RPC_UNARY, MESSAGE(show_cron_request), MESSAGE(cron), SMALL,
     gord_crons_show, NULL, NULL},
    {"/gor.v1.Crons/Delete", RPC_UNARY, MESSAGE(delete_cron_request), MESSAGE(delete_cron_reply),
     SMALL, gord_crons_delete, NULL, NULL},
    {"/gor.v1.Crons/Pause", RPC_UNARY, MESSAGE(pause_cron_request), MESSAGE(cron), SMALL,
     gord_crons_pause, NULL, NULL},
    {"/gor.v1.Crons/Resume", RPC_UNARY, MESSAGE(resume_cron_request), MESSAGE(cron), SMALL,
     gord_crons_resume, NULL, NULL},
    {"/gor.v1.Crons/Preview", RPC_UNARY, MESSAGE(preview_cron_request), MESSAGE(preview_cron_reply),
     SMALL, gord_crons_preview, NULL, NULL},
    {"/gor.v1.Crons/Run", RPC_UNARY, MESSAGE(run_cron_request), MESSAGE(run_cron_reply), SMALL,
     gord_crons_run, NULL, NULL},
    {"/gor.v1.Tokens/CreateToken", RPC_UNARY, MESSAGE(create_token_request),
     MESSAGE(create_token_reply), SMALL, gord_tokens_create, NULL, NULL},
    {"/gor.v1.Tokens/ListTokens", RPC_UNARY, MESSAGE(list_tokens_request),
     MESSAGE(list_tokens_reply), SMALL, gord_tokens_list, NULL, NULL},
    {"/gor.v1.Tokens/ShowToken", RPC_UNARY, MESSAGE(show_token_request), MESSAGE(token), SMALL,
     gord_tokens_show, NULL, NULL},
    {"/gor.v1.Tokens/RevokeToken", RPC_UNARY, MESSAGE(revoke_token_request), MESSAGE(token), SMALL,
     gord_tokens_revoke, NULL, NULL},
    {"/gor.v1.Runtime/Version", RPC_UNARY, MESSAGE(version_request), MESSAGE(version_reply), SMALL,
     gord_runtime_version, NULL, NULL},
    {"/gor.v1.Runtime/Surroundings", RPC_UNARY, MESSAGE(surroundings_request),
     MESSAGE(surroundings_reply), SMALL, gord_runtime_surroundings, NULL, NULL},
    {"/gor.v1.Queues/ListOwners", RPC_UNARY, MESSAGE(list_owners_request),
     MESSAGE(list_owners_reply), SMALL, gord_queues_list_owners, NULL, NULL},
    {"/gor.v1.Runtime/Reload", RPC_UNARY, MESSAGE(reload_request), MESSAGE(reload_reply), SMALL,
     gord_runtime_reload, NULL, NULL},
    {"/gor.v1.Runtime/Upgrade", RPC_UNARY, MESSAGE(upgrade_request), MESSAGE(upgrade_reply), SMALL,
     gord_runtime_upgrade, NULL, NULL},
    {"/gor.v1.Runtime/PlanUpgrade", RPC_UNARY, MESSAGE(plan_upgrade_request),
     MESSAGE(plan_upgrade_reply), SMALL, gord_runtime_plan_upgrade, NULL, NULL},
};

bool gord_service_is_closing(const struct gord_service *service)
{
    return service->draining && !gord_runner_is_awaiting(service->runner);
}

void gord_fail(struct rpc_call *call, enum wire_status status, const char *format, ...)
{
    char raw[1024];
    char clean[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(raw, sizeof(raw), format, args);
    va_end(args);
    gord_text_clean(raw, strlen(raw), clean, sizeof(clean));
    if (status == WIRE_INVALID_ARGUMENT) {
        gord_violation_tell(call, clean);
    }
    rpc_call_finish(call, status, "%s", clean);
}

enum wire_status gord_store_status_code(int error)
{
    switch (error) {
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
    case -ENOMEM:
        return WIRE_RESOURCE_EXHAUSTED;
    default:
        return WIRE_UNAVAILABLE;
    }
}

/* ------------------------------------------------------------------ acknowledgements */

int gord_acks_add(struct gord_service *service, const struct gord_ack *ack)
{
    if (ack->seq <= gord_bus_committed(service->bus)) {
        struct gord_ack now = *ack;
        now.fn(service, &now, 0);
        return 0;
    }
    struct gord_ack *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return -ENOMEM;
    }
    *copy = *ack;
    copy->next = NULL;
    *(service->acks_last != NULL ? &service->acks_last->next : &service->acks) = copy;
    service->acks_last = copy;
    return 0;
}

static void finish_first(struct gord_service *service, int error)
{
    struct gord_ack *ack = service->acks;

    service->acks = ack->next;
    if (service->acks == NULL) {
        service->acks_last = NULL;
    }
    GORD_CRASHPOINT(ACK_BEFORE);
    ack->fn(service, ack, error);
    GORD_CRASHPOINT(ACK_AFTER);
    free(ack);
}

void gord_acks_committed(struct gord_service *service)
{
    while (service->acks != NULL && service->acks->seq <= gord_bus_committed(service->bus)) {
        finish_first(service, 0);
    }
}

void gord_acks_fail(struct gord_service *service, int error)
{
    while (service->acks != NULL) {
        finish_first(service, error);
    }
}

/* ------------------------------------------------------------------ jobs in general */

bool gord_is_settled(struct gord_service *service, uint64_t id)
{
    struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);

    if (job == NULL) {
        return true;
    }
    return job->state == GOR__V1__JOB_STATE__TERMINATED &&
           (job->last_seq <= gord_bus_committed(service->bus) || service->store_error != 0);
}

int gord_knows(struct gord_service *service, uint64_t id)
{
    struct gord_row row;

    if (gord_job_find(gord_bus_table(service->bus), id) != NULL) {
        return 0;
    }
    int result = gord_reader_job(gord_bus_reader(service->bus), id, false, &row);
    if (result == 0) {
        gord_row_fini(&row);
    }
    return result;
}

bool gord_knows_or_fail(struct gord_service *service, struct rpc_call *call, uint64_t id)
{
    int result = gord_knows(service, id);

    if (result == -ENOENT) {
        gord_fail(call, WIRE_NOT_FOUND, "there is no job %" PRIu64, id);
    } else if (result != 0) {
        gord_fail(call, wire_status_from_errno(result), "cannot look up job %" PRIu64 ": %s", id,
                  strerror(-result));
    }
    return result == 0;
}

/* ------------------------------------------------------------------ following the bus */

static int take_back_key(void *arg, struct gord_job *job)
{
    struct gord_service *service = arg;

    if (job->body == NULL || job->body->spec == NULL || job->body->spec->unique[0] == '\0') {
        return 0;
    }
    return gord_unique_add(&service->unique, job->body->uid, job->body->spec->unique, job->id);
}

/* A job has its unique key from its submission to its end. */
static void follow_key(struct gord_service *service, const struct gord_event *event,
                       struct gord_job *job)
{
    const struct gord_spec *spec = job->body != NULL ? job->body->spec : NULL;

    if (spec == NULL || spec->unique[0] == '\0') {
        return;
    }
    if (event->kind == GORD_EVENT_FINISHED) {
        gord_unique_remove(&service->unique, job->body->uid, spec->unique, job->id);
    } else if (take_back_key(service, job) != 0) {
        gord_log_of(GORD_LOG_ERROR, job->id, gord_ask_queue(spec->lane),
                    "out of memory: its unique key is not kept");
    }
}

static void on_applied(void *arg, struct gord_event *event, struct gord_job *job)
{
    struct gord_service *service = arg;

    if (event->kind == GORD_EVENT_SUBMITTED || event->kind == GORD_EVENT_FINISHED ||
        event->kind == GORD_EVENT_REVIVED) {
        follow_key(service, event, job);
    }
    /* While the store refuses, nobody waits for the commit. */
    service->ended_some |= event->kind == GORD_EVENT_FINISHED && service->store_error != 0;
    service->moved_some |= event->kind == GORD_EVENT_FINISHED ||
                           (event->kind == GORD_EVENT_STARTED && event->pid != 0);
}

static void on_committed(void *arg, struct gord_event *const *events, size_t count)
{
    struct gord_service *service = arg;
    bool ended_some = false;

    for (size_t i = 0; i < count && !ended_some; i++) {
        ended_some = events[i]->kind == GORD_EVENT_FINISHED;
    }
    service->ended_some |= ended_some || service->state_waits > 0;
    if (ended_some) {
        gord_job_asks_flush(service); /* while the table has their last events */
    }
    gord_acks_committed(service);
    gord_requests_settle(service, 0);
}

static void on_health(void *arg, int error, const char *text)
{
    struct gord_service *service = arg;

    (void)text;
    service->store_error = error;
    if (error != 0) {
        gord_acks_fail(service, error);
        gord_requests_settle(service, error);
        service->ended_some = true; /* those who wait need not wait for the disk */
    }
    rpc_health_set(service->server, "gor.v1.Jobs", error == 0);
}

static void on_flush(void *arg)
{
    struct gord_service *service = arg;

    gord_manys_flush(service);
    gord_watches_flush(service);
    gord_drains_flush(service);
    if (service->moved_some) {
        service->moved_some = false;
        gord_sends_flush(service);
    }
    if (service->ended_some) {
        service->ended_some = false;
        gord_waits_flush(service);
        if (service->store_error != 0) {
            gord_job_asks_flush(service); /* else they were told as it was committed */
        }
        gord_follows_flush(service);
    }
}

static void on_log(void *arg, uint64_t id)
{
    gord_follows_log(arg, id);
}

/* ------------------------------------------------------------------ life cycle */

static void init_lists(struct gord_service *service)
{
    list_init(&service->waits);
    list_init(&service->job_asks);
    list_init(&service->watches);
    list_init(&service->follows);
    list_init(&service->inspections);
    list_init(&service->submit_streams);
    list_init(&service->drains);
    list_init(&service->sends);
    list_init(&service->backups);
    list_init(&service->imports);
    list_init(&service->trail_readings);
    list_init(&service->removals);
    list_init(&service->keepings);
    list_init(&service->manys);
}

struct gord_export_counts *gord_service_exports(struct gord_service *service)
{
    return &service->exports;
}

void gord_service_set_hide_env(struct gord_service *service, const char *patterns)
{
    service->hide_env = patterns;
}

/* What is on record, and the methods. The calendar is last, since it is not undone before the loop has run.
 * The methods are not undone: the server listens to nobody yet. */
static int take_back(struct gord_service *service)
{
    struct gord_bus *bus = service->bus;
    int result = gord_job_each(gord_bus_table(bus), take_back_key, service);

    if (result != 0) {
        goto fini_unique;
    }
    result = gord_tokens_open(&service->tokens, gord_bus_store(bus), gord_bus_reader(bus),
                              service->server);
    if (result != 0) {
        goto fini_tokens;
    }
    result =
        rpc_server_add(service->server, methods, sizeof(methods) / sizeof(methods[0]), service);
    if (result != 0) {
        goto fini_tokens;
    }
    result = gord_crons_open(service);
    if (result != 0) {
        goto free_crons;
    }
    return 0;

free_crons:
    gord_crons_free(service);
fini_tokens:
    gord_tokens_fini(&service->tokens);
fini_unique:
    gord_unique_fini(&service->unique);
    return result;
}

int gord_service_new(const struct gord_service_opts *opts, struct gord_service **out_service)
{
    struct gord_service *service = calloc(1, sizeof(*service));

    if (service == NULL) {
        return -ENOMEM;
    }
    init_lists(service);
    service->loop = opts->loop;
    service->bus = opts->bus;
    service->runner = opts->runner;
    service->server = opts->server;
    service->state_dir = opts->state_dir;
    service->auth = opts->auth;
    service->trail = opts->trail;
    gord_service_set_hide_env(service, opts->hide_env);
    service->memory = opts->memory;
    service->reloader = opts->reloader;
    service->upgrader = opts->upgrader;
    service->started_ns = gor_now();
    int result = take_back(service);
    if (result != 0) {
        free(service);
        return result;
    }
    gord_tokens_start(&service->tokens, opts->loop);
    service->auth->tokens = &service->tokens;
    uv_timer_init(opts->loop, &service->progress_timer);
    service->progress_timer.data = service;
    service->hook = (struct gord_bus_hook){.applied = on_applied,
                                           .committed = on_committed,
                                           .health = on_health,
                                           .flush = on_flush,
                                           .arg = service};
    gord_bus_follow(opts->bus, &service->hook);
    gord_runner_on_log(opts->runner, on_log, service);
    gord_runner_on_recall(opts->runner, gord_import_recall, service);
    gord_runner_on_ask(opts->runner, gord_job_asks_take, service);
    gord_crons_start(service);
    if (service->trail != NULL) {
        gord_trail_watch(service->trail, gord_trail_readings_flush, service);
    }
    *out_service = service;
    return 0;
}

void gord_service_refuse_work(struct gord_service *service)
{
    service->draining = true;
}

void gord_service_end(struct gord_service *service)
{
    if (service == NULL || service->ended) {
        return;
    }
    service->ended = true;
    service->auth->over =
        true; /* clients may begin calls until they have heard that they should not */
    gord_manys_end(service);
    gord_crons_close(service);
    gord_acks_fail(service, -ECANCELED);
    gord_submit_streams_end(service);
    gord_imports_end(service);
    gord_drains_end(service);
    gord_waits_end(service);
    gord_job_asks_end(service);
    gord_watches_end(service);
    gord_follows_end(service);
    gord_awaited_fini(&service->awaited);
    gord_inspections_end(service);
    gord_sends_end(service);
    uv_close((uv_handle_t *)&service->progress_timer, NULL);
    gord_backups_end(service);
    gord_trail_readings_end(service);
    gord_removals_end(service);
    gord_keepings_end(service);
    gord_tokens_close(&service->tokens);
}

void gord_service_free(struct gord_service *service)
{
    if (service != NULL) {
        gord_requests_settle(service, -ECANCELED);
        gord_crons_free(service);
        gord_tokens_fini(&service->tokens);
        gord_unique_fini(&service->unique);
        gord_env_unref(service->last_env);
        free(service->drained);
        free(service);
    }
}
