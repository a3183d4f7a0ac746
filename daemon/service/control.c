/* SPDX-License-Identifier: MIT */
/* Jobs.Cancel, Jobs.Pause, Jobs.Resume: steering. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/text.h"
#include "daemon/service/check.h"
#include "daemon/service/keeping.h"
#include "daemon/service/many.h"
#include "daemon/service/whom.h"

/* ------------------------------------------------------------------ cancel */

struct cancelling {
    struct gord_many many;
    char cause[GORD_BY_WHOM + 16];
};

/* The caller's own words, or by whom. */
static void set_cause(struct cancelling *c, const char *cause)
{
    char by_whom[GORD_BY_WHOM];

    if (cause[0] != '\0') {
        gord_text_clean(cause, strlen(cause), c->cause, sizeof(c->cause));
        return;
    }
    gord_by_whom(c->many.call, "", by_whom);
    snprintf(c->cause, sizeof(c->cause), "cancelled %s", by_whom);
}

static void note(struct gord_many *many, uint64_t id, Gor__V1__CancelResult__Status status)
{
    Gor__V1__CancelResult *result = gord_many_result(many);

    if (result != NULL) {
        gor__v1__cancel_result__init(result);
        result->id = id;
        result->status = status;
    }
}

/* 0, or -ENOMEM, or the reader's error. */
static int cancel_one(struct gord_many *many, uint64_t id)
{
    struct cancelling *c = (struct cancelling *)many;
    struct gord_job *job = gord_job_find(gord_bus_table(many->service->bus), id);
    int result = -EINVAL;

    if (job != NULL) {
        result = gord_runner_cancel(many->service->runner, job, c->cause, &many->seq);
        if (result == 0) {
            note(many, id, GOR__V1__CANCEL_RESULT__STATUS__ASKED);
            return 0;
        }
    } else {
        result = gord_knows(many->service, id);
    }
    if (result == -ENOENT) {
        note(many, id, GOR__V1__CANCEL_RESULT__STATUS__UNKNOWN);
    } else if (result == 0 || result == -EINVAL) {
        note(many, id, GOR__V1__CANCEL_RESULT__STATUS__ENDED_ALREADY);
    } else {
        return result;
    }
    return 0;
}

static void reply_cancelled(struct gord_many *many)
{
    Gor__V1__CancelReply reply = GOR__V1__CANCEL_REPLY__INIT;

    reply.n_results = many->count;
    reply.results = (Gor__V1__CancelResult **)many->results;
    rpc_call_reply(many->call, &reply.base);
}

GORD_METHOD(gord_jobs_cancel)
{
    /* What was cancelled while queued must not run after a crash: the answer waits for the disk. */
    static const struct gord_many_kind kind = {.size = sizeof(struct cancelling),
                                               .result_bytes = sizeof(Gor__V1__CancelResult),
                                               .portion = 2000,
                                               .one = cancel_one,
                                               .reply = reply_cancelled,
                                               .reached = "cancelled"};
    const Gor__V1__CancelRequest *request = (const Gor__V1__CancelRequest *)message;
    struct gord_many_request common = {.n_ids = request->n_ids,
                                       .ids = request->ids,
                                       .all = request->all,
                                       .cause = request->cause,
                                       .selector = request->selector,
                                       .fits = gord_many_lives};
    struct cancelling *c = (struct cancelling *)gord_many_new(&kind, user, call, "cancel", &common);

    if (c != NULL) {
        set_cause(c, request->cause);
        gord_many_begin(&c->many, &common);
    }
}

/* ------------------------------------------------------------------ pause, resume */

struct pausing {
    struct gord_keeping keeping;
    bool paused;
    uint64_t queued; /* when it was asked */
};

static uint64_t queued_jobs(struct gord_service *service)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));

    return counts->queued[GORD_EXEC] + counts->queued[GORD_NATIVE] + counts->queued[GORD_LUA];
}

static void pause_stored(void *arg, int error)
{
    struct pausing *pausing = arg;
    struct rpc_call *call = gord_keeping_done(&pausing->keeping);

    if (call == NULL) {
        free(pausing);
        return;
    }
    if (error != 0) {
        gord_fail(call, gord_store_status_code(error),
                  "%s for now, but after a restart it will be forgotten: %s",
                  pausing->paused ? "paused" : "resumed", strerror(-error));
    } else if (pausing->paused) {
        Gor__V1__PauseReply reply = GOR__V1__PAUSE_REPLY__INIT;
        reply.queued = pausing->queued;
        rpc_call_reply(call, &reply.base);
    } else {
        Gor__V1__ResumeReply reply = GOR__V1__RESUME_REPLY__INIT;
        reply.queued = pausing->queued;
        rpc_call_reply(call, &reply.base);
    }
    free(pausing);
}

static void set_paused(struct gord_service *service, struct rpc_call *call, bool paused)
{
    struct pausing *pausing = malloc(sizeof(*pausing));
    int result = -ENOMEM;

    if (gord_service_is_closing(service)) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon is stopping; try again when it is back");
        free(pausing);
        return;
    }
    if (pausing != NULL) {
        *pausing = (struct pausing){.paused = paused, .queued = queued_jobs(service)};
        gord_runner_set_paused(service->runner, paused);
        result = gord_store_set_paused(gord_bus_store(service->bus), paused, pause_stored, pausing);
    }
    if (result == 0) {
        gord_keeping_begin(service, &pausing->keeping, call);
    } else {
        free(pausing);
        gord_fail(call, wire_status_from_errno(result), "cannot keep that: %s", strerror(-result));
    }
}

GORD_METHOD(gord_jobs_pause)
{
    (void)message;
    set_paused(user, call, true);
}

GORD_METHOD(gord_jobs_resume)
{
    (void)message;
    set_paused(user, call, false);
}
