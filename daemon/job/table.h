/* SPDX-License-Identifier: MIT */
/* table.h - the inside of the job table; for the files of this room only.
 *
 * Lists: a job is in exactly one, and what decides is
 *     PARKED           state CREATED, or WAITING and not taken: kept by a gate
 *     QUEUED + kind    RUNNABLE and not taken, in the order of their QUEUED events
 *     TAKEN            handed out by take: RUNNABLE (starting), RUNNING or WAITING
 *     ENDED            TERMINATED, last event not yet committed, in the order of last_seq
 *     KEPT             TERMINATED and committed, but pinned
 */
#ifndef GORD_JOB_TABLE_H
#define GORD_JOB_TABLE_H

#include "daemon/job/job.h"
#include "daemon/job/kin.h"
#include "daemon/job/pool.h"

enum gord_job_list_id {
    LIST_PARKED,
    LIST_QUEUED,
    LIST_TAKEN = LIST_QUEUED + GORD_KIND_COUNT,
    LIST_ENDED,
    LIST_KEPT,
    LIST_COUNT,
};

struct gord_job_list {
    struct gord_job *first;
    struct gord_job *last;
    size_t count;
};

struct gord_job_table {
    struct gord_job **buckets; /* owned; by id & (bucket_count - 1), for ids come one by one */
    size_t bucket_count;       /* a power of two */
    size_t count;
    struct gord_job_list lists[LIST_COUNT];
    struct gord_job *fresh[GORD_KIND_COUNT]; /* first of its queue that committed() has not seen;
                                              * all behind it are fresh too */
    struct gord_kin_table kin;
    struct gord_pool pool; /* of the jobs */
    struct gord_job_counts counts;
    uint64_t next_id;
    uint64_t next_seq;
    uint64_t committed;
    size_t spec_window;
};

/* The list the job belongs to by what it is now. */
enum gord_job_list_id gord_job_list_of(const struct gord_job *job);

/* Link and unlink; both keep the counters and `fresh`. */
void gord_job_list_append(struct gord_job_table *table, struct gord_job *job);
void gord_job_list_remove(struct gord_job_table *table, struct gord_job *job);

/* A new job in no list, found from now on. NULL: out of memory. */
struct gord_job *gord_job_insert(struct gord_job_table *table, uint64_t id);

/* Unlink from everything and free. */
void gord_job_forget(struct gord_job_table *table, struct gord_job *job);

/* Make sure the job has a body. -ENOMEM. */
int gord_job_need_body(struct gord_job_table *table, struct gord_job *job);

/* Give the body up; only of a queued job that can get it back. */
void gord_job_drop_body(struct gord_job_table *table, struct gord_job *job);

#endif
