/* SPDX-License-Identifier: MIT */
/* Jobs.Drain and Jobs.Undrain: no new jobs, and how many of the old are left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/check.h"
#include "daemon/service/state.h"
#include "daemon/service/whom.h"

/* Somebody who follows a drain. */
struct gord_drain {
    struct gord_service *service;
    struct rpc_call *call;
    struct list_link link;     /* in the service's drains */
    Gor__V1__DrainStatus told; /* what was sent last */
    bool full;                 /* the call's queue has no room */
};

static void count(struct gord_service *service, Gor__V1__DrainStatus *out_status)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));

    gor__v1__drain_status__init(out_status);
    out_status->running = counts->by_state[GOR__V1__JOB_STATE__RUNNING] +
                          counts->by_state[GOR__V1__JOB_STATE__WAITING];
    out_status->queued = counts->by_state[GOR__V1__JOB_STATE__RUNNABLE];
    out_status->created = counts->by_state[GOR__V1__JOB_STATE__CREATED];
}

static void leave(struct gord_drain *drain)
{
    list_remove(&drain->link);
    free(drain);
}

static bool is_same(const Gor__V1__DrainStatus *a, const Gor__V1__DrainStatus *b)
{
    return a->running == b->running && a->queued == b->queued && a->created == b->created;
}

/* Tell what is new, and the end. The last word is that of the disk: what was counted out has its end
 * on record. */
static void tell(struct gord_drain *drain)
{
    Gor__V1__DrainStatus now;
    struct gord_bus *bus = drain->service->bus;

    count(drain->service, &now);
    bool over = now.running + now.queued == 0 && gord_bus_committed(bus) == gord_bus_last_seq(bus);
    if (!drain->full && !is_same(&now, &drain->told)) {
        drain->told = now;
        drain->full = rpc_call_send(drain->call, &now.base) == 0;
    }
    if (over && is_same(&now, &drain->told)) {
        rpc_call_finish(drain->call, WIRE_OK, NULL);
        leave(drain);
    }
}

void gord_drains_flush(struct gord_service *service)
{
    for (struct list_link *link = service->drains.next, *next; link != &service->drains;
         link = next) {
        next = link->next;
        tell(CONTAINER_OF(link, struct gord_drain, link));
    }
}

static void end_all(struct gord_service *service, enum wire_status status, const char *text)
{
    for (struct list_link *link = service->drains.next, *next; link != &service->drains;
         link = next) {
        struct gord_drain *drain = CONTAINER_OF(link, struct gord_drain, link);
        next = link->next;
        gord_fail(drain->call, status, "%s", text);
        leave(drain);
    }
}

void gord_drains_end(struct gord_service *service)
{
    end_all(service, WIRE_UNAVAILABLE, "the daemon stops");
}

static void on_writable(struct rpc_call *call, void *user)
{
    struct gord_drain *drain = user;

    (void)call;
    drain->full = false;
    tell(drain);
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    leave(user);
}

static void follow(struct gord_service *service, struct rpc_call *call)
{
    struct gord_drain *drain = calloc(1, sizeof(*drain));

    if (drain == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED,
                  "no new jobs are taken any more, but there is no memory to follow the others");
        return;
    }
    drain->service = service;
    drain->call = call;
    drain->told.running = UINT64_MAX; /* nothing was told */
    list_append(&service->drains, &drain->link);
    rpc_call_on(call, on_writable, on_end, drain);
    tell(drain);
}

GORD_METHOD(gord_jobs_drain)
{
    struct gord_service *service = user;
    const Gor__V1__DrainRequest *request = (const Gor__V1__DrainRequest *)message;

    if (strlen(request->cause) > GORD_CAUSE_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "cause has %zu bytes, at most %d are kept",
                  strlen(request->cause), GORD_CAUSE_MAX);
        return;
    }
    char by_whom[GORD_BY_WHOM];
    gord_by_whom(call, request->cause, by_whom);
    char *cause = strdup(by_whom);
    if (cause == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    free(service->drained);
    service->drained = cause;
    if (request->follow) {
        follow(service, call);
        return;
    }
    Gor__V1__DrainStatus status;
    count(service, &status);
    (void)rpc_call_send(call, &status.base);
    rpc_call_finish(call, WIRE_OK, NULL);
}

GORD_METHOD(gord_jobs_undrain)
{
    struct gord_service *service = user;
    Gor__V1__UndrainReply reply = GOR__V1__UNDRAIN_REPLY__INIT;

    (void)message;
    reply.was_drained = service->drained != NULL;
    free(service->drained);
    service->drained = NULL;
    end_all(service, WIRE_ABORTED, "somebody ended the drain: new jobs are taken again");
    rpc_call_reply(call, &reply.base);
}
