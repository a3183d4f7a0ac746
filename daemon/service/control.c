/* SPDX-License-Identifier: MIT */
/* Jobs.Cancel, Jobs.Pause, Jobs.Resume: steering. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/runner/text.h"
#include "daemon/service/check.h"
#include "daemon/service/state.h"

#define IDS_MAX 100000
#define PORTION 2000       /* jobs cancelled before others get their turn: some milliseconds */
#define RESULTS_MAX 250000 /* about 3 MiB of reply; with 'all' there may be more jobs than that */

/* ------------------------------------------------------------------ cancel */

/* One Cancel call under way: a portion each turn of the loop, so that cancelling a million jobs
 * keeps nobody waiting. */
struct gord_cancel {
    struct gord_service *service;
    struct rpc_call *call;
    uint64_t *ids; /* owned */
    size_t id_count;
    size_t done;
    struct gord_cancel *next; /* list link of the service */
    char cause[GORD_CAUSE_MAX + 64];
    uint64_t seq; /* of the newest event this caused */
    Gor__V1__CancelResult *results;
    Gor__V1__CancelResult **pointers;
    size_t count;
};

static void free_cancelling(struct gord_cancel *c)
{
    if (c != NULL) {
        free(c->ids);
        free(c->results);
        free(c->pointers);
        free(c);
    }
}

static struct gord_cancel *new_cancelling(struct gord_service *service, struct rpc_call *call,
                                          const char *cause, size_t room)
{
    struct gord_cancel *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return NULL;
    }
    c->service = service;
    c->call = call;
    c->ids = calloc(room + 1, sizeof(*c->ids));
    c->results = calloc(room + 1, sizeof(*c->results));
    c->pointers = calloc(room + 1, sizeof(Gor__V1__CancelResult *));
    if (c->ids == NULL || c->results == NULL || c->pointers == NULL) {
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

static void note(struct gord_cancel *c, uint64_t id, Gor__V1__CancelResult__Status status)
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
static int cancel_one(struct gord_cancel *c, uint64_t id)
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
    struct gord_cancel *c = ack->data;
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

static int add_id(void *arg, struct gord_job *job)
{
    struct gord_cancel *c = arg;

    if (job->state != GOR__V1__JOB_STATE__TERMINATED) {
        c->ids[c->id_count++] = job->id;
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static size_t live_jobs(struct gord_service *service)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    size_t live = 0;

    for (int state = 0; state < GORD_STATE_COUNT; state++) {
        live += counts->by_state[state];
    }
    return live;
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

/* Everybody has been asked: answer once that is on disk. */
static void finish_cancel(struct gord_cancel *c, int error)
{
    struct gord_service *service = c->service;
    struct gord_ack ack = {.seq = service->store_error == 0 ? c->seq : 0,
                           .call = c->call,
                           .fn = cancel_committed,
                           .data = c};

    if (error == 0) {
        error = gord_acks_add(service, &ack);
    }
    if (error != 0) {
        gord_fail(c->call, wire_status_from_errno(error), "cannot cancel: %s", strerror(-error));
        free_cancelling(c);
    }
}

/* A portion; true: finished, and gone. */
static bool go_on(struct gord_cancel *c)
{
    size_t stop = c->id_count - c->done > PORTION ? c->done + PORTION : c->id_count;
    int error = 0;

    while (c->done < stop && error == 0) {
        error = cancel_one(c, c->ids[c->done++]);
    }
    if (error != 0 || c->done == c->id_count) {
        finish_cancel(c, error);
        return true;
    }
    gord_bus_wake(c->service->bus);
    return false;
}

void gord_cancels_flush(struct gord_service *service)
{
    for (struct gord_cancel **link = &service->cancels; *link != NULL;) {
        struct gord_cancel *c = *link;
        struct gord_cancel *next = c->next;
        if (go_on(c)) {
            *link = next;
        } else {
            link = &c->next;
        }
    }
}

void gord_cancels_end(struct gord_service *service)
{
    struct gord_cancel *next;

    for (struct gord_cancel *c = service->cancels; c != NULL; c = next) {
        next = c->next;
        gord_fail(c->call, WIRE_UNAVAILABLE, "the daemon stops; not all have been cancelled");
        free_cancelling(c);
    }
    service->cancels = NULL;
}

GORD_METHOD(gord_jobs_cancel)
{
    struct gord_service *service = user;
    const Gor__V1__CancelRequest *request = (const Gor__V1__CancelRequest *)message;

    if (!cancel_request_ok(call, request)) {
        return;
    }
    size_t room = request->all ? live_jobs(service) : request->n_ids;
    struct gord_cancel *c = new_cancelling(service, call, request->cause, room);
    if (c == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    if (request->all) {
        gord_job_each(gord_bus_table(service->bus), add_id, c);
        qsort(c->ids, c->id_count, sizeof(uint64_t), compare_ids);
    } else {
        memcpy(c->ids, request->ids, request->n_ids * sizeof(uint64_t));
        c->id_count = request->n_ids;
    }
    if (!go_on(c)) {
        c->next = service->cancels;
        service->cancels = c;
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

    return counts->queued[GORD_EXEC] + counts->queued[GORD_NATIVE] + counts->queued[GORD_LUA];
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
