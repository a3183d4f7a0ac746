/* SPDX-License-Identifier: MIT */
/* Jobs.Wait: answers once jobs have terminated; level-triggered, so nothing can be missed. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/state.h"
#include "daemon/service/view.h"

#define IDS_MAX 100000
#define REPLY_BYTES_MAX ((size_t)3 * 1024 * 1024)

struct gord_wait {
    struct gord_service *service;
    struct rpc_call *call;
    bool any;
    size_t count;
    size_t settled;       /* without `any`: the first so many ids have ended */
    struct rpc_link link; /* in the service's waits */
    uint64_t ids[];
};

/* May it be answered? */
static bool is_over(struct gord_wait *wait)
{
    if (wait->any) {
        for (size_t i = 0; i < wait->count; i++) {
            if (gord_is_settled(wait->service, wait->ids[i])) {
                return true;
            }
        }
        return false;
    }
    while (wait->settled < wait->count &&
           gord_is_settled(wait->service, wait->ids[wait->settled])) {
        wait->settled++;
    }
    return wait->settled == wait->count;
}

static int add_view(struct gord_wait *wait, struct gord_views *views, uint64_t id)
{
    struct gord_view view;
    int result = gord_view_make(wait->service, id, false, &view);

    if (result != 0) {
        return result;
    }
    /* With very many the later ones tell only how they ended. */
    if (views->bytes > REPLY_BYTES_MAX / 2 && view.spec != NULL) {
        gor__v1__job_spec__free_unpacked(view.spec, NULL);
        view.spec = NULL;
        view.job.spec = NULL;
    }
    result = gord_views_add(views, &view);
    if (result != 0) {
        gord_view_fini(&view);
    }
    return result;
}

static void answer(struct gord_wait *wait)
{
    Gor__V1__WaitReply reply = GOR__V1__WAIT_REPLY__INIT;
    struct gord_views views = {0};
    int result = 0;

    for (size_t i = 0; i < wait->count && result == 0; i++) {
        if (gord_is_settled(wait->service, wait->ids[i])) {
            result = add_view(wait, &views, wait->ids[i]);
        }
    }
    if (result == 0) {
        reply.n_jobs = views.count;
        reply.jobs = views.jobs;
        rpc_call_reply(wait->call, &reply.base);
    } else {
        gord_fail(wait->call, wire_status_from_errno(result), "cannot read how they ended: %s",
                  strerror(-result));
    }
    gord_views_fini(&views);
}

void gord_waits_flush(struct gord_service *service)
{
    for (struct rpc_link *link = service->waits.next, *next; link != &service->waits; link = next) {
        struct gord_wait *wait = RPC_OF(link, struct gord_wait, link);
        next = link->next;
        if (is_over(wait)) {
            rpc_list_remove(link);
            answer(wait);
            free(wait);
        }
    }
}

void gord_waits_end(struct gord_service *service)
{
    for (struct rpc_link *link = service->waits.next, *next; link != &service->waits; link = next) {
        struct gord_wait *wait = RPC_OF(link, struct gord_wait, link);
        next = link->next;
        gord_fail(wait->call, WIRE_UNAVAILABLE, "the daemon stops; wait again when it is back");
        free(wait);
    }
    rpc_list_init(&service->waits);
}

/* Cancelled by the client, or its deadline passed. */
static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    struct gord_wait *wait = user;

    (void)call;
    (void)why;
    rpc_list_remove(&wait->link);
    free(wait);
}

static bool ids_ok(struct gord_service *service, struct rpc_call *call,
                   const Gor__V1__WaitRequest *request)
{
    if (request->n_ids == 0 || request->n_ids > IDS_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids has %zu entries; it takes 1 to %d",
                  request->n_ids, IDS_MAX);
        return false;
    }
    for (size_t i = 0; i < request->n_ids; i++) {
        int result = gord_knows(service, request->ids[i]);
        if (result == -ENOENT) {
            gord_fail(call, WIRE_NOT_FOUND, "there is no job %" PRIu64, request->ids[i]);
            return false;
        }
        if (result != 0) {
            gord_fail(call, wire_status_from_errno(result), "cannot look up job %" PRIu64 ": %s",
                      request->ids[i], strerror(-result));
            return false;
        }
    }
    return true;
}

GORD_METHOD(gord_jobs_wait)
{
    struct gord_service *service = user;
    const Gor__V1__WaitRequest *request = (const Gor__V1__WaitRequest *)message;

    if (!ids_ok(service, call, request)) {
        return;
    }
    struct gord_wait *wait = calloc(1, sizeof(*wait) + request->n_ids * sizeof(uint64_t));
    if (wait == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    wait->service = service;
    wait->call = call;
    wait->any = request->any;
    wait->count = request->n_ids;
    memcpy(wait->ids, request->ids, request->n_ids * sizeof(uint64_t));
    if (is_over(wait)) {
        answer(wait);
        free(wait);
        return;
    }
    rpc_list_append(&service->waits, &wait->link);
    rpc_call_on(call, NULL, on_end, wait);
}
