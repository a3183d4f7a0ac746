/* SPDX-License-Identifier: MIT */
/* Jobs.Why, and what a dry run of Submit tells: the one reason why a job does not run. */
#include "daemon/service/why.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/runner/text.h"
#include "daemon/service/corr.h"
#include "daemon/service/view.h"

static void fill(const struct gord_why *why, Gor__V1__WhyReply *out)
{
    out->text = (char *)(uintptr_t)why->text;
    if (why->resource != NULL) {
        out->resource = (char *)(uintptr_t)why->resource->name;
        out->wants = why->wants;
        out->in_use = why->resource->used;
        out->capacity = why->resource->capacity;
    }
    out->ready_ns = why->ready_ns;
    out->ahead = why->ahead;
    out->before_id = why->before_id;
}

/* What keeps it from the queue; "" if nothing does. */
static int why_gated(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                     char text[GORD_GATE_TEXT])
{
    struct gord_spec *spec = NULL;
    char late[GORD_GATE_TEXT] = "";
    int result = gord_submit_spec(service, wire, uid, &spec);

    if (result == 0) {
        const struct gord_job *parent =
            gord_job_find(gord_bus_table(service->bus), wire->parent_id);
        result = gord_runner_too_late(spec, parent, late, sizeof(late));
        result = result == 0 ? gord_runner_would_gate(service->runner, spec, text) : result;
        gord_spec_unref(spec);
    }
    result = result == 0 ? gord_corr_would(service, wire, text) : result;
    if (result == 0 && late[0] != '\0') {
        memcpy(text, late, sizeof(late)); /* whatever it waits for comes too late */
    }
    return result;
}

/* What keeps it in the queue. */
static int why_queued(struct gord_service *service, const Gor__V1__JobSpec *spec, uint32_t uid,
                      struct gord_why *why)
{
    enum gord_job_kind kind = gord_submit_kind(spec);
    struct gord_ask ask;
    char text[sizeof(why->text)];

    gord_ask_from_wire(spec, &ask);
    int result = gord_queues_why_new(gord_bus_table(service->bus), kind, uid, &ask, why);
    if (result == 0 && (gord_runner_is_paused(service->runner) || why->text[0] == '\0')) {
        gord_runner_why_queued(service->runner, kind, spec->parent_id, text, sizeof(text));
        memcpy(why->text, text, sizeof(text));
    }
    return result;
}

int gord_why_new(struct gord_service *service, const Gor__V1__JobSpec *spec, uint32_t uid,
                 struct gord_why *why, Gor__V1__WhyReply *out)
{
    *why = (struct gord_why){0};
    gor__v1__why_reply__init(out);
    out->state = GOR__V1__JOB_STATE__CREATED;
    int result = why_gated(service, spec, uid, why->text);
    if (result == 0 && why->text[0] == '\0') {
        out->state = GOR__V1__JOB_STATE__RUNNABLE;
        result = why_queued(service, spec, uid, why);
    }
    fill(why, out);
    return result;
}

/* A job that waits for its turn: who is before it, and what it lacks. */
static void answer_queued(struct gord_service *service, struct rpc_call *call,
                          const struct gord_job *job)
{
    Gor__V1__WhyReply reply = GOR__V1__WHY_REPLY__INIT;
    struct gord_why why;
    char text[sizeof(why.text)];

    gord_queues_why(gord_bus_table(service->bus), job, &why);
    if (why.text[0] == '\0' || gord_runner_is_paused(service->runner)) {
        gord_runner_why(service->runner, job, text, sizeof(text));
        memcpy(why.text, text, sizeof(text));
    }
    reply.state = (Gor__V1__JobState)job->state;
    gord_view_deadline(job, &reply.deadline_ns, &reply.deadline_of);
    fill(&why, &reply);
    rpc_call_reply(call, &reply.base);
}

GORD_METHOD(gord_jobs_why)
{
    struct gord_service *service = user;
    uint64_t id = ((const Gor__V1__WhyRequest *)message)->id;
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    struct gord_view view;

    if (job != NULL && job->state == GOR__V1__JOB_STATE__RUNNABLE && !job->taken) {
        answer_queued(service, call, job);
        return;
    }
    int result = gord_view_make(service, id, false, &view);
    if (result == -ENOENT) {
        gord_fail(call, WIRE_NOT_FOUND, "there is no job %" PRIu64, id);
        return;
    }
    if (result != 0) {
        gord_fail(call, wire_status_from_errno(result), "cannot read job %" PRIu64 ": %s", id,
                  strerror(-result));
        return;
    }
    Gor__V1__WhyReply reply = GOR__V1__WHY_REPLY__INIT;
    reply.state = view.job.state;
    reply.text =
        view.job.state == GOR__V1__JOB_STATE__TERMINATED ? view.job.detail : view.job.reason;
    if (job != NULL && job->body != NULL && job->body->stuck != NULL && job->body->cancel == NULL) {
        reply.text = (char *)(uintptr_t)job->body->stuck->text; /* with where it stands */
    }
    reply.deadline_ns = view.job.deadline_ns;
    reply.deadline_of = view.job.deadline_of;
    rpc_call_reply(call, &reply.base);
    gord_view_fini(&view);
}
