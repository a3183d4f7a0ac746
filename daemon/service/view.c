/* SPDX-License-Identifier: MIT */
#include "daemon/service/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/base/grow.h"
#include "daemon/job/group.h"
#include "daemon/runner/gates.h"
#include "daemon/runner/job_ask.h"
#include "daemon/runner/run.h"
#include "daemon/service/corr.h"
#include "daemon/service/redact.h"

static void leave_out(char **text)
{
    if (*text != protobuf_c_empty_string) {
        free(*text);
    }
    *text = (char *)(uintptr_t)protobuf_c_empty_string;
}

/* The spec for the wire; what may be long, environment and input, only where it was asked for: who does
 * has to hide what is secret (redact.h). */
static Gor__V1__JobSpec *spec_of(const struct gord_spec *spec, bool whole)
{
    Gor__V1__JobSpec *wire = gord_spec_to_wire(spec, whole);

    if (wire != NULL && !whole && wire->hook_of != NULL) {
        leave_out(&wire->hook_of->document);
    }
    if (wire != NULL && !whole && gord_redact_urls(wire) < 0) {
        gor__v1__job_spec__free_unpacked(wire, NULL);
        return NULL;
    }
    if (wire != NULL && !whole && wire->kind_case == GOR__V1__JOB_SPEC__KIND_NATIVE) {
        free(wire->native->input.data);
        wire->native->input = (ProtobufCBinaryData){0};
    }
    return wire;
}

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

void gord_view_progress(const struct gord_report *report, Gor__V1__Progress *out_progress)
{
    gor__v1__progress__init(out_progress);
    out_progress->done = report->progress.done;
    out_progress->total = report->progress.total;
    out_progress->at_ns = report->progress.at_ns;
    out_progress->text = (char *)(uintptr_t)report->progress.text;
}

/* What the job told of itself in place of what the view had; takes the reference, NULL is fine. */
static int set_report(struct gord_view *view, struct gord_report *report)
{
    gord_report_unref(view->report);
    view->report = report;
    view->job.progress = NULL;
    view->job.has_result = report != NULL && report->has_result;
    view->job.result_bytes = view->job.has_result ? report->result_bytes : 0;
    if (report == NULL || !report->has_progress) {
        return 0;
    }
    if (view->progress == NULL) {
        view->progress = malloc(sizeof(*view->progress));
    }
    if (view->progress == NULL) {
        return -ENOMEM;
    }
    gord_view_progress(report, view->progress);
    view->job.progress = view->progress;
    return 0;
}

int gord_view_add_result(struct gord_service *service, struct gord_view *view)
{
    if (view->report == NULL || !view->report->has_result) {
        return 0;
    }
    if (view->report->result == NULL) {
        struct gord_report *whole = NULL;
        int result = gord_reader_report(gord_bus_reader(service->bus), view->job.id, &whole);
        result = result != 0 ? result : set_report(view, whole);
        if (result != 0) {
            return result;
        }
    }
    view->job.result.data = (uint8_t *)(uintptr_t)view->report->result;
    view->job.result.len = view->report->result_bytes;
    return 0;
}

/* Its first; where a job is stuck, below it, is for who asks for that one. */
static void text_line(const char *text, char *out, size_t bytes)
{
    size_t length = strcspn(text, "\n");

    snprintf(out, bytes, "%.*s", (int)(length < bytes ? length : bytes - 1), text);
}

uint64_t gord_view_waits_for(const struct gord_service *service, uint64_t id)
{
    const struct list_link *asks = &service->job_asks;

    for (const struct list_link *link = asks->prev; link != asks; link = link->prev) {
        const struct gord_job_ask *ask = CONTAINER_OF(link, const struct gord_job_ask, link);
        if (ask->run->id == id) {
            return ask->id;
        }
    }
    return 0;
}

/* What its goroutine waits for is a channel, which tells nobody anything. */
static bool is_for_a_job(const struct gord_service *service, const struct gord_job *job,
                         char out[GORD_GATE_TEXT])
{
    const struct gord_run *run = gord_runner_run_of(job);
    bool may = job->state == GOR__V1__JOB_STATE__WAITING && run != NULL && !run->paused &&
               (job->kind == GORD_NATIVE || job->kind == GORD_LUA);
    uint64_t below = may ? gord_view_waits_for(service, job->id) : 0;

    if (below != 0) {
        snprintf(out, GORD_GATE_TEXT, "for job %" PRIu64, below);
    }
    return below != 0;
}

/* Why a live job is as it is; in `out` or borrowed from the job. */
static const char *reason_of(struct gord_service *service, const struct gord_job *job,
                             const Gor__V1__JobSpec *spec, char out[GORD_GATE_TEXT])
{
    size_t bytes = GORD_GATE_TEXT;

    if (job->body != NULL && job->body->cancel != NULL) {
        snprintf(out, bytes, "cancel requested: %s", job->body->cancel->text);
        return out;
    }
    if (job->body != NULL && job->body->stuck != NULL) {
        text_line(job->body->stuck->text, out, bytes);
        return out;
    }
    if (job->state == GOR__V1__JOB_STATE__RUNNABLE) {
        if (job->taken) {
            return "is being started";
        }
        return gord_runner_why(service->runner, job, out, bytes);
    }
    if (!job->taken && gord_gates_why(job, out)[0] != '\0') {
        return out;
    }
    if (job->kind == GORD_GROUP && job->state == GOR__V1__JOB_STATE__WAITING) {
        gord_runner_group_why(job, out, bytes);
        gord_corr_why(service, job, spec, out);
        return out;
    }
    const struct gord_job *group = gord_group_of(gord_bus_table(service->bus), job);
    if (!job->taken && group != NULL && group->state == GOR__V1__JOB_STATE__CREATED) {
        snprintf(out, bytes, "waits for its array, job %" PRIu64, group->id);
        return out;
    }
    return is_for_a_job(service, job, out) ? out : gord_job_reason(job);
}

static void fill_finished(const struct gord_event *last, Gor__V1__Job *out)
{
    out->outcome = (Gor__V1__Outcome)last->outcome;
    out->exit_code = last->exit_code;
    out->signal = last->signal;
    out->core_dumped = last->core_dumped;
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

void gord_view_deadline(const struct gord_job *job, int64_t *out_ns, uint64_t *out_of)
{
    *out_ns = 0;
    *out_of = 0;
    if (job->state != GOR__V1__JOB_STATE__TERMINATED) {
        *out_ns = gord_runner_deadline(job, out_of);
        *out_of = *out_ns != 0 && *out_of != job->id ? *out_of : 0;
    }
}

/* What memory knows better than the store. */
static int overlay(struct gord_service *service, const struct gord_job *job, struct gord_view *view)
{
    const struct gord_job_body *body = job->body;
    Gor__V1__Job *out = &view->job;
    char buffer[GORD_GATE_TEXT];
    const char *text;
    struct gord_report *report = NULL;

    out->state = (Gor__V1__JobState)job->state;
    out->last_seq = job->last_seq;
    gord_view_deadline(job, &out->deadline_ns, &out->deadline_of);
    if (body != NULL) {
        out->started_ns = body->started_ns;
        out->stuck_ns = body->stuck != NULL ? body->stuck->at_ns : 0;
        fill_standing(body->standing, out);
    }
    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        GORD_ASSERT(body != NULL); /* an ended job has its last event until it is forgotten */
        fill_finished(body->last, out);
        text = body->last->text;
        report = body->last->report != NULL ? gord_report_ref(body->last->report) : NULL;
    } else {
        const struct gord_run *run = gord_runner_run_of(job);
        text = reason_of(service, job, view->spec, buffer);
        fill_running(job, out);
        report = job->kind == GORD_GROUP ? gord_runner_group_report(job)
                 : run != NULL           ? gord_run_progress(run)
                                         : NULL;
    }
    int result = set_report(view, report);
    free(view->text);
    view->text = strdup(text);
    out->reason = (char *)(uintptr_t)protobuf_c_empty_string;
    out->detail = out->reason;
    if (view->text != NULL && job->state == GOR__V1__JOB_STATE__TERMINATED) {
        out->detail = view->text;
    } else if (view->text != NULL) {
        out->reason = view->text;
    }
    return view->text != NULL ? result : -ENOMEM;
}

int gord_view_from_row(struct gord_service *service, const struct gord_row *row, bool with_env,
                       struct gord_view *out_view)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), row->id);
    struct gord_view view = {.job = GOR__V1__JOB__INIT};
    Gor__V1__Job *out = &view.job;
    bool ended = row->state == GOR__V1__JOB_STATE__TERMINATED;

    view.spec = spec_of(row->spec, with_env);
    view.text = strdup(row->detail);
    out->id = row->id;
    out->spec = view.spec;
    out->state = (Gor__V1__JobState)row->state;
    out->outcome = (Gor__V1__Outcome)row->outcome;
    out->exit_code = row->exit_code;
    out->signal = row->signal;
    out->core_dumped = row->core_dumped;
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
        result = set_report(&view, row->report != NULL ? gord_report_ref(row->report) : NULL);
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

    view.spec = spec_of(job->body->spec, with_env);
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
    free(view->progress);
    gord_report_unref(view->report);
    free(view->use);
    gord_attempts_fini(&view->attempts);
}

int gord_view_add_attempts(struct gord_service *service, struct gord_view *view)
{
    int result = gord_attempts_read(service, &view->job, &view->attempts);

    view->job.n_attempts = view->attempts.count;
    view->job.attempts = view->attempts.items;
    return result;
}

static void fill_use(const struct gord_use *use, Gor__V1__ResourceUse *out)
{
    gor__v1__resource_use__init(out);
    out->user_ns = (int64_t)use->user_ns;
    out->system_ns = (int64_t)use->system_ns;
    out->peak_memory_bytes = use->peak_memory_bytes;
    out->peak_is_bound = use->peak_is_bound;
    out->minor_faults = use->minor_faults;
    out->major_faults = use->major_faults;
    out->voluntary_switches = use->voluntary_switches;
    out->involuntary_switches = use->involuntary_switches;
    out->blocks_in = use->blocks_in;
    out->blocks_out = use->blocks_out;
    out->peak_processes = use->peak_processes;
    out->left_processes = use->left_processes;
}

/* From the events that are still in memory, as far as they go, else from the store. */
static int find_use(struct gord_service *service, uint64_t seq, struct gord_use *out_use)
{
    const struct gord_event *event;

    while ((event = gord_bus_recent(service->bus, seq)) != NULL) {
        if (event->kind == GORD_EVENT_USED) {
            *out_use = *event->use;
            return 0;
        }
        if (event->kind != GORD_EVENT_FINISHED) {
            return -ENOENT;
        }
        seq = event->prev_seq;
    }
    return gord_reader_use(gord_bus_reader(service->bus), seq, out_use);
}

int gord_view_add_use(struct gord_service *service, struct gord_view *view)
{
    struct gord_use use;

    if (view->job.state != GOR__V1__JOB_STATE__TERMINATED ||
        view->job.spec->kind_case != GOR__V1__JOB_SPEC__KIND_EXEC) {
        return 0;
    }
    int result = find_use(service, view->job.last_seq, &use);
    if (result != 0) {
        return result == -ENOENT ? 0 : result;
    }
    view->use = malloc(sizeof(*view->use));
    if (view->use == NULL) {
        return -ENOMEM;
    }
    fill_use(&use, view->use);
    view->job.use = view->use;
    return 0;
}

/* ------------------------------------------------------------------ lists */

static int grow(struct gord_views *views)
{
    size_t room = views->room;
    int result = gord_grow(&views->items, views->count, &room, sizeof(*views->items));

    if (result == 0) {
        result = gord_grow(&views->jobs, views->count, &views->room, sizeof(*views->jobs));
    }
    return result;
}

int gord_views_add(struct gord_views *views, const struct gord_view *view)
{
    struct gord_view *copy;

    if (grow(views) != 0) {
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

_Static_assert((int)GOR__V1__EVENT__KIND__ALIVE == GORD_EVENT_ALIVE + 1 &&
                   (int)GOR__V1__EVENT__KIND__ALIVE == GORD_EVENT_KIND_COUNT,
               "the contract has all kinds, in our order");

void gord_view_event(const struct gord_event *event, const char *name,
                     struct gord_event_view *out_view)
{
    Gor__V1__Event *out = &out_view->event;
    char *text = (char *)(uintptr_t)event->text;

    gor__v1__event__init(out);
    out->seq = event->seq;
    out->job_id = event->job_id;
    out->at_ns = event->at_ns;
    out->kind = (Gor__V1__Event__Kind)(event->kind + 1);
    out->state = (Gor__V1__JobState)event->state;
    out->name = (char *)(uintptr_t)name;
    if (event->kind == GORD_EVENT_FINISHED) {
        out->outcome = (Gor__V1__Outcome)event->outcome;
        out->exit_code = event->exit_code;
        out->signal = event->signal;
        out->core_dumped = event->core_dumped;
        out->detail = text;
    } else if (event->kind == GORD_EVENT_RETRYING) {
        out->outcome =
            (Gor__V1__Outcome)event->outcome; /* of that run; the state says it is not over */
        out->exit_code = event->exit_code;
        out->signal = event->signal;
        out->core_dumped = event->core_dumped;
        out->reason = text;
    } else if (event->kind == GORD_EVENT_STARTED && event->pid != 0) {
        out->pid = event->pid;
        snprintf(out_view->text, sizeof(out_view->text), "as process %d", event->pid);
        out->reason = out_view->text;
    } else if (event->kind == GORD_EVENT_USED) {
        fill_use(event->use, &out_view->use);
        out->use = &out_view->use;
        out->reason = (char *)(uintptr_t)gord_use_text(event->use, out_view->text);
    } else if (event->kind == GORD_EVENT_SIGNALLED) {
        const char *word = sigabbrev_np(event->signal);
        out->signal = event->signal;
        snprintf(out_view->text, sizeof(out_view->text), "signal %d (%s) sent %.100s",
                 event->signal, word != NULL ? word : "real-time", event->text);
        out->reason = out_view->text;
    } else {
        out->reason = text;
    }
}
