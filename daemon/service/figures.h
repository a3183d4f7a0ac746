/* SPDX-License-Identifier: MIT */
/* figures.h - what the daemon tells of itself and its jobs, for Prometheus, beside what libgor tells of
 * the runtime.
 *
 * Threads     gather: loop thread. write: any, while the runtime runs.
 * Ownership   figures are values, and copied as such; whose copy of `queues` it is, frees it.
 * See also    docs/metrics.md
 */
#ifndef GORD_SERVICE_FIGURES_H
#define GORD_SERVICE_FIGURES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/job/job.h"
#include "daemon/job/latency.h"
#include "daemon/runner/runner.h"
#include "rpc/server.h"
#include "runtime/gor.h"

struct gord_service;

/* The daemon at one moment. */
struct gord_figures {
    struct gord_job_counts jobs;
    uint64_t over_quota; /* submissions refused */
    uint64_t terminated; /* that the store has */
    uint64_t slots[GORD_KIND_COUNT];
    bool has_quota;
    struct gor_quota_stats quota;            /* of native jobs' goroutines; with has_quota */
    uint64_t webhooks[GORD_WEBHOOK_RESULTS]; /* tries to send one */
    uint64_t in_line;                        /* started jobs that wait for a place */
    bool paused;
    bool memory;      /* the store's mode */
    bool store_fails; /* it refuses to write */
    uint64_t commits;
    uint64_t rows;
    uint64_t backlog; /* events on their way to the disk */
    int64_t last_commit_ns;
    int64_t max_commit_ns;
    struct rpc_server_stats rpc;
    uint64_t wrong_tokens;
    uint64_t tokens;
    int64_t uptime_ns;
    bool exports; /* metrics are sent to a collector; with it the next four */
    uint64_t exports_sent;
    uint64_t exports_dropped;
    uint64_t exports_failed; /* attempts */
    uint64_t rejected_points;
    struct gord_queue_figures *queues; /* owned; fini frees them */
    size_t queue_count;
};

/* Out of memory, it leaves the queues out. */
void gord_figures_gather(struct gord_service *service, struct gord_figures *out_figures);

/* As text in Prometheus' format, the runtime's first. 0 or the error of the stream. */
int gord_figures_write(const struct gord_figures *figures, FILE *out);

/* Of zeroed ones, too. */
void gord_figures_fini(struct gord_figures *figures);

#endif
