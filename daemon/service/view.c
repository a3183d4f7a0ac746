/* SPDX-License-Identifier: MIT */
#include "daemon/service/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/runner/gates.h"

/* What a running job's run knows. */
static void fill_running(const struct gord_job *job, Gor__V1__Job *out)
{
    const struct gord_run *run = gord_runner_run_of(job);

    out->pid = job->body != NULL ? job->body->pid : 0;
    if (run != NULL) {
        gord_logfile_counts(&run->log, &out->stdout_bytes, &out->stderr_bytes);
        out->goroutine = run->goroutine;
    }
}

/* Why a live job is as it is; in `out` or borrowed from the job. */
static const char *reason_of(struct gord_service *service, const struct gord_job *job,
                             char out[GORD_GATE_TEXT])
{
    size_t bytes = GORD_GATE_TEXT;

    if (job->body != NULL && job->body->cancel != NULL) {
        snprintf(out, bytes, "cancel requested: %s", job->body->cancel->text);
        return out;
    }
    if (job->state == GOR__V1__JOB_STATE__RUNNABLE) {
        if (job->taken) {
            return "is being started";
        }
        return gord_runner_why_queued(service->runner, (enum gord_job_kind)job->kind, out, bytes);
    }
    if (!job->taken && gord_gates_why(job, out)[0] != '\0') {
        return out;
    }
    return gord_job_reason(job);
}

static void fill_finished(const struct gord_event *last, Gor__V1__Job *out)
{
    out->outcome = (Gor__V1__Outcome)last->outcome;
    out->exit_code = last->exit_code;
    out->signal = last->signal;
    out->finished_ns = last->at_ns;
    out->stdout_bytes = last->stdout_bytes;
    out->stderr_bytes = last->stderr_bytes;
}

static void fill_standing(const struct gord_standing *standing, Gor__V1__Job *out)
{
    if (standing != NULL) {
        out->next_start_ns = standing->due_ns;
        out->version = standing->version;
        out->losses = standing->losses;
        out->attempt = standing->attempt;
    }
}

/* What memory knows better than the store. */
static int overlay(struct gord_service *service, const struct gord_job *job, struct gord_view *view)
{
    const struct gord_job_body *body = job->body;
    Gor__V1__Job *out = &view->job;
    char buffer[GORD_GATE_TEXT];
    const char *text;

    out->state = (Gor__V1__JobState)job->state;
    out->last_seq = job->last_seq;
    if (body != NULL) {
        out->started_ns = body->started_ns;
        fill_standing(body->standing, out);
    }
    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        GORD_ASSERT(body != NULL); /* an ended job has its last event until it is forgotten */
        fill_finished(body->last, out);
        text = body->last->text;
    } else {
        text = reason_of(service, job, buffer);
        fill_running(job, out);
    }
    free(view->text);
    view->text = strdup(text);
    out->reason = (char *)(uintptr_t)protobuf_c_empty_string;
    out->detail = out->reason;
    if (view->text != NULL && job->state == GOR__V1__JOB_STATE__TERMINATED) {
        out->detail = view->text;
    } else if (view->text != NULL) {
        out->reason = view->text;
    }
    return view->text != NULL ? 0 : -ENOMEM;
}

int gord_view_from_row(struct gord_service *service, const struct gord_row *row, bool with_env,
                       struct gord_view *out_view)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), row->id);
    struct gord_view view = {.job = GOR__V1__JOB__INIT};
    Gor__V1__Job *out = &view.job;
    bool ended = row->state == GOR__V1__JOB_STATE__TERMINATED;

    view.spec = gord_spec_to_wire(row->spec, with_env);
    view.text = strdup(row->detail);
    out->id = row->id;
    out->spec = view.spec;
    out->state = (Gor__V1__JobState)row->state;
    out->outcome = (Gor__V1__Outcome)row->outcome;
    out->exit_code = row->exit_code;
    out->signal = row->signal;
    out->created_ns = row->created_ns;
    out->started_ns = row->started_ns;
    out->finished_ns = row->finished_ns;
    out->stdout_bytes = row->stdout_bytes;
    out->stderr_bytes = row->stderr_bytes;
    out->uid = row->uid;
    out->pid = ended ? 0 : row->pid;
    out->goroutine = ended ? 0 : row->goroutine;
    out->last_seq = row->last_seq;
    fill_standing(row->standing, out);
    int result = view.spec != NULL && view.text != NULL ? 0 : -ENOMEM;
    if (result == 0) {
        out->detail = view.text;
    }
    if (result == 0 && job != NULL) {
        result = overlay(service, job, &view);
    }
    if (result != 0) {
        gord_view_fini(&view);
        return result;
    }
    *out_view = view;
    return 0;
}

static int from_memory(struct gord_service *service, const struct gord_job *job, bool with_env,
                       struct gord_view *out_view)
{
    struct gord_view view = {.job = GOR__V1__JOB__INIT};

    view.spec = gord_spec_to_wire(job->body->spec, with_env);
    view.job.id = job->id;
    view.job.spec = view.spec;
    view.job.created_ns = job->body->created_ns;
    view.job.uid = job->body->uid;
    int result = view.spec != NULL ? overlay(service, job, &view) : -ENOMEM;
    if (result != 0) {
        gord_view_fini(&view);
        return result;
    }
    *out_view = view;
    return 0;
}

int gord_view_make(struct gord_service *service, uint64_t id, bool with_env,
                   struct gord_view *out_view)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_row row;

    if (job != NULL && job->body != NULL && job->body->spec != NULL) {
        return from_memory(service, job, with_env, out_view);
    }
    int result = gord_reader_job(gord_bus_reader(service->bus), id, with_env, &row);
    if (result == 0) {
        result = gord_view_from_row(service, &row, with_env, out_view);
        gord_row_fini(&row);
    }
    return result;
}

void gord_view_fini(struct gord_view *view)
{
    if (view->spec != NULL) {
        gor__v1__job_spec__free_unpacked(view->spec, NULL);
    }
    free(view->text);
}

/* ------------------------------------------------------------------ lists */

static int grow(struct gord_views *views)
{
    size_t room = views->room > 0 ? views->room * 2 : 64;
    struct gord_view **items = realloc(views->items, room * sizeof(struct gord_view *));

    if (items == NULL) {
        return -ENOMEM;
    }
    views->items = items;
    Gor__V1__Job **jobs = realloc(views->jobs, room * sizeof(Gor__V1__Job *));
    if (jobs == NULL) {
        return -ENOMEM;
    }
    views->jobs = jobs;
    views->room = room;
    return 0;
}

int gord_views_add(struct gord_views *views, const struct gord_view *view)
{
    struct gord_view *copy;

    if (views->count == views->room && grow(views) != 0) {
        return -ENOMEM;
    }
    copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return -ENOMEM;
    }
    *copy = *view;
    views->items[views->count] = copy;
    views->jobs[views->count] = &copy->job;
    views->bytes += protobuf_c_message_get_packed_size(&copy->job.base) + 8;
    views->count++;
    return 0;
}

void gord_views_fini(struct gord_views *views)
{
    for (size_t i = 0; i < views->count; i++) {
        gord_view_fini(views->items[i]);
        free(views->items[i]);
    }
    free(views->items);
    free(views->jobs);
}

/* ------------------------------------------------------------------ events */

void gord_view_event(const struct gord_event *event, const char *name,
                     struct gord_event_view *out_view)
{
    Gor__V1__Event *out = &out_view->event;
    char *text = (char *)(uintptr_t)event->text;

    gor__v1__event__init(out);
    out->seq = event->seq;
    out->job_id = event->job_id;
    out->at_ns = event->at_ns;
    out->state = (Gor__V1__JobState)event->state;
    out->name = (char *)(uintptr_t)name;
    if (event->kind == GORD_EVENT_FINISHED) {
        out->outcome = (Gor__V1__Outcome)event->outcome;
        out->exit_code = event->exit_code;
        out->signal = event->signal;
        out->detail = text;
    } else if (event->kind == GORD_EVENT_RETRYING) {
        out->outcome =
            (Gor__V1__Outcome)event->outcome; /* of that run; the state says it is not over */
        out->exit_code = event->exit_code;
        out->signal = event->signal;
        out->reason = text;
    } else if (event->kind == GORD_EVENT_STARTED && event->pid != 0) {
        snprintf(out_view->text, sizeof(out_view->text), "as process %d", event->pid);
        out->reason = out_view->text;
    } else {
        out->reason = text;
    }
}
