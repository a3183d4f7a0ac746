/* SPDX-License-Identifier: MIT */
/* queues.h - queues, pools of tokens and rates, as others set and see them; and why a job is not started.
 *
 * Threads     loop thread.
 * See also    lane.h, inside.
 */
#ifndef GORD_JOB_QUEUES_H
#define GORD_JOB_QUEUES_H

#include "daemon/job/job.h"
#include "daemon/job/resource.h"

/* Make a queue or a pool of that name, or give one another capacity. -ENOMEM. */
int gord_queues_set(struct gord_job_table *table, enum gord_resource_kind what, const char *name,
                    uint64_t capacity);

/* How often the jobs of a queue start, or those that name a rate, which is made if it is not there; with
 * a count of 0 a queue's as often as they can. What a queue's slots are, is as it was. -ENOMEM. */
int gord_queues_limit(struct gord_job_table *table, enum gord_resource_kind what, const char *name,
                      const struct gord_rate_limit *limit);

/* Whose jobs take turns in a queue, see resource.h. -ENOENT. */
int gord_queues_set_fair(struct gord_job_table *table, const char *name, const char *fair);

/* In a queue with shares, the weight of whoever `key` names: an owner's id, or a value of the label. Of many
 * turns each share has its weight's part. 1 to GORD_WEIGHT_MAX; 0: none was given, which is 1. Holds at
 * once, and as long as the queue. -ENOENT; -ENOMEM. */
int gord_queues_weigh(struct gord_job_table *table, const char *name, const char *key,
                      uint32_t weight);

/* How many were given, in all queues. */
size_t gord_queues_weights(const struct gord_job_table *table);

/* The one that was given; 0: none was. */
uint32_t gord_queues_weight(const struct gord_job_table *table, const char *name, const char *key);

struct gord_weighed {
    const char *queue;
    const char *key;
    uint32_t weight;
    uint64_t queued; /* its jobs that wait */
};

/* Those of one queue, or of all (NULL), in no order. */
void gord_queues_each_weight(const struct gord_job_table *table, const char *name,
                             void (*visit)(void *arg, const struct gord_weighed *weighed),
                             void *arg);

/* When the next job that waits for nothing but a rate may start, by the boot-time clock; 0: none does.
 * As the last round saw it. */
int64_t gord_queues_next_token(const struct gord_job_table *table);

/* Slots for all jobs of a kind together. */
void gord_queues_set_slots(struct gord_job_table *table, enum gord_job_kind kind,
                           uint64_t capacity);

/* Stop or go on starting the jobs of a queue; until a time, or 0. -ENOENT. */
int gord_queues_pause(struct gord_job_table *table, const char *name, bool paused,
                      int64_t until_ns);

/* -ENOENT; -EBUSY: jobs that are queued or run want it; -EPERM: it is the default queue. */
int gord_queues_remove(struct gord_job_table *table, enum gord_resource_kind what,
                       const char *name);

/* The queue of a job that is in memory, as gord_ask_queue answers it, until the job is changed or forgotten;
 * NULL: it is not. */
const char *gord_queues_of(const struct gord_job_table *table, uint64_t id);

/* NULL: there is none. */
const struct gord_resource *gord_queues_find(const struct gord_job_table *table,
                                             enum gord_resource_kind what, const char *name);

/* The jobs that wait and want some of it, and those that have some: of a rate by all keys. */
uint64_t gord_queues_count(const struct gord_job_table *table, const struct gord_resource *resource,
                           uint64_t *out_running);

/* All of them, in no order; with GORD_SLOTS those of kinds. */
void gord_queues_each(const struct gord_job_table *table, enum gord_resource_kind what,
                      void (*visit)(void *arg, const struct gord_resource *resource), void *arg);

/* When the next pause ends by itself; 0: none does. */
int64_t gord_queues_next_resume(const struct gord_job_table *table);

/* A pause has ended, or starting goes on: look again. */
void gord_queues_touch(struct gord_job_table *table);

/* Does everything exist that such a job asks for, and is there as much of it? -EINVAL with a text
 * that says what there is. */
int gord_queues_check(const struct gord_job_table *table, enum gord_job_kind kind,
                      const struct gord_ask *ask, char *error, size_t error_bytes);

/* Why a queued job is not started, as far as lanes decide it. */
struct gord_why {
    char text[448];                       /* "" : nothing stands in its way */
    const struct gord_resource *resource; /* it lacks; NULL: it is not that */
    uint64_t wants;
    int64_t
        ready_ns;   /* wall clock: when tokens of the rate it lacks have come; 0: it is not that */
    uint64_t ahead; /* jobs before it in its lane; counted up to 100,000 */
    uint64_t before_id; /* the job right before it, or for which that is set aside; 0: none */
};

/* Without a look at those before it in its lane. */
void gord_queues_why_short(struct gord_job_table *table, const struct gord_job *job,
                           struct gord_why *out_why);

void gord_queues_why(struct gord_job_table *table, const struct gord_job *job,
                     struct gord_why *out_why);

/* The same for a job that would be submitted now. -ENOMEM. */
int gord_queues_why_new(struct gord_job_table *table, enum gord_job_kind kind, uint32_t uid,
                        const struct gord_ask *ask, struct gord_why *out_why);

#endif
