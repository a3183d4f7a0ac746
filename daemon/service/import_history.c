/* SPDX-License-Identifier: MIT */
/* The history of an imported job: its steps as told, or, where those are not all there, the few that the
 * job itself tells. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/assert.h"
#include "daemon/job/history.h"
#include "daemon/service/import.h"

#define EVENTS_MAX 20000
#define MADE_UP_MAX 5

void gord_import_history_free(struct gord_event **events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gord_event_unref(events[i]);
    }
    free(events);
}

static struct gord_use use_of(const Gor__V1__ResourceUse *wire)
{
    return (struct gord_use){
        .user_ns = (uint64_t)wire->user_ns,
        .system_ns = (uint64_t)wire->system_ns,
        .peak_memory_bytes = wire->peak_memory_bytes,
        .peak_is_bound = wire->peak_is_bound,
        .minor_faults = wire->minor_faults,
        .major_faults = wire->major_faults,
        .voluntary_switches = wire->voluntary_switches,
        .involuntary_switches = wire->involuntary_switches,
        .blocks_in = wire->blocks_in,
        .blocks_out = wire->blocks_out,
        .peak_processes = wire->peak_processes,
        .left_processes = wire->left_processes,
    };
}

/* ------------------------------------------------------------------ steps as told */

/* What the event itself says, without what was put around it to show it (see gord_view_event). */
static const char *text_of(const Gor__V1__Event *wire)
{
    static const char sent[] = " sent ";

    switch (wire->kind) {
    case GOR__V1__EVENT__KIND__FINISHED:
        return wire->detail;
    case GOR__V1__EVENT__KIND__STARTED:
        return wire->pid != 0 ? "" : wire->reason;
    case GOR__V1__EVENT__KIND__SIGNALLED: {
        const char *at = strstr(wire->reason, sent);
        return at != NULL ? at + sizeof(sent) - 1 : wire->reason;
    }
    default:
        return wire->reason;
    }
}

/* NULL with errno: -EINVAL, or out of memory. */
static struct gord_event *event_of(const Gor__V1__Event *wire, uint64_t id, struct gord_spec *spec,
                                   uint32_t uid)
{
    struct gord_event *event = NULL;
    bool ends = wire->kind == GOR__V1__EVENT__KIND__FINISHED;

    errno = EINVAL;
    if (wire->kind < GOR__V1__EVENT__KIND__SUBMITTED || wire->kind > GOR__V1__EVENT__KIND__ALIVE ||
        (unsigned)wire->state >= GORD_STATE_COUNT ||
        (unsigned)wire->outcome >= GORD_OUTCOME_COUNT || (ends && wire->outcome == 0) ||
        wire->at_ns <= 0 || wire->pid < 0 || wire->signal < 0 || wire->signal > 64) {
        return NULL;
    }
    if (wire->kind == GOR__V1__EVENT__KIND__USED && wire->use == NULL) {
        return NULL;
    }
    if (wire->kind == GOR__V1__EVENT__KIND__SUBMITTED) {
        event = gord_event_submitted(id, spec, uid);
    } else if (wire->kind == GOR__V1__EVENT__KIND__USED) {
        struct gord_use use = use_of(wire->use);
        event = gord_event_used(id, &use);
    } else {
        event = gord_event_new((enum gord_event_kind)(wire->kind - 1), id, text_of(wire));
    }
    if (event == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    event->at_ns = wire->at_ns;
    event->state = (uint8_t)wire->state;
    event->outcome = (uint8_t)wire->outcome;
    event->exit_code = wire->exit_code;
    event->signal = wire->signal;
    event->core_dumped =
        wire->core_dumped && (ends || wire->kind == GOR__V1__EVENT__KIND__RETRYING);
    event->pid = wire->kind == GOR__V1__EVENT__KIND__STARTED ? wire->pid : 0;
    return event;
}

/* The list has room for all. False: not taken; *count are in the list either way. */
static bool tell_all(const Gor__V1__ImportRequest *request, uint64_t id, struct gord_spec *spec,
                     struct gord_event **events, size_t *count, struct gord_refusal *out_why)
{
    for (size_t i = 0; i < request->n_events; i++) {
        events[i] = event_of(request->events[i], id, spec, request->job->uid);
        if (events[i] == NULL) {
            return errno == ENOMEM
                       ? gord_refuse(out_why, WIRE_RESOURCE_EXHAUSTED, "out of memory")
                       : gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                                     "events[%zu] has no kind, or a number that is out of "
                                     "range",
                                     i);
        }
        ++*count;
    }
    size_t bad = gord_history_complete(events, *count);
    if (bad < *count) {
        bool last = bad == *count - 1 && events[bad]->kind != GORD_EVENT_FINISHED;
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT, "events[%zu] ('%s') %s", bad,
                           gord_event_kind_name((enum gord_event_kind)events[bad]->kind),
                           last ? "is no end, but the job has ended, or it cannot stand there"
                                : "cannot follow what is before it");
    }
    if (events[*count - 1]->outcome != request->job->outcome) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                           "the last event has another outcome than the job");
    }
    return true;
}

/* ------------------------------------------------------------------ steps made up */

static bool make_up(const Gor__V1__Job *job, uint64_t id, struct gord_spec *spec,
                    struct gord_event **events, size_t *count)
{
    struct gord_event *made[MADE_UP_MAX];
    size_t n = 0;

    made[n] = gord_event_submitted(id, spec, job->uid);
    if (made[n++] != NULL) {
        made[0]->at_ns = job->created_ns;
    }
    if (job->started_ns != 0) {
        made[n] = gord_event_new(GORD_EVENT_QUEUED, id, NULL);
        made[n + 1] = gord_event_started(id, 0, 0, 0);
        if (made[n] != NULL && made[n + 1] != NULL) {
            made[n]->at_ns = job->created_ns;
            made[n + 1]->at_ns = job->started_ns;
        }
        n += 2;
        if (job->use != NULL) {
            struct gord_use use = use_of(job->use);
            made[n] = gord_event_used(id, &use);
            if (made[n] != NULL) {
                made[n]->at_ns = job->finished_ns;
            }
            n++;
        }
    }
    made[n] = gord_event_finished(id, job->outcome, job->exit_code, job->signal, job->detail);
    if (made[n] != NULL) {
        made[n]->at_ns = job->finished_ns;
        made[n]->core_dumped = job->core_dumped;
    }
    n++;
    bool whole = true;
    for (size_t i = 0; i < n; i++) {
        whole = whole && made[i] != NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (whole) {
            events[(*count)++] = made[i];
        } else {
            gord_event_unref(made[i]);
        }
    }
    return whole && gord_history_complete(events, *count) == *count;
}

/* ------------------------------------------------------------------ what the end carries */

static int add_report(const Gor__V1__Job *job, struct gord_event *last)
{
    struct gord_progress progress = {0};
    bool has_result = job->has_result && job->result.len == job->result_bytes;

    if (job->progress == NULL && !has_result) {
        return 0;
    }
    if (job->progress != NULL) {
        progress = (struct gord_progress){.done = job->progress->done,
                                          .total = job->progress->total,
                                          .at_ns = job->progress->at_ns,
                                          .text = job->progress->text};
    }
    last->report = gord_report_new(job->progress != NULL ? &progress : NULL,
                                   !has_result           ? NULL
                                   : job->result.len > 0 ? (const void *)job->result.data
                                                         : "",
                                   has_result ? job->result.len : 0);
    return last->report != NULL ? 0 : -ENOMEM;
}

static int add_standing(const Gor__V1__Job *job, struct gord_event *last)
{
    if (job->attempt == 0 && job->losses == 0 && job->version == 0) {
        return 0;
    }
    last->standing = gord_standing_copy(NULL);
    if (last->standing == NULL) {
        return -ENOMEM;
    }
    last->standing->attempt = job->attempt;
    last->standing->losses = job->losses;
    last->standing->version = job->version;
    last->standing->due_ns = job->next_start_ns;
    return 0;
}

static bool add_end(const Gor__V1__Job *job, struct gord_event *last)
{
    GORD_ASSERT(last != NULL); /* there is one at least: what it was submitted by */
    last->stdout_bytes = job->stdout_bytes;
    last->stderr_bytes = job->stderr_bytes;
    return add_report(job, last) == 0 && add_standing(job, last) == 0;
}

static bool is_sound(const Gor__V1__Job *job, struct gord_refusal *out_why)
{
    if (job->outcome == 0 || (unsigned)job->outcome >= GORD_OUTCOME_COUNT) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                           "job.outcome: it has ended, so it must say how");
    }
    if (job->created_ns <= 0 || job->started_ns < 0 || job->finished_ns <= 0 || job->signal < 0 ||
        job->signal > 64 || job->next_start_ns < 0) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                           "job: a time or its signal is out of range");
    }
    if (job->result.len > GORD_RESULT_BYTES) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                           "job.result has %zu bytes, at most %d are kept", job->result.len,
                           GORD_RESULT_BYTES);
    }
    return true;
}

bool gord_import_history(const Gor__V1__ImportRequest *request, uint64_t id,
                         struct gord_event ***out_events, size_t *out_count, bool *out_made_up,
                         struct gord_refusal *out_why)
{
    const Gor__V1__Job *job = request->job;
    bool told =
        request->n_events > 0 && request->events[0]->kind == GOR__V1__EVENT__KIND__SUBMITTED;
    struct gord_spec *spec = NULL;
    size_t count = 0;

    if (!is_sound(job, out_why)) {
        return false;
    }
    if (request->n_events > EVENTS_MAX) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                           "events has %zu entries, at most %d are taken", request->n_events,
                           EVENTS_MAX);
    }
    struct gord_event **events =
        calloc(request->n_events + MADE_UP_MAX, sizeof(struct gord_event *));
    (void)gord_refuse(out_why, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    bool good = events != NULL && gord_spec_from_wire(job->spec, NULL, &spec) == 0;
    if (good && told) {
        good = tell_all(request, id, spec, events, &count, out_why);
    } else if (good) {
        good = make_up(job, id, spec, events, &count);
    }
    good = good && add_end(job, events[count - 1]);
    gord_spec_unref(spec);
    if (!good) {
        gord_import_history_free(events, count);
        return false;
    }
    *out_events = events;
    *out_count = count;
    *out_made_up = !told;
    return true;
}
