/* SPDX-License-Identifier: MIT */
/* Jobs.PauseJobs, Jobs.ResumeJobs, Jobs.Signal: steering jobs that run. */
#include "daemon/runner/steer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/check.h"
#include "daemon/service/many.h"
#include "daemon/service/whom.h"

#define SIGNAL_MAX 64

typedef int steer_fn(struct gord_bus *bus, struct gord_job *job, const char *cause,
                     uint64_t *out_seq);

/* One call. */
struct steering {
    struct gord_many many;
    steer_fn *act; /* NULL: send `signal` */
    int signal;
    char cause[GORD_BY_WHOM];
};

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
        return "it is no program: signals are for processes; `gorctl cancel` asks it to end";
    default:
        return strerror(-result);
    }
}

static void note(struct gord_many *many, uint64_t id, const struct gord_job *job, int result)
{
    Gor__V1__ControlResult *out = gord_many_result(many);

    if (out != NULL) {
        gor__v1__control_result__init(out);
        out->id = id;
        out->status = status_of(job, result);
        out->text = (char *)(uintptr_t)text_of(result);
    }
}

static int act_on(struct steering *s, struct gord_job *job)
{
    struct gord_bus *bus = s->many.service->bus;

    return s->act != NULL ? s->act(bus, job, s->cause, &s->many.seq)
                          : gord_steer_signal(bus, job, s->signal, s->cause, &s->many.seq);
}

/* Those of its tasks that run. 0 if it was done to any; else what the last said. */
static int act_on_tasks(struct steering *s, const struct gord_job *group)
{
    struct gord_job_table *table = gord_bus_table(s->many.service->bus);
    size_t count = gord_job_children(table, group->id, NULL, 0);
    uint64_t *ids = calloc(count + 1, sizeof(*ids));
    int result = group->state == GOR__V1__JOB_STATE__TERMINATED ? -EINVAL : -ESRCH;

    if (ids == NULL) {
        return -ENOMEM;
    }
    gord_job_children(table, group->id, ids, count);
    for (size_t i = 0; i < count; i++) {
        struct gord_job *task = gord_job_find(table, ids[i]);
        if (task != NULL && task->taken) {
            int done = act_on(s, task);
            result = result != 0 ? done : 0;
        }
    }
    free(ids);
    return result;
}

static int steer_one(struct gord_many *many, uint64_t id)
{
    struct steering *s = (struct steering *)many;
    struct gord_job *job = gord_job_find(gord_bus_table(many->service->bus), id);
    int result;

    if (job == NULL) {
        result = gord_knows(many->service, id);
        result = result == 0 ? -EINVAL : result;
    } else {
        result = job->kind == GORD_GROUP ? act_on_tasks(s, job) : act_on(s, job);
    }
    note(many, id, job, result);
    return 0;
}

static void reply_steered(struct gord_many *many)
{
    Gor__V1__ControlReply reply = GOR__V1__CONTROL_REPLY__INIT;

    reply.n_results = many->count;
    reply.results = (Gor__V1__ControlResult **)many->results;
    rpc_call_reply(many->call, &reply.base);
}

/* Those that have a run. */
static bool runs(const struct gord_job *job)
{
    return job->state != GOR__V1__JOB_STATE__TERMINATED && job->taken;
}

static void steer(struct gord_service *service, struct rpc_call *call,
                  struct gord_many_request *request, steer_fn *act, int signal)
{
    /* Each costs some system calls. */
    static const struct gord_many_kind kind = {.size = sizeof(struct steering),
                                               .result_bytes = sizeof(Gor__V1__ControlResult),
                                               .portion = 200,
                                               .one = steer_one,
                                               .reply = reply_steered,
                                               .reached = "reached"};

    request->fits = runs;
    request->in_order = true;
    if (gord_service_is_closing(service)) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon is stopping; its jobs end with it");
        return;
    }
    struct steering *s =
        (struct steering *)gord_many_new(&kind, service, call, "reach all of them", request);
    if (s != NULL) {
        s->act = act;
        s->signal = signal;
        gord_by_whom(call, request->cause, s->cause);
        gord_many_begin(&s->many, request);
    }
}

GORD_METHOD(gord_jobs_pause_jobs)
{
    const Gor__V1__PauseJobsRequest *request = (const Gor__V1__PauseJobsRequest *)message;
    struct gord_many_request common = {.n_ids = request->n_ids,
                                       .ids = request->ids,
                                       .cause = request->cause,
                                       .selector = request->selector};

    steer(user, call, &common, gord_steer_pause, 0);
}

GORD_METHOD(gord_jobs_resume_jobs)
{
    const Gor__V1__ResumeJobsRequest *request = (const Gor__V1__ResumeJobsRequest *)message;
    struct gord_many_request common = {
        .n_ids = request->n_ids, .ids = request->ids, .cause = "", .selector = request->selector};

    steer(user, call, &common, gord_steer_resume, 0);
}

GORD_METHOD(gord_jobs_signal)
{
    const Gor__V1__SignalRequest *request = (const Gor__V1__SignalRequest *)message;
    struct gord_many_request common = {
        .n_ids = request->n_ids, .ids = request->ids, .cause = "", .selector = request->selector};

    if (request->signal < 1 || request->signal > SIGNAL_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "signal is %d; signals are 1 to %d", request->signal,
                  SIGNAL_MAX);
    } else {
        steer(user, call, &common, NULL, request->signal);
    }
}
