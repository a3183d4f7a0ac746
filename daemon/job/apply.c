/* SPDX-License-Identifier: MIT */
/* apply.c - the life of a job as a table of steps, and the one function that takes them.
 *
 *     (none) -SUBMITTED, REVIVED-> CREATED -QUEUED-> RUNNABLE -STARTED-> RUNNING <-STATE-> WAITING
 *     every live state -CANCEL_REQUESTED, TERMINATE_REQUESTED-> itself;  -FINISHED-> TERMINATED
 *     CREATED, RUNNABLE, WAITING for a retry -GATED-> CREATED
 *     CREATED, RUNNABLE, WAITING for a retry -UPDATED-> CREATED
 *     RUNNING, WAITING -RETRYING-> WAITING -QUEUED-> RUNNABLE;  RUNNING, WAITING -REQUEUED-> RUNNABLE
 *     a group: CREATED -STATE-> WAITING -STARTED-> WAITING -GATED-> CREATED -UPDATED-> CREATED; it never runs
 *     RUNNING, WAITING -RECOVERED, USED, SIGNALLED, STUCK, ALIVE-> itself;  RUNNING -STARTED-> itself (its process is known now)
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/base/assert.h"
#include "daemon/job/group.h"
#include "daemon/job/latency.h"
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
    [GORD_EVENT_UPDATED] = {IN(CREATED) | IN(RUNNABLE) | IN(WAITING), GOR__V1__JOB_STATE__CREATED},
    [GORD_EVENT_REVIVED] = {NOWHERE, GOR__V1__JOB_STATE__CREATED},
    [GORD_EVENT_USED] = {IN(RUNNING) | IN(WAITING), 0},
    [GORD_EVENT_SIGNALLED] = {IN(RUNNING) | IN(WAITING), 0},
    [GORD_EVENT_STUCK] = {IN(RUNNING) | IN(WAITING), 0},
    [GORD_EVENT_ALIVE] = {IN(RUNNING) | IN(WAITING), 0},
};

/* The same of a group, which no event moves but STATE, GATED and its end; only its gates are changed. */
static const unsigned group_from[GORD_EVENT_KIND_COUNT] = {
    [GORD_EVENT_STATE] = IN(CREATED),   /* its tasks may start */
    [GORD_EVENT_STARTED] = IN(WAITING), /* the first of them has */
    [GORD_EVENT_GATED] = IN(CREATED) | IN(WAITING),
    [GORD_EVENT_UPDATED] = IN(CREATED),
    [GORD_EVENT_CANCEL_REQUESTED] = ALIVE,
    [GORD_EVENT_TERMINATE_REQUESTED] = ALIVE,
    [GORD_EVENT_FINISHED] = ALIVE,
};

/* What a run tells is for jobs that have one, what opens and shuts gates for those that have none. */
static bool taken_allows(enum gord_event_kind kind, unsigned state, bool taken)
{
    switch (kind) {
    case GORD_EVENT_QUEUED:
    case GORD_EVENT_GATED:
    case GORD_EVENT_UPDATED:
        return !taken;
    case GORD_EVENT_STATE:
    case GORD_EVENT_RECOVERED:
    case GORD_EVENT_RETRYING:
    case GORD_EVENT_REQUEUED:
    case GORD_EVENT_STUCK:
    case GORD_EVENT_ALIVE:
        return taken || state != GOR__V1__JOB_STATE__WAITING;
    default:
        return true;
    }
}

bool gord_job_allows(const struct gord_job *job, enum gord_event_kind kind)
{
    GORD_ASSERT(kind < GORD_EVENT_KIND_COUNT);
    unsigned state = job != NULL ? job->state : GOR__V1__JOB_STATE__JOB_STATE_UNSPECIFIED;
    if (job != NULL && job->kind == GORD_GROUP) {
        return (group_from[kind] & 1U << state) != 0;
    }
    return (steps[kind].from & 1U << state) != 0 &&
           (job == NULL || taken_allows(kind, state, job->taken));
}

Gor__V1__JobState gord_job_state_after(const struct gord_job *job, const struct gord_event *event)
{
    if (event->kind == GORD_EVENT_STATE) {
        return (Gor__V1__JobState)event->state;
    }
    if (event->kind == GORD_EVENT_STARTED && job->kind == GORD_GROUP) {
        return GOR__V1__JOB_STATE__WAITING;
    }
    Gor__V1__JobState to = steps[event->kind].to;
    return to != 0 ? to : (Gor__V1__JobState)job->state;
}

/* A task's group knows the first of them. */
static void note_first(struct gord_job_table *table, const struct gord_job *job)
{
    struct gord_job *group = gord_group_of(table, job);
    if (group != NULL) {
        uint64_t *first = &group->body->tasks->first;
        *first = *first == 0 || job->id < *first ? job->id : *first;
    }
}

/* It has come to be in that state, or is not any more (by = 1 or -1, as unsigned): if it is a task its
 * group counts that. */
static void count_task(struct gord_job_table *table, const struct gord_job *job, uint32_t by)
{
    struct gord_job *group = gord_group_of(table, job);
    if (group != NULL) {
        group->body->tasks->by_state[job->state] += by;
        group->body->tasks->ended[job->outcome] +=
            job->state == GOR__V1__JOB_STATE__TERMINATED ? by : 0;
    }
}

static int make_tasks(struct gord_job_body *body, const struct gord_spec *spec)
{
    body->tasks = calloc(1, sizeof *body->tasks);
    if (body->tasks == NULL) {
        return -ENOMEM;
    }
    body->tasks->count = spec->array_count;
    return 0;
}

/* The job a SUBMITTED or REVIVED event is about, in no list yet. NULL: out of memory. */
static struct gord_job *create(struct gord_job_table *table, const struct gord_event *event)
{
    struct gord_lane *lane;
    const char *asks = event->spec != NULL ? event->spec->lane : event->text;
    enum gord_job_kind kind = (enum gord_job_kind)event->job_kind;
    /* A group never waits for a turn: any lane will do. */
    bool is_group = kind == GORD_GROUP;
    if (gord_lanes_ref(&table->lanes, is_group ? GORD_EXEC : kind, event->uid, is_group ? "" : asks,
                       &lane) != 0) {
        return NULL;
    }
    struct gord_job *job = gord_job_insert(table, event->job_id);
    if (job == NULL) {
        gord_lanes_unref(&table->lanes, lane);
        return NULL;
    }
    job->lane = lane->index;
    job->state = GOR__V1__JOB_STATE__CREATED;
    job->kind = event->job_kind & 3U;
    job->last_seq = event->prev_seq;
    gord_job_list_append(table, job);
    if (event->spec == NULL) {
        return job; /* restored without */
    }
    if (gord_job_need_body(table, job) != 0 ||
        (is_group && make_tasks(job->body, event->spec) != 0) ||
        (event->parent_id != 0 && gord_kin_add(&table->kin, event->parent_id, job) != 0)) {
        gord_job_forget(table, job);
        return NULL;
    }
    job->body->spec = gord_spec_ref(event->spec);
    job->body->created_ns = event->kind == GORD_EVENT_REVIVED ? event->started_ns : event->at_ns;
    job->body->uid = event->uid;
    if (event->spec->array_id != 0) {
        note_first(table, job);
        count_task(table, job, 1);
    }
    return job;
}

/* It is stuck from STUCK on until it is alive, or that run has ended. */
static void set_stuck(struct gord_job_body *body, struct gord_event *event)
{
    bool ends = event->kind == GORD_EVENT_FINISHED || event->kind == GORD_EVENT_RETRYING ||
                event->kind == GORD_EVENT_REQUEUED;
    if (ends || event->kind == GORD_EVENT_STUCK || event->kind == GORD_EVENT_ALIVE) {
        gord_event_unref(body->stuck);
        body->stuck = event->kind == GORD_EVENT_STUCK ? gord_event_ref(event) : NULL;
    }
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
    if (event->kind == GORD_EVENT_UPDATED) {
        gord_spec_unref(body->spec);
        body->spec = gord_spec_ref(event->spec);
    }
    if (event->standing != NULL) {
        gord_standing_unref(body->standing);
        body->standing = gord_standing_ref(event->standing);
    }
    set_stuck(body, event);
    if (event->kind == GORD_EVENT_RETRYING || event->kind == GORD_EVENT_REQUEUED) {
        body->started_ns = 0;
        body->goroutine = 0;
        body->pid = 0;
        body->pid_start = 0;
    }
    if (!GORD_EVENT_IS_ASIDE(event->kind)) {
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
    event->laned = gord_job_lane(table, job)->text[0] != '\0';
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

/* The job moves to the list its new state wants, and to `lane` unless that is NULL, whose reference is
 * taken over. */
static void move(struct gord_job_table *table, struct gord_job *job, const struct gord_event *event,
                 const struct gord_lane *lane)
{
    bool is_task = gord_job_has_spec(job) && job->body->spec->array_id != 0;
    gord_job_list_remove(table, job);
    if (is_task) {
        count_task(table, job, (uint32_t)-1);
    }
    if (lane != NULL) {
        gord_lanes_unref(&table->lanes, gord_job_lane(table, job));
        job->lane = lane->index;
    }
    job->state = (uint8_t)gord_job_state_after(job, event);
    if (event->kind == GORD_EVENT_STARTED && job->kind != GORD_GROUP) {
        job->taken = true; /* as it is already, unless it is being restored */
    }
    if (event->kind == GORD_EVENT_RETRYING || event->kind == GORD_EVENT_REQUEUED) {
        job->taken = false;
    }
    if (event->kind == GORD_EVENT_FINISHED) {
        job->outcome = event->outcome & 15U;
        table->counts.ended[event->outcome]++;
        if (job->body->spec != NULL && job->body->spec->parent_id != 0) {
            gord_kin_remove(&table->kin, job->body->spec->parent_id, job);
        }
    }
    if (is_task) {
        count_task(table, job, 1);
    }
    gord_job_list_append(table, job);
}

/* Its number, which says how long it waits, is known only now. */
static void set_place(struct gord_job_table *table, struct gord_job *job,
                      const struct gord_event *event)
{
    struct gord_lane *lane = gord_job_lane(table, job);
    gord_timeline_add(&table->lanes.timeline, event->seq, event->at_ns);
    if (lane->jobs.first == job) {
        gord_lanes_touch(&table->lanes);
        gord_lanes_rekey(&table->lanes, lane);
    }
}

/* A step of a job that is there. -ENOMEM with nothing changed. */
static int step(struct gord_job_table *table, struct gord_job *job, const struct gord_event *event,
                bool restoring)
{
    struct gord_lane *lane = NULL;
    GORD_ASSERT(event->kind != GORD_EVENT_STARTED || gord_job_has_spec(job));
    GORD_ASSERT(event->kind != GORD_EVENT_STARTED || job->taken || restoring ||
                job->kind == GORD_GROUP);
    if (event->kind != GORD_EVENT_QUEUED && gord_job_need_body(table, job) != 0) {
        return -ENOMEM;
    }
    if (event->kind == GORD_EVENT_UPDATED && job->kind != GORD_GROUP &&
        gord_lanes_ref(&table->lanes, (enum gord_job_kind)job->kind, gord_job_lane(table, job)->uid,
                       event->spec->lane, &lane) != 0) {
        return -ENOMEM;
    }
    if (!restoring) {
        gord_latency_note(table, job, event);
    }
    move(table, job, event, lane);
    table->counts.stuck += event->kind == GORD_EVENT_STUCK && !restoring;
    return 0;
}

int gord_job_apply(struct gord_job_table *table, struct gord_event *event)
{
    bool restoring = event->seq != 0;
    struct gord_job *job = gord_job_find(table, event->job_id);
    GORD_ASSERT(gord_job_allows(job, event->kind));
    if (event->kind == GORD_EVENT_SUBMITTED || event->kind == GORD_EVENT_REVIVED) {
        GORD_ASSERT(event->spec != NULL || restoring);
        job = create(table, event);
        if (job == NULL) {
            return -ENOMEM;
        }
        table->counts.submitted += !restoring && event->kind == GORD_EVENT_SUBMITTED;
    } else if (step(table, job, event, restoring) != 0) {
        return -ENOMEM;
    }
    if (job->body != NULL) {
        fill_body(job->body, event);
    }
    complete_event(table, job, event);
    job->last_seq = event->seq;
    if (gord_job_list_of(job) == LIST_QUEUED) {
        set_place(table, job, event);
    }
    return 0;
}

/* Give up the specs of newly committed queued jobs that are beyond the window. */
static void drop_specs(struct gord_job_table *table, struct gord_lane *lane)
{
    struct gord_job *job = lane->fresh;
    for (; job != NULL && job->last_seq <= table->committed; job = job->next) {
        if (table->counts.specs > table->spec_window && gord_job_has_spec(job) && job->pins == 0 &&
            job->body->cancel == NULL && job->body->standing == NULL &&
            job->body->spec->parent_id == 0) {
            gord_job_drop_body(table, job);
        }
    }
    lane->fresh = job;
}

/* Some have been committed: they may start. */
static void look_at_fresh(struct gord_job_table *table)
{
    struct gord_lane **link = &table->lanes.fresh;
    if (*link != NULL) {
        gord_lanes_touch(&table->lanes);
    }
    while (*link != NULL) {
        struct gord_lane *lane = *link;
        drop_specs(table, lane);
        lane->fresh_listed = lane->fresh != NULL;
        if (lane->fresh_listed) {
            link = &lane->fresh_next;
        } else {
            *link = lane->fresh_next;
        }
    }
}

void gord_job_committed(struct gord_job_table *table, uint64_t seq)
{
    GORD_ASSERT(seq >= table->committed && seq < table->next_seq);
    table->committed = seq;
    look_at_fresh(table);
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
}
