/* SPDX-License-Identifier: MIT */
/* state.h - what the files of this room share: the service, and the calls that wait in it.
 *
 * Threads     loop thread.
 */
#ifndef GORD_SERVICE_STATE_H
#define GORD_SERVICE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

#include "base/list.h"
#include "daemon/runner/bus.h"
#include "daemon/runner/runner.h"
#include "daemon/service/awaited.h"
#include "daemon/service/check.h"
#include "daemon/service/export_counts.h"
#include "daemon/service/reload.h"
#include "daemon/service/tokens.h"
#include "daemon/service/unique.h"
#include "daemon/service/upgrade.h"
#include "gor/v1/jobs.pb-c.h"
#include "gor/v1/runtime.pb-c.h"
#include "gor/v1/store.pb-c.h"
#include "rpc/server.h"

struct gord_ack;
struct gord_underway;
struct gord_inspection;
struct gord_job_ask;
struct gord_crons;
struct gord_trail;

struct gord_service {
    uv_loop_t *loop;
    struct gord_bus *bus;
    struct gord_runner *runner;
    struct rpc_server *server;
    const char *state_dir;
    struct gord_trail *trail; /* borrowed; NULL: none is kept */
    const char *hide_env;     /* patterns of names of secrets, besides the usual; NULL: no more */
    char *drained;            /* owned; by whom and why no new jobs are taken; NULL: they are */
    bool memory;
    bool draining;
    bool ended; /* gord_service_end was called */
    int store_error;
    int64_t started_ns; /* monotonic */
    struct gord_bus_hook hook;
    struct gord_env *last_env; /* owned reference: shared with the next job if it is equal */
    struct gord_ack *acks;     /* owned; ordered by seq */
    struct gord_ack *acks_last;
    struct list_link waits; /* list of owned struct gord_wait, by link; likewise the next ones */
    size_t state_waits;     /* of them, those for other states than the end */
    struct list_link watches;
    struct list_link follows;
    struct gord_awaited awaited;
    struct list_link inspections;
    struct list_link submit_streams;
    struct list_link drains;
    uv_timer_t progress_timer; /* runs while a watch wants progress */
    struct list_link sends;
    size_t send_count;
    struct list_link backups;
    struct list_link imports;
    uint64_t over_quota;   /* submissions refused for their owner's limit */
    uint64_t import_count; /* how many there have been */
    struct list_link trail_readings;
    struct list_link removals;
    struct list_link keepings;
    struct list_link manys;         /* of owned struct gord_many, those with more to do */
    struct gord_unique unique;      /* keys of live jobs */
    struct gord_underway *underway; /* owned; submissions with ids, see request.h */
    struct gord_underway *underway_last;
    struct gord_underway *underway_by_id[256];
    struct list_link job_asks; /* of jobs that wait for others; the loop's references */
    struct gord_crons *crons;  /* owned; the calendar, see crons.h */
    struct gord_auth *auth;    /* borrowed */
    struct gord_export_counts exports;
    struct gord_tokens tokens;
    struct gord_reloader reloader;
    struct gord_upgrader upgrader;
    bool ended_some; /* a FINISHED was committed since the last flush */
    bool moved_some; /* a job has got its process, or has ended, since then */
};

/* It stops, and awaits nobody who may need what is asked for. */
bool gord_service_is_closing(const struct gord_service *service);

/* End the call with an error; the text is made fit for the wire. One that refuses a field of the request
 * begins with it, as in "spec.exec.env[3] holds a NUL byte", and WIRE_INVALID_ARGUMENT tells clients which
 * it is; see violation.h. */
void gord_fail(struct rpc_call *call, enum wire_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ------------------------------------------------------------------ acknowledgements */

/* Something to do once everything up to `seq` is committed: fn(service, ack, 0), or with the
 * store's error once it refuses. It frees `data` and answers the call; the ack is the queue's. */
struct gord_ack {
    uint64_t seq;
    struct rpc_call *call;
    void (*fn)(struct gord_service *service, struct gord_ack *ack, int error);
    void *data;
    uint64_t first_id;
    uint64_t count;
    uint64_t tasks; /* of the array that was submitted; 0: it is none */
    struct gord_ack *next;
};

/* Queue a copy of `ack`, or do it at once when its seq is committed. -ENOMEM, nothing done. */
int gord_acks_add(struct gord_service *service, const struct gord_ack *ack);
void gord_acks_committed(struct gord_service *service);
void gord_acks_fail(struct gord_service *service, int error);

/* What the store's error means to a client. */
enum wire_status gord_store_status_code(int error);

/* ------------------------------------------------------------------ parts of the service */

void gord_waits_flush(struct gord_service *service);
void gord_waits_end(struct gord_service *service);
void gord_watches_flush(struct gord_service *service);
void gord_watches_end(struct gord_service *service);
void gord_follows_log(struct gord_service *service, uint64_t id);
void gord_follows_flush(struct gord_service *service);
void gord_follows_end(struct gord_service *service);
void gord_backups_end(struct gord_service *service);
void gord_imports_end(struct gord_service *service);
void gord_trail_readings_flush(void *arg); /* the service */
void gord_trail_readings_end(struct gord_service *service);
void gord_removals_end(struct gord_service *service);
void gord_keepings_end(struct gord_service *service);
void gord_inspections_end(struct gord_service *service);
void gord_job_asks_take(void *arg, struct gord_job_ask *ask); /* arg: the service */
void gord_job_asks_flush(struct gord_service *service);
void gord_job_asks_end(struct gord_service *service);
void gord_submit_streams_end(struct gord_service *service);
void gord_drains_flush(struct gord_service *service);
void gord_drains_end(struct gord_service *service);
void gord_sends_flush(struct gord_service *service);
void gord_sends_end(struct gord_service *service);
void gord_manys_flush(struct gord_service *service);
void gord_manys_end(struct gord_service *service);

/* Has job `id` terminated, and is that committed (or can it not be for now)? False for a job that
 * lives. */
bool gord_is_settled(struct gord_service *service, uint64_t id);

/* Does the store or the table know the job? 0, -ENOENT, or the reader's error. */
int gord_knows(struct gord_service *service, uint64_t id);

/* The same for a call that is about the job, which has been answered unless it is true. */
bool gord_knows_or_fail(struct gord_service *service, struct rpc_call *call, uint64_t id);

/* The methods; `user` is the service. */
#define GORD_METHOD(name) \
    void name(struct rpc_call *call, const ProtobufCMessage *message, void *user)
GORD_METHOD(gord_jobs_submit);
GORD_METHOD(gord_jobs_submit_many);
GORD_METHOD(gord_jobs_submit_stream);   /* a stream begins */
GORD_METHOD(gord_jobs_submit_streamed); /* one job on it */
void gord_jobs_submit_stream_ends(struct rpc_call *call, void *user);
GORD_METHOD(gord_jobs_get);
GORD_METHOD(gord_jobs_why);
GORD_METHOD(gord_jobs_list);
GORD_METHOD(gord_jobs_select);
GORD_METHOD(gord_jobs_count);
GORD_METHOD(gord_jobs_tree);
GORD_METHOD(gord_jobs_cancel);
GORD_METHOD(gord_jobs_wait);
GORD_METHOD(gord_jobs_watch);
GORD_METHOD(gord_jobs_logs);
GORD_METHOD(gord_jobs_pause);
GORD_METHOD(gord_jobs_resume);
GORD_METHOD(gord_jobs_drain);
GORD_METHOD(gord_jobs_undrain);
GORD_METHOD(gord_plugins_list_all);
GORD_METHOD(gord_plugins_reload_all);
GORD_METHOD(gord_jobs_pause_jobs);
GORD_METHOD(gord_jobs_resume_jobs);
GORD_METHOD(gord_jobs_signal);
GORD_METHOD(gord_jobs_send);
GORD_METHOD(gord_store_backup);
GORD_METHOD(gord_store_audit);
GORD_METHOD(gord_store_import);   /* a stream begins */
GORD_METHOD(gord_store_imported); /* one message on it */
void gord_store_import_ends(struct rpc_call *call, void *user);
GORD_METHOD(gord_jobs_hold);
GORD_METHOD(gord_jobs_release);
GORD_METHOD(gord_jobs_terminate);
GORD_METHOD(gord_jobs_rerun);
GORD_METHOD(gord_jobs_retry);
GORD_METHOD(gord_jobs_update);
GORD_METHOD(gord_jobs_remove);
GORD_METHOD(gord_queues_set_queue);
GORD_METHOD(gord_queues_set_pool);
GORD_METHOD(gord_queues_list);
GORD_METHOD(gord_queues_remove_queue);
GORD_METHOD(gord_queues_remove_pool);
GORD_METHOD(gord_queues_pause_queue);
GORD_METHOD(gord_queues_resume_queue);
GORD_METHOD(gord_queues_set_rate);
GORD_METHOD(gord_queues_remove_rate);
GORD_METHOD(gord_queues_list_owners);
GORD_METHOD(gord_crons_put);
GORD_METHOD(gord_crons_list);
GORD_METHOD(gord_crons_show);
GORD_METHOD(gord_crons_delete);
GORD_METHOD(gord_crons_pause);
GORD_METHOD(gord_crons_resume);
GORD_METHOD(gord_crons_preview);
GORD_METHOD(gord_crons_run);
GORD_METHOD(gord_tokens_create);
GORD_METHOD(gord_tokens_list);
GORD_METHOD(gord_tokens_show);
GORD_METHOD(gord_tokens_revoke);
GORD_METHOD(gord_runtime_stats);
GORD_METHOD(gord_runtime_get_gomaxprocs);
GORD_METHOD(gord_runtime_set_gomaxprocs);
GORD_METHOD(gord_runtime_goroutines);
GORD_METHOD(gord_runtime_inspect);
GORD_METHOD(gord_runtime_version);
GORD_METHOD(gord_runtime_surroundings);
GORD_METHOD(gord_runtime_reload);
GORD_METHOD(gord_runtime_upgrade);
GORD_METHOD(gord_runtime_plan_upgrade);

#endif
