/* SPDX-License-Identifier: MIT */
/* table.h - the inside of the job table; for the files of this room only.
 *
 * Lists: a job is in exactly one, and what decides is
 *     PARKED           state CREATED, or WAITING and not taken: kept by a gate
 *     that of its lane RUNNABLE and not taken, in the order of their QUEUED events; see lane.h
 *     TAKEN            handed out by take: RUNNABLE (starting), RUNNING or WAITING
 *     ENDED            TERMINATED, last event not yet committed, in the order of last_seq
 *     KEPT             TERMINATED and committed, but pinned
 */
#ifndef GORD_JOB_TABLE_H
#define GORD_JOB_TABLE_H

#include "daemon/job/job.h"
#include "daemon/job/kin.h"
#include "daemon/job/lane.h"
#include "daemon/job/pool.h"

enum gord_job_list_id {
    LIST_PARKED,
    LIST_TAKEN,
    LIST_ENDED,
    LIST_KEPT,
    LIST_COUNT,
    LIST_QUEUED = LIST_COUNT, /* none of these */
};

struct gord_job_table {
    struct gord_job **buckets; /* owned; by id & (bucket_count - 1), for ids come one by one */
    size_t bucket_count;       /* a power of two */
    size_t count;
    struct gord_job_list lists[LIST_COUNT];
    struct gord_lanes lanes;
    struct gord_kin_table kin;
    struct gord_pool pool; /* of the jobs */
    struct gord_job_counts counts;
    uint64_t next_id;
    uint64_t next_seq;
    uint64_t committed;
    size_t spec_window;
};

/* All lists, those of lanes too: the i-th, or NULL for an empty place; their number. */
struct gord_job_list *gord_job_list_at(struct gord_job_table *table, size_t i);
size_t gord_job_list_count(const struct gord_job_table *table);

/* The list the job belongs to by what it is now. */
enum gord_job_list_id gord_job_list_of(const struct gord_job *job);

/* Link and unlink; both keep the counters, `fresh`, and what is in use of resources. */
void gord_job_list_append(struct gord_job_table *table, struct gord_job *job);
void gord_job_list_remove(struct gord_job_table *table, struct gord_job *job);

/* The lane it stands in, or stood in. */
struct gord_lane *gord_job_lane(const struct gord_job_table *table, const struct gord_job *job);

/* A new job in no list, found from now on. NULL: out of memory. */
struct gord_job *gord_job_insert(struct gord_job_table *table, uint64_t id);

/* Unlink from everything and free. */
void gord_job_forget(struct gord_job_table *table, struct gord_job *job);

/* Make sure the job has a body. -ENOMEM. */
int gord_job_need_body(struct gord_job_table *table, struct gord_job *job);

/* The state that the event brings a job to. */
Gor__V1__JobState gord_job_state_after(const struct gord_job *job, const struct gord_event *event);

/* Give the body up; only of a queued job that can get it back. */
void gord_job_drop_body(struct gord_job_table *table, struct gord_job *job);

#endif
