/* SPDX-License-Identifier: MIT */
/* apply.c - the life of a job as a table of steps, and the one function that takes them.
 *
 *     (none) -SUBMITTED-> CREATED -QUEUED-> RUNNABLE -STARTED-> RUNNING <-STATE-> WAITING
 *     every live state -CANCEL_REQUESTED, TERMINATE_REQUESTED-> itself;  -FINISHED-> TERMINATED
 *     CREATED, RUNNABLE, WAITING for a retry -GATED-> CREATED
 *     RUNNING, WAITING -RETRYING-> WAITING -QUEUED-> RUNNABLE;  RUNNING, WAITING -REQUEUED-> RUNNABLE
 *     RUNNING, WAITING -RECOVERED, USED, SIGNALLED-> itself;  RUNNING -STARTED-> itself (its process is known now)
 */
#include <errno.h>

#include "daemon/base/assert.h"
#include "daemon/job/table.h"

#define IN(state) (1U << GOR__V1__JOB_STATE__##state)
#define NOWHERE (1U << GOR__V1__JOB_STATE__JOB_STATE_UNSPECIFIED)
#define ALIVE (IN(CREATED) | IN(RUNNABLE) | IN(RUNNING) | IN(WAITING))

/* From which states each kind of event is legal, and the state after it (0: as it was). */
static const struct {
    unsigned from;
    Gor__V1__JobState to;
} steps[GORD_EVENT_KIND_COUNT] = {
    [GORD_EVENT_SUBMITTED] = {NOWHERE, GOR__V1__JOB_STATE__CREATED},
    [GORD_EVENT_QUEUED] = {IN(CREATED) | IN(WAITING), GOR__V1__JOB_STATE__RUNNABLE},
    [GORD_EVENT_STARTED] = {IN(RUNNABLE) | IN(RUNNING), GOR__V1__JOB_STATE__RUNNING},
    [GORD_EVENT_STATE] = {IN(RUNNING) | IN(WAITING), 0}, /* the event says which */
    [GORD_EVENT_CANCEL_REQUESTED] = {ALIVE, 0},
    [GORD_EVENT_TERMINATE_REQUESTED] = {ALIVE, 0},
    [GORD_EVENT_FINISHED] = {ALIVE, GOR__V1__JOB_STATE__TERMINATED},
    [GORD_EVENT_RECOVERED] = {IN(RUNNING) | IN(WAITING), 0},
    [GORD_EVENT_GATED] = {IN(CREATED) | IN(RUNNABLE) | IN(WAITING), GOR__V1__JOB_STATE__CREATED},
    [GORD_EVENT_RETRYING] = {IN(RUNNING) | IN(WAITING), GOR__V1__JOB_STATE__WAITING},
    [GORD_EVENT_REQUEUED] = {IN(RUNNING) | IN(WAITING), GOR__V1__JOB_STATE__RUNNABLE},
    [GORD_EVENT_USED] = {IN(RUNNING) | IN(WAITING), 0},
    [GORD_EVENT_SIGNALLED] = {IN(RUNNING) | IN(WAITING), 0},
};

/* What a run tells is for jobs that have one, what opens and shuts gates for those that have none. */
static bool taken_allows(enum gord_event_kind kind, unsigned state, bool taken)
{
    switch (kind) {
    case GORD_EVENT_QUEUED:
    case GORD_EVENT_GATED:
        return !taken;
    case GORD_EVENT_STATE:
    case GORD_EVENT_RECOVERED:
    case GORD_EVENT_RETRYING:
    case GORD_EVENT_REQUEUED:
        return taken || state != GOR__V1__JOB_STATE__WAITING;
    default:
        return true;
    }
}

bool gord_job_allows(const struct gord_job *job, enum gord_event_kind kind)
{
    GORD_ASSERT(kind < GORD_EVENT_KIND_COUNT);
    unsigned state = job != NULL ? job->state : GOR__V1__JOB_STATE__JOB_STATE_UNSPECIFIED;
    return (steps[kind].from & 1U << state) != 0 &&
           (job == NULL || taken_allows(kind, state, job->taken));
}

static Gor__V1__JobState state_after(const struct gord_job *job, const struct gord_event *event)
{
    if (event->kind == GORD_EVENT_STATE) {
        return (Gor__V1__JobState)event->state;
    }
    Gor__V1__JobState to = steps[event->kind].to;
    return to != 0 ? to : (Gor__V1__JobState)job->state;
}

/* The job a SUBMITTED event is about, in no list yet. NULL: out of memory. */
static struct gord_job *create(struct gord_job_table *table, const struct gord_event *event)
{
    struct gord_job *job = gord_job_insert(table, event->job_id);
    if (job == NULL) {
        return NULL;
    }
    job->state = GOR__V1__JOB_STATE__CREATED;
    job->kind = event->job_kind;
    gord_job_list_append(table, job);
    if (event->spec == NULL) {
        return job; /* restored without */
    }
    if (gord_job_need_body(table, job) != 0 ||
        (event->parent_id != 0 && gord_kin_add(&table->kin, event->parent_id, job) != 0)) {
        gord_job_forget(table, job);
        return NULL;
    }
    job->body->spec = gord_spec_ref(event->spec);
    job->body->created_ns = event->at_ns;
    job->body->uid = event->uid;
    return job;
}

/* What the event says goes into the body. */
static void fill_body(struct gord_job_body *body, struct gord_event *event)
{
    if (event->kind == GORD_EVENT_STARTED) {
        body->started_ns = body->started_ns != 0 ? body->started_ns : event->at_ns;
        body->goroutine = event->goroutine != 0 ? event->goroutine : body->goroutine;
        body->pid = event->pid != 0 ? event->pid : body->pid;
        body->pid_start = event->pid_start != 0 ? event->pid_start : body->pid_start;
    }
    if ((event->kind == GORD_EVENT_CANCEL_REQUESTED && body->cancel == NULL) ||
        event->kind == GORD_EVENT_TERMINATE_REQUESTED) {
        gord_event_unref(body->cancel);
        body->cancel = gord_event_ref(event);
    }
    if (event->standing != NULL) {
        gord_standing_unref(body->standing);
        body->standing = gord_standing_ref(event->standing);
    }
    if (event->kind == GORD_EVENT_RETRYING || event->kind == GORD_EVENT_REQUEUED) {
        body->started_ns = 0;
        body->goroutine = 0;
        body->pid = 0;
        body->pid_start = 0;
    }
    /* These two are asides: the reason stays what it was. */
    if (event->kind != GORD_EVENT_USED && event->kind != GORD_EVENT_SIGNALLED) {
        gord_event_unref(body->last);
        body->last = gord_event_ref(event);
    }
}

/* What the job knows goes into the event; the event never changes after this. */
static void complete_event(struct gord_job_table *table, const struct gord_job *job,
                           struct gord_event *event)
{
    if (event->seq == 0) {
        event->seq = table->next_seq++;
    }
    event->prev_seq = job->last_seq;
    event->state = job->state;
    event->job_kind = job->kind;
    if (job->body == NULL) {
        return;
    }
    if (event->spec == NULL && job->body->spec != NULL) {
        event->spec = gord_spec_ref(job->body->spec);
    }
    if (event->standing == NULL && job->body->standing != NULL) {
        event->standing = gord_standing_ref(job->body->standing);
    }
    event->started_ns = job->body->started_ns;
    event->goroutine = job->body->goroutine;
    event->pid = job->body->pid;
    event->pid_start = job->body->pid_start;
}

/* The job moves to the list its new state wants. */
static void move(struct gord_job_table *table, struct gord_job *job, const struct gord_event *event)
{
    gord_job_list_remove(table, job);
    job->state = (uint8_t)state_after(job, event);
    if (event->kind == GORD_EVENT_STARTED) {
        job->taken = true; /* as it is already, unless it is being restored */
    }
    if (event->kind == GORD_EVENT_RETRYING || event->kind == GORD_EVENT_REQUEUED) {
        job->taken = false;
    }
    if (event->kind == GORD_EVENT_FINISHED) {
        job->outcome = event->outcome;
        table->counts.ended[event->outcome]++;
        if (job->body->spec != NULL && job->body->spec->parent_id != 0) {
            gord_kin_remove(&table->kin, job->body->spec->parent_id, job);
        }
    }
    gord_job_list_append(table, job);
}

int gord_job_apply(struct gord_job_table *table, struct gord_event *event)
{
    bool restoring = event->seq != 0;
    struct gord_job *job = gord_job_find(table, event->job_id);
    GORD_ASSERT(gord_job_allows(job, event->kind));
    if (event->kind == GORD_EVENT_SUBMITTED) {
        GORD_ASSERT(event->spec != NULL || restoring);
        job = create(table, event);
        if (job == NULL) {
            return -ENOMEM;
        }
        table->counts.submitted += !restoring;
    } else {
        GORD_ASSERT(event->kind != GORD_EVENT_STARTED || gord_job_has_spec(job));
        GORD_ASSERT(event->kind != GORD_EVENT_STARTED || job->taken || restoring);
        if (event->kind != GORD_EVENT_QUEUED && gord_job_need_body(table, job) != 0) {
            return -ENOMEM;
        }
        move(table, job, event);
    }
    if (job->body != NULL) {
        fill_body(job->body, event);
    }
    complete_event(table, job, event);
    job->last_seq = event->seq;
    return 0;
}

/* Give up the specs of newly committed queued jobs that are beyond the window. */
static void drop_specs(struct gord_job_table *table, enum gord_job_kind kind)
{
    struct gord_job *job = table->fresh[kind];
    for (; job != NULL && job->last_seq <= table->committed; job = job->next) {
        if (table->counts.specs > table->spec_window && gord_job_has_spec(job) && job->pins == 0 &&
            job->body->cancel == NULL && job->body->standing == NULL &&
            job->body->spec->parent_id == 0) {
            gord_job_drop_body(table, job);
        }
    }
    table->fresh[kind] = job;
}

void gord_job_committed(struct gord_job_table *table, uint64_t seq)
{
    GORD_ASSERT(seq >= table->committed && seq < table->next_seq);
    table->committed = seq;
    struct gord_job *job;
    while ((job = table->lists[LIST_ENDED].first) != NULL && job->last_seq <= seq) {
        if (job->pins == 0) {
            gord_job_forget(table, job);
            continue;
        }
        gord_job_list_remove(table, job);
        job->kept = true;
        gord_job_list_append(table, job);
    }
    for (int kind = 0; kind < GORD_KIND_COUNT; kind++) {
        drop_specs(table, (enum gord_job_kind)kind);
    }
}
