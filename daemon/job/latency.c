/* SPDX-License-Identifier: MIT */
/* latency.c - see latency.h. */
#include "daemon/job/latency.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/job/table.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static const int64_t bounds_ns[] = {
    MS,          5 * MS / 2,  5 * MS,   10 * MS,    25 * MS,        50 * MS,
    100 * MS,    250 * MS,    500 * MS, SECOND,     5 * SECOND / 2, 5 * SECOND,
    10 * SECOND, 30 * SECOND, MINUTE,   2 * MINUTE, 5 * MINUTE,     15 * MINUTE,
    HOUR,        3 * HOUR,    8 * HOUR, 24 * HOUR};
_Static_assert(sizeof bounds_ns / sizeof bounds_ns[0] == GORD_LATENCY_BOUNDS,
               "the header tells how many there are");

int64_t gord_latency_bound_ns(int i)
{
    GORD_ASSERT(i >= 0 && i < GORD_LATENCY_BOUNDS);
    return bounds_ns[i];
}

/* ----------------------------------------------------------- who is shown */

void gord_latency_enter(struct gord_resources *resources, struct gord_resource *queue)
{
    if (resources->shown < GORD_LATENCY_QUEUES && !queue->shown) {
        queue->shown = true;
        resources->shown++;
    }
}

void gord_latency_leave(struct gord_resources *resources, struct gord_resource *queue)
{
    if (!queue->shown) {
        return;
    }
    queue->shown = false;
    resources->shown--;
    free(queue->latency);
    queue->latency = NULL;
    for (size_t i = 0; i < resources->count; i++) {
        struct gord_resource *other = &resources->items[i];
        if (other->what == GORD_QUEUE && other->there && !other->shown && other != queue) {
            gord_latency_enter(resources, other);
            return;
        }
    }
}

/* --------------------------------------------------------------- counting */

/* NULL: there is no memory for it, so this is not counted. */
static struct gord_latency *latency_of(struct gord_job_table *table, const struct gord_job *job,
                                       const struct gord_event *event)
{
    struct gord_resources *resources = &table->lanes.resources;
    const struct gord_lane *lane = gord_job_lane(table, job);
    struct gord_resource *queue = &resources->items[lane->wants[WANT_QUEUE].resource];
    struct gord_latency **latency = queue->shown ? &queue->latency : &resources->rest;
    if (*latency == NULL) {
        *latency = calloc(1, sizeof **latency);
        if (*latency != NULL) {
            (*latency)->since_ns = event->at_ns;
        }
    }
    return *latency;
}

/* Most are short, so the first bounds are the likely ones. */
static void count(struct gord_histogram *histogram, int64_t ns)
{
    int i = 0;
    while (i < GORD_LATENCY_BOUNDS && ns > bounds_ns[i]) {
        i++;
    }
    histogram->counts[i]++;
    histogram->sum_ns += ns > 0 ? (double)ns : 0;
}

/* When it was queued, or queued again: nothing but that has happened to it since. */
static int64_t queued_at(const struct gord_job_table *table, const struct gord_job *job)
{
    const struct gord_event *last = job->body->last;
    return last != NULL ? last->at_ns : gord_timeline_at(&table->lanes.timeline, job->last_seq);
}

static bool is_running(const struct gord_job *job)
{
    return job->taken &&
           (job->state == GOR__V1__JOB_STATE__RUNNING || job->state == GOR__V1__JOB_STATE__WAITING);
}

void gord_latency_note(struct gord_job_table *table, const struct gord_job *job,
                       const struct gord_event *event)
{
    struct gord_latency *latency;
    switch (event->kind) {
    case GORD_EVENT_STARTED:
        if (job->state == GOR__V1__JOB_STATE__RUNNABLE &&
            (latency = latency_of(table, job, event)) != NULL) {
            count(&latency->wait, event->at_ns - queued_at(table, job));
        }
        break;
    case GORD_EVENT_RETRYING:
    case GORD_EVENT_REQUEUED:
    case GORD_EVENT_FINISHED:
        if (is_running(job) && (latency = latency_of(table, job, event)) != NULL) {
            count(&latency->run, event->at_ns - job->body->started_ns);
        }
        break;
    default:
        break;
    }
}

/* ---------------------------------------------------------------- telling */

static void put_latency(struct gord_queue_figures *queue, const struct gord_latency *latency)
{
    queue->has_latency = latency != NULL;
    if (latency != NULL) {
        queue->latency = *latency;
    }
}

/* What is not shown by itself; has it anything to tell? */
static bool add_to_rest(struct gord_queue_figures *rest, const struct gord_resource *queue)
{
    rest->queued += queue->queued;
    rest->running += queue->running;
    if (queue->there && rest->slots != GORD_UNLIMITED) {
        rest->slots =
            queue->capacity != GORD_UNLIMITED ? rest->slots + queue->capacity : GORD_UNLIMITED;
    }
    return queue->there || queue->queued + queue->running > 0;
}

int gord_latency_gather(const struct gord_job_table *table, struct gord_queue_figures **out_queues)
{
    const struct gord_resources *resources = &table->lanes.resources;
    struct gord_queue_figures *queues = calloc(resources->shown + 1, sizeof *queues);
    if (queues == NULL) {
        return -ENOMEM;
    }
    struct gord_queue_figures *rest = &queues[resources->shown];
    bool has_rest = resources->rest != NULL;
    size_t count = 0;
    for (size_t i = 0; i < resources->count; i++) {
        const struct gord_resource *from = &resources->items[i];
        if (from->what != GORD_QUEUE) {
            continue;
        }
        if (!from->shown) {
            has_rest = add_to_rest(rest, from) || has_rest;
            continue;
        }
        struct gord_queue_figures *to = &queues[count++];
        memcpy(to->name, from->name, sizeof to->name);
        to->queued = from->queued;
        to->running = from->running;
        to->slots = from->capacity;
        put_latency(to, from->latency);
    }
    GORD_ASSERT(count == resources->shown);
    put_latency(rest, resources->rest);
    *out_queues = queues;
    return (int)count + (has_rest ? 1 : 0);
}
