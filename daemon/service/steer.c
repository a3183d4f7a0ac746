/* SPDX-License-Identifier: MIT */
/* Jobs.PauseJobs, Jobs.ResumeJobs, Jobs.Signal: steering jobs that run.
 *
 * All that a call names is done in one turn of the loop, so a call names few enough for that.
 */
#include "daemon/runner/steer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/check.h"
#include "daemon/service/state.h"

#define IDS_MAX 1000
#define SIGNAL_MAX 64

typedef int steer_fn(struct gord_bus *bus, struct gord_job *job, const char *cause,
                     uint64_t *out_seq);

/* One call. */
struct steering {
    steer_fn *act; /* NULL: send `signal` */
    int signal;
    char cause[GORD_BY_WHOM];
    uint64_t seq; /* of the newest event this caused */
    size_t count;
    Gor__V1__ControlResult *results; /* owned; likewise the pointers to them */
    Gor__V1__ControlResult **pointers;
};

static void free_steering(struct steering *s)
{
    if (s != NULL) {
        free(s->results);
        free(s->pointers);
        free(s);
    }
}

static struct steering *new_steering(struct rpc_call *call, const char *cause, size_t count)
{
    struct steering *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    s->results = calloc(count, sizeof(*s->results));
    s->pointers = calloc(count, sizeof(Gor__V1__ControlResult *));
    if (s->results == NULL || s->pointers == NULL) {
        free_steering(s);
        return NULL;
    }
    gord_by_whom(call, cause, s->cause);
    return s;
}

static Gor__V1__ControlResult__Status status_of(const struct gord_job *job, int result)
{
    switch (result) {
    case 0:
        return GOR__V1__CONTROL_RESULT__STATUS__DONE;
    case -ENOENT:
        return GOR__V1__CONTROL_RESULT__STATUS__UNKNOWN;
    case -EINVAL:
        return GOR__V1__CONTROL_RESULT__STATUS__ENDED_ALREADY;
    case -ESRCH:
        /* Between the end of its process and its own. */
        return job != NULL && job->body != NULL && job->body->pid != 0
                   ? GOR__V1__CONTROL_RESULT__STATUS__ENDED_ALREADY
                   : GOR__V1__CONTROL_RESULT__STATUS__NOT_RUNNING;
    case -EALREADY:
        return GOR__V1__CONTROL_RESULT__STATUS__UNCHANGED;
    default:
        return GOR__V1__CONTROL_RESULT__STATUS__UNFIT;
    }
}

static const char *text_of(int result)
{
    switch (result) {
    case 0:
    case -ENOENT:
    case -EINVAL:
    case -ESRCH:
    case -EALREADY:
        return "";
    case -EOPNOTSUPP:
        return "it runs inside the daemon, which can only ask it to end (cancel)";
    default:
        return strerror(-result);
    }
}

static void steer_one(struct gord_service *service, struct steering *s, uint64_t id)
{
    struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);
    Gor__V1__ControlResult *out = &s->results[s->count];
    int result;

    if (job == NULL) {
        result = gord_knows(service, id);
        result = result == 0 ? -EINVAL : result;
    } else if (s->act != NULL) {
        result = s->act(service->bus, job, s->cause, &s->seq);
    } else {
        result = gord_steer_signal(service->bus, job, s->signal, s->cause, &s->seq);
    }
    gor__v1__control_result__init(out);
    out->id = id;
    out->status = status_of(job, result);
    out->text = (char *)(uintptr_t)text_of(result);
    s->pointers[s->count++] = out;
}

static void steered(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct steering *s = ack->data;
    Gor__V1__ControlReply reply = GOR__V1__CONTROL_REPLY__INIT;

    (void)service;
    if (error == -ECANCELED) {
        gord_fail(ack->call, WIRE_UNAVAILABLE, "the daemon stops");
    } else {
        /* With a store that refuses it is done all the same, only not on record yet. */
        reply.n_results = s->count;
        reply.results = s->pointers;
        rpc_call_reply(ack->call, &reply.base);
    }
    free_steering(s);
}

static void steer(struct gord_service *service, struct rpc_call *call, struct steering *s,
                  const uint64_t *ids, size_t count)
{
    if (s == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        steer_one(service, s, ids[i]);
    }
    struct gord_ack ack = {
        .seq = service->store_error == 0 ? s->seq : 0, .call = call, .fn = steered, .data = s};
    if (gord_acks_add(service, &ack) != 0) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "done, but not told of each: out of memory");
        free_steering(s);
    }
}

static bool accepts(struct gord_service *service, struct rpc_call *call, size_t count,
                    const char *cause)
{
    if (service->draining) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon is stopping; its jobs end with it");
    } else if (count == 0) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids is empty: it takes the jobs that are meant");
    } else if (count > IDS_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids has %zu entries, at most %d are taken", count,
                  IDS_MAX);
    } else if (strlen(cause) > GORD_CAUSE_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "cause has %zu bytes, at most %d are kept",
                  strlen(cause), GORD_CAUSE_MAX);
    } else {
        return true;
    }
    return false;
}

GORD_METHOD(gord_jobs_pause_jobs)
{
    const Gor__V1__PauseJobsRequest *request = (const Gor__V1__PauseJobsRequest *)message;

    if (accepts(user, call, request->n_ids, request->cause)) {
        struct steering *s = new_steering(call, request->cause, request->n_ids);
        if (s != NULL) {
            s->act = gord_steer_pause;
        }
        steer(user, call, s, request->ids, request->n_ids);
    }
}

GORD_METHOD(gord_jobs_resume_jobs)
{
    const Gor__V1__ResumeJobsRequest *request = (const Gor__V1__ResumeJobsRequest *)message;

    if (accepts(user, call, request->n_ids, "")) {
        struct steering *s = new_steering(call, "", request->n_ids);
        if (s != NULL) {
            s->act = gord_steer_resume;
        }
        steer(user, call, s, request->ids, request->n_ids);
    }
}

GORD_METHOD(gord_jobs_signal)
{
    const Gor__V1__SignalRequest *request = (const Gor__V1__SignalRequest *)message;

    if (request->signal < 1 || request->signal > SIGNAL_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "signal is %d; signals are 1 to %d", request->signal,
                  SIGNAL_MAX);
    } else if (accepts(user, call, request->n_ids, "")) {
        struct steering *s = new_steering(call, "", request->n_ids);
        if (s != NULL) {
            s->signal = request->signal;
        }
        steer(user, call, s, request->ids, request->n_ids);
    }
}
