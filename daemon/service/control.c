/* SPDX-License-Identifier: MIT */
/* Jobs.Cancel, Jobs.Pause, Jobs.Resume: steering. */
#include "daemon/runner/text.h"
#include "daemon/service/check.h"
#include "daemon/service/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX 100000
#define RESULTS_MAX 250000 /* about 3 MiB of reply; with 'all' there may be more jobs than that */

/* ------------------------------------------------------------------ cancel */

struct cancelling {
    struct gord_service *service;
    char cause[GORD_CAUSE_MAX + 64];
    uint64_t seq; /* of the newest event this caused */
    Gor__V1__CancelResult *results;
    Gor__V1__CancelResult **pointers;
    size_t count;
};

static void free_cancelling(struct cancelling *c)
{
    if (c != NULL) {
        free(c->results);
        free(c->pointers);
        free(c);
    }
}

static struct cancelling *new_cancelling(struct gord_service *service, struct rpc_call *call,
                                         const char *cause, size_t room)
{
    struct cancelling *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    c->service = service;
    c->results = calloc(room + 1, sizeof(*c->results));
    c->pointers = calloc(room + 1, sizeof(Gor__V1__CancelResult *));
    if (c->results == NULL || c->pointers == NULL) {
        free_cancelling(c);
        return NULL;
    }
    if (cause[0] != '\0') {
        gord_text_clean(cause, strlen(cause), c->cause, sizeof(c->cause));
    } else if (rpc_call_peer(call)->local) {
        snprintf(c->cause, sizeof(c->cause), "cancelled by user %u", rpc_call_peer(call)->uid);
    } else {
        snprintf(c->cause, sizeof(c->cause), "cancelled from %s", rpc_call_peer(call)->address);
    }
    return c;
}

static void note(struct cancelling *c, uint64_t id, Gor__V1__CancelResult__Status status)
{
    if (c->count == RESULTS_MAX) {
        return;
    }
    Gor__V1__CancelResult *result = &c->results[c->count];
    gor__v1__cancel_result__init(result);
    result->id = id;
    result->status = status;
    c->pointers[c->count++] = result;
}

/* 0, or -ENOMEM, or the reader's error. */
static int cancel_one(struct cancelling *c, uint64_t id)
{
    struct gord_job *job = gord_job_find(gord_bus_table(c->service->bus), id);
    int result = -EINVAL;

    if (job != NULL) {
        result = gord_runner_cancel(c->service->runner, job, c->cause, &c->seq);
        if (result == 0) {
            note(c, id, GOR__V1__CANCEL_RESULT__STATUS__ASKED);
            return 0;
        }
    } else {
        result = gord_knows(c->service, id);
    }
    if (result == -ENOENT) {
        note(c, id, GOR__V1__CANCEL_RESULT__STATUS__UNKNOWN);
    } else if (result == 0 || result == -EINVAL) {
        note(c, id, GOR__V1__CANCEL_RESULT__STATUS__ENDED_ALREADY);
    } else {
        return result;
    }
    return 0;
}

/* The answer waits for the disk: what was cancelled while queued must not run after a crash. */
static void cancel_committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct cancelling *c = ack->data;
    Gor__V1__CancelReply reply = GOR__V1__CANCEL_REPLY__INIT;

    (void)service;
    if (error == -ECANCELED) {
        gord_fail(ack->call, WIRE_UNAVAILABLE, "the daemon stops");
    } else {
        /* With a store that refuses the jobs are cancelled all the same, only not on record yet. */
        reply.n_results = c->count;
        reply.results = c->pointers;
        rpc_call_reply(ack->call, &reply.base);
    }
    free_cancelling(c);
}

struct id_list {
    uint64_t *ids;
    size_t count;
};

static int add_id(void *arg, struct gord_job *job)
{
    struct id_list *list = arg;

    if (job->state != GOR__V1__JOB_STATE__TERMINATED) {
        list->ids[list->count++] = job->id;
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int list_live(struct gord_service *service, struct id_list *out_list)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    size_t room = 1;

    for (int state = 0; state < GORD_STATE_COUNT; state++) {
        room += counts->by_state[state];
    }
    out_list->ids = calloc(room, sizeof(uint64_t));
    if (out_list->ids == NULL) {
        return -ENOMEM;
    }
    gord_job_each(gord_bus_table(service->bus), add_id, out_list);
    qsort(out_list->ids, out_list->count, sizeof(uint64_t), compare_ids);
    return 0;
}

static bool cancel_request_ok(struct rpc_call *call, const Gor__V1__CancelRequest *request)
{
    if (request->n_ids == 0 && !request->all) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids is empty and 'all' is not set");
    } else if (request->n_ids > 0 && request->all) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids and 'all' exclude each other");
    } else if (request->n_ids > IDS_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids has %zu entries, at most %d are taken",
                  request->n_ids, IDS_MAX);
    } else if (strlen(request->cause) > GORD_CAUSE_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "cause has %zu bytes, at most %d are kept",
                  strlen(request->cause), GORD_CAUSE_MAX);
    } else {
        return true;
    }
    return false;
}

static int cancel_ids(struct gord_service *service, struct rpc_call *call, const char *cause,
                      const uint64_t *ids, size_t count)
{
    struct cancelling *c = new_cancelling(service, call, cause, count);
    int result = c != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; i < count && result == 0; i++) {
        result = cancel_one(c, ids[i]);
    }
    if (result != 0) {
        free_cancelling(c);
        return result;
    }
    struct gord_ack ack = {.seq = service->store_error == 0 ? c->seq : 0,
                           .call = call,
                           .fn = cancel_committed,
                           .data = c};
    result = gord_acks_add(service, &ack);
    if (result != 0) {
        free_cancelling(c);
    }
    return result;
}

GORD_METHOD(gord_jobs_cancel)
{
    struct gord_service *service = user;
    const Gor__V1__CancelRequest *request = (const Gor__V1__CancelRequest *)message;
    struct id_list live = {0};
    int result = 0;

    if (!cancel_request_ok(call, request)) {
        return;
    }
    if (request->all) {
        result = list_live(service, &live);
        if (result == 0) {
            result = cancel_ids(service, call, request->cause, live.ids, live.count);
        }
        free(live.ids);
    } else {
        result = cancel_ids(service, call, request->cause, request->ids, request->n_ids);
    }
    if (result != 0) {
        gord_fail(call, wire_status_from_errno(result), "cannot cancel: %s", strerror(-result));
    }
}

/* ------------------------------------------------------------------ pause, resume */

struct pausing {
    struct gord_service *service;
    struct rpc_call *call;
    bool paused;
    uint64_t queued; /* when it was asked */
};

static uint64_t queued_jobs(struct gord_service *service)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));

    return counts->queued[GORD_EXEC] + counts->queued[GORD_NATIVE];
}

static void pause_stored(void *arg, int error)
{
    struct pausing *pausing = arg;

    if (error != 0) {
        gord_fail(pausing->call, gord_store_status_code(error),
                  "%s for now, but after a restart it will be forgotten: %s",
                  pausing->paused ? "paused" : "resumed", strerror(-error));
    } else if (pausing->paused) {
        Gor__V1__PauseReply reply = GOR__V1__PAUSE_REPLY__INIT;
        reply.queued = pausing->queued;
        rpc_call_reply(pausing->call, &reply.base);
    } else {
        Gor__V1__ResumeReply reply = GOR__V1__RESUME_REPLY__INIT;
        reply.queued = pausing->queued;
        rpc_call_reply(pausing->call, &reply.base);
    }
    free(pausing);
}

static void set_paused(struct gord_service *service, struct rpc_call *call, bool paused)
{
    struct pausing *pausing = malloc(sizeof(*pausing));
    int result = -ENOMEM;

    if (service->draining) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon is stopping; try again when it is back");
        free(pausing);
        return;
    }
    if (pausing != NULL) {
        *pausing = (struct pausing){service, call, paused, queued_jobs(service)};
        gord_runner_set_paused(service->runner, paused);
        result = gord_store_set_paused(gord_bus_store(service->bus), paused, pause_stored, pausing);
    }
    if (result != 0) {
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
