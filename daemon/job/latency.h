/* SPDX-License-Identifier: MIT */
/* latency.h - how long the jobs of each queue wait for their start, and how long they run.
 *
 * Wait        from QUEUED, when a job may start but for want of what it asks for, to STARTED: also what it
 *             takes to store the former, and pauses. Exact, but for jobs beyond the spec window: these are
 *             about right (timeline.h).
 * Run         of one attempt: from STARTED to RETRYING, REQUEUED or FINISHED. By the events' own times, so
 *             no clock is read for it; what one that was set back makes negative counts as 0.
 * Invariants  at most GORD_LATENCY_QUEUES are shown by themselves, which is settled when a queue is made;
 *             a place that one leaves goes to another. What the others count is put together, and so is
 *             what those do that are not there (any more). Only a queue that is there and shown, and has
 *             had a job, has memory for it.
 * Threads     loop thread.
 */
#ifndef GORD_JOB_LATENCY_H
#define GORD_JOB_LATENCY_H

#include <stdint.h>

#include "daemon/job/job.h"
#include "daemon/job/resource.h"

/* Bounds of buckets, from a millisecond to a day; and the queues that are shown. */
enum { GORD_LATENCY_BOUNDS = 22, GORD_LATENCY_QUEUES = 100 };

struct gord_histogram {
    uint64_t counts[GORD_LATENCY_BOUNDS + 1]; /* up to each bound, and beyond the last */
    double sum_ns;
};

struct gord_latency {
    int64_t since_ns; /* wall clock: there was nothing counted before */
    struct gord_histogram wait;
    struct gord_histogram run;
};

/* The i-th bound, which belongs to its bucket. */
int64_t gord_latency_bound_ns(int i);

/* A queue has come to be there, or is not there any more. */
void gord_latency_enter(struct gord_resources *resources, struct gord_resource *queue);
void gord_latency_leave(struct gord_resources *resources, struct gord_resource *queue);

/* The event, which is new, is about to be applied to the job. */
void gord_latency_note(struct gord_job_table *table, const struct gord_job *job,
                       const struct gord_event *event);

/* One queue at one moment, or the rest. */
struct gord_queue_figures {
    char name[GORD_WORD_MAX + 1]; /* "": the rest */
    uint64_t queued;
    uint64_t running;
    uint64_t slots; /* or GORD_UNLIMITED */
    bool has_latency;
    struct gord_latency latency;
};

/* All that are shown, and the rest if there is any, last. The caller frees *out_queues. Their number; -ENOMEM. */
int gord_latency_gather(const struct gord_job_table *table, struct gord_queue_figures **out_queues);

#endif
