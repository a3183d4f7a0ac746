/* SPDX-License-Identifier: MIT */
/* figures.c - see figures.h. */
#include "daemon/service/figures.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/auth.h"
#include "daemon/service/queue_figures.h"
#include "daemon/service/state.h"

#define SECOND ((uint64_t)1000000000)

/* ---- gathering */

static uint64_t read_count(atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void gather_exports(struct gord_export_counts *counts, struct gord_figures *figures)
{
    figures->exports = atomic_load_explicit(&counts->on, memory_order_relaxed);
    figures->exports_sent = read_count(&counts->sent);
    figures->exports_dropped = read_count(&counts->dropped);
    figures->exports_failed = read_count(&counts->failed);
    figures->rejected_points = read_count(&counts->rejected_points);
}

void gord_figures_gather(struct gord_service *service, struct gord_figures *out_figures)
{
    struct gord_reader_totals totals = {0};
    struct gord_store_status store;

    gord_store_status(gord_bus_store(service->bus), &store);
    *out_figures = (struct gord_figures){
        .jobs = *gord_job_counts(gord_bus_table(service->bus)),
        .slots = {[GORD_EXEC] = gord_runner_slots(service->runner, GORD_EXEC),
                  [GORD_NATIVE] = gord_runner_slots(service->runner, GORD_NATIVE),
                  [GORD_LUA] = gord_runner_slots(service->runner, GORD_LUA)},
        .over_quota = service->over_quota,
        .paused = gord_runner_is_paused(service->runner),
        .memory = service->memory,
        .store_fails = store.error != 0,
        .commits = store.commits,
        .rows = store.rows,
        .backlog = store.backlog,
        .last_commit_ns = store.last_commit_ns,
        .max_commit_ns = store.max_commit_ns,
        .wrong_tokens = service->auth->wrongs.count,
        .tokens = service->tokens.count,
        .uptime_ns = gor_now() - service->started_ns,
    };
    gord_runner_webhooks(service->runner, out_figures->webhooks);
    out_figures->in_line = gord_runner_in_line(service->runner);
    out_figures->has_quota = gord_runner_quota(service->runner, &out_figures->quota);
    rpc_server_stats_get(service->server, &out_figures->rpc);
    if (gord_reader_totals(gord_bus_reader(service->bus), &totals) == 0) {
        out_figures->terminated = totals.terminated;
    }
    gather_exports(&service->exports, out_figures);
    int queues = gord_latency_gather(gord_bus_table(service->bus), &out_figures->queues);
    out_figures->queue_count = queues > 0 ? (size_t)queues : 0;
}

void gord_figures_fini(struct gord_figures *figures)
{
    free(figures->queues);
    figures->queues = NULL;
    figures->queue_count = 0;
}

/* ---- families and samples */

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_one(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
    put_head(out, name, type, help);
    fprintf(out, "%s %" PRIu64 "\n", name, value);
}

static void put_seconds(FILE *out, const char *name, const char *help, int64_t ns)
{
    uint64_t time = ns > 0 ? (uint64_t)ns : 0;

    put_head(out, name, "gauge", help);
    fprintf(out, "%s %" PRIu64 ".%09" PRIu64 "\n", name, time / SECOND, time % SECOND);
}

/* One sample of a family, labelled with a word of the contract in small letters, as gorctl has it. */
static void put_word(FILE *out, const char *name, const char *label, const char *word,
                     uint64_t value)
{
    fprintf(out, "%s{%s=\"", name, label);
    for (; *word != '\0'; word++) {
        (void)fputc(*word >= 'A' && *word <= 'Z' ? *word - 'A' + 'a' : *word, out);
    }
    fprintf(out, "\"} %" PRIu64 "\n", value);
}

static const char *word_of(const ProtobufCEnumDescriptor *words, size_t number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(words, (int)number);

    return value != NULL ? value->name : "unknown";
}

/* A sample for each word but the unspecified one. */
static void put_words(FILE *out, const char *name, const char *label,
                      const ProtobufCEnumDescriptor *words, const uint64_t *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        put_word(out, name, label, word_of(words, i), values[i]);
    }
}

static void put_kinds(FILE *out, const char *name, const char *help,
                      const uint64_t values[GORD_KIND_COUNT])
{
    put_head(out, name, "gauge", help);
    put_word(out, name, "kind", "exec", values[GORD_EXEC]);
    put_word(out, name, "kind", "native", values[GORD_NATIVE]);
    put_word(out, name, "kind", "lua", values[GORD_LUA]);
}

/* ---- the daemon's */

static void put_webhooks(FILE *out, const uint64_t counts[GORD_WEBHOOK_RESULTS])
{
    static const char name[] = "gord_webhook_tries_total";

    put_head(out, name, "counter",
             "Tries to send a webhook since the daemon started, by what became of them; one that "
             "was refused is not sent again.");
    put_word(out, name, "result", "taken", counts[GORD_WEBHOOK_TAKEN]);
    put_word(out, name, "result", "refused", counts[GORD_WEBHOOK_REFUSED]);
    put_word(out, name, "result", "failed", counts[GORD_WEBHOOK_FAILED]);
}

static void put_jobs(FILE *out, const struct gord_figures *figures)
{
    const struct gord_job_counts *jobs = &figures->jobs;
    uint64_t by_state[GORD_STATE_COUNT];

    memcpy(by_state, jobs->by_state, sizeof(by_state));
    by_state[GOR__V1__JOB_STATE__TERMINATED] = figures->terminated;
    put_head(out, "gord_jobs", "gauge", "Jobs by state; terminated ones are all the store has.");
    put_words(out, "gord_jobs", "state", &gor__v1__job_state__descriptor, by_state,
              GORD_STATE_COUNT);
    put_one(out, "gord_jobs_submitted_total", "counter", "Jobs taken in since the daemon started.",
            jobs->submitted);
    put_one(out, "gord_submits_over_quota_total", "counter",
            "Submissions refused, for their owner had as many jobs as he may, since the daemon "
            "started.",
            figures->over_quota);
    put_head(out, "gord_jobs_ended_total", "counter",
             "Jobs that have ended since the daemon started, by how.");
    put_words(out, "gord_jobs_ended_total", "outcome", &gor__v1__outcome__descriptor, jobs->ended,
              GORD_OUTCOME_COUNT);
    put_one(out, "gord_jobs_stuck_total", "counter",
            "Times a job gave no sign of life for its heartbeat, since the daemon started.",
            jobs->stuck);
    put_webhooks(out, figures->webhooks);
    put_kinds(out, "gord_queued_jobs", "Jobs that wait for a slot.", jobs->queued);
    put_kinds(out, "gord_slots", "How many jobs may run at a time.", figures->slots);
    put_kinds(out, "gord_slots_taken", "Jobs that have a slot.", jobs->taken);
    put_one(out, "gord_jobs_without_place", "gauge",
            "Started jobs that wait for a place for their goroutine.", figures->in_line);
    if (figures->has_quota) {
        put_one(out, "gord_native_goroutines", "gauge",
                "Goroutines of native jobs, their own and those they have started.",
                figures->quota.goroutines);
        put_one(out, "gord_native_goroutines_max", "gauge", "The most there may be of them.",
                figures->quota.max_goroutines);
    }
    put_one(out, "gord_paused", "gauge", "1: no job is started until somebody resumes.",
            figures->paused);
}

static void put_store(FILE *out, const struct gord_figures *figures)
{
    put_one(out, "gord_store_commits_total", "counter", "Transactions of the store.",
            figures->commits);
    put_one(out, "gord_store_rows_total", "counter", "Rows written to the store.", figures->rows);
    put_one(out, "gord_store_backlog_events", "gauge", "Events on their way to the store.",
            figures->backlog);
    put_seconds(out, "gord_store_last_commit_seconds", "How long the last transaction took.",
                figures->last_commit_ns);
    put_seconds(out, "gord_store_max_commit_seconds", "How long the longest one took.",
                figures->max_commit_ns);
    put_one(out, "gord_store_fails", "gauge", "1: the store refuses to write, so no job is taken.",
            figures->store_fails);
}

static void put_rpc(FILE *out, const struct rpc_server_stats *rpc)
{
    put_one(out, "gord_rpc_connections", "gauge", "Connections of clients.", rpc->connections);
    put_one(out, "gord_rpc_calls_total", "counter", "Calls begun.", rpc->calls);
    put_one(out, "gord_rpc_calls_failed_total", "counter",
            "Calls that ended with another status than OK.", rpc->calls_failed);
    put_one(out, "gord_rpc_input_bytes", "gauge", "Bytes of requests that are not complete yet.",
            rpc->input_bytes);
    put_head(out, "gord_rpc_cut_total", "counter",
             "Connections and calls that were ended for what their clients did.");
    for (int i = 0; i < RPC_CUTS; i++) {
        fprintf(out, "gord_rpc_cut_total{cause=\"%s\"} %" PRIu64 "\n",
                rpc_cut_name((enum rpc_cut)i), rpc->cut[i]);
    }
}

/* What malloc has given out tells a leak from the holes that it keeps between. */
static void put_heap(FILE *out)
{
    struct mallinfo2 heap = mallinfo2();

    put_one(out, "gord_heap_used_bytes", "gauge", "Memory that was allocated and not freed.",
            heap.uordblks + heap.hblkhd);
    put_one(out, "gord_heap_held_bytes", "gauge", "What malloc has from the kernel for that.",
            heap.arena + heap.hblkhd);
}

static void put_exports(FILE *out, const struct gord_figures *figures)
{
    put_one(out, "gord_otlp_exports_total", "counter",
            "Exports of these metrics that the collector took.", figures->exports_sent);
    put_one(out, "gord_otlp_exports_dropped_total", "counter", "Those it never took.",
            figures->exports_dropped);
    put_one(out, "gord_otlp_failed_attempts_total", "counter",
            "Attempts to export that failed; one may be made several times.",
            figures->exports_failed);
    put_one(out, "gord_otlp_rejected_points_total", "counter",
            "Data points that the collector left out of what it took.", figures->rejected_points);
}

static void put_daemon(FILE *out, const struct gord_figures *figures)
{
    put_head(out, "gord_info", "gauge", "The version of gord, and how it keeps jobs.");
    fprintf(out, "gord_info{version=\"%s\",durability=\"%s\"} 1\n", GOR_VERSION,
            figures->memory ? "memory" : "sync");
    put_seconds(out, "gord_uptime_seconds", "Time since the daemon started.", figures->uptime_ns);
    put_heap(out);
    put_rpc(out, &figures->rpc);
    put_one(out, "gord_tokens", "gauge", "Bearer tokens there are, besides the daemon's own.",
            figures->tokens);
    put_one(out, "gord_wrong_tokens_total", "counter",
            "Calls refused since the daemon started, for a token that is none.",
            figures->wrong_tokens);
    if (figures->exports) {
        put_exports(out, figures);
    }
}

int gord_figures_write(const struct gord_figures *figures, FILE *out)
{
    int result = gor_metrics_write(NULL, out);

    if (result != 0) {
        return result;
    }
    put_daemon(out, figures);
    put_jobs(out, figures);
    if (figures->queue_count > 0) {
        gord_queue_figures_write(figures->queues, figures->queue_count, out);
    }
    put_store(out, figures);
    errno = 0;
    if (fflush(out) != 0 || ferror(out) != 0) {
        return errno != 0 ? -errno : -EIO;
    }
    return 0;
}
