/* SPDX-License-Identifier: MIT */
/* Jobs.Wait: answers once jobs have terminated, or come to a state; level-triggered, so that no end can be
 * missed. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/state.h"
#include "daemon/service/view.h"

#define IDS_MAX 100000
#define STATE_IDS_MAX 10000 /* they are looked at whenever anything happens */
#define REPLY_BYTES_MAX ((size_t)3 * 1024 * 1024)

struct gord_wait {
    struct gord_service *service;
    struct rpc_call *call;
    bool any;
    uint32_t states; /* bit 1 << Gor__V1__JobState; 0: their ends */
    bool *reached;   /* owned; with states: by index, it was seen in one of them; else NULL */
    size_t count;
    size_t settled;        /* without `any`: the first so many are there */
    struct list_link link; /* in the service's waits */
    uint64_t ids[];
};

static void free_wait(struct gord_wait *wait)
{
    wait->service->state_waits -= wait->states != 0;
    free(wait->reached);
    free(wait);
}

/* Is the job in one of the states, and is that on disk? */
static bool is_in_state(const struct gord_wait *wait, uint64_t id)
{
    const struct gord_bus *bus = wait->service->bus;
    const struct gord_job *job = gord_job_find(gord_bus_table(wait->service->bus), id);

    return job != NULL && (wait->states & 1U << job->state) != 0 &&
           job->last_seq <= gord_bus_committed(bus);
}

/* Is job `i` of the wait where it is to be? */
static bool is_there(struct gord_wait *wait, size_t i)
{
    if (wait->reached != NULL && !wait->reached[i]) {
        wait->reached[i] = is_in_state(wait, wait->ids[i]);
    }
    return (wait->reached != NULL && wait->reached[i]) ||
           gord_is_settled(wait->service, wait->ids[i]);
}

/* May it be answered? */
static bool is_over(struct gord_wait *wait)
{
    bool some = false;

    if (wait->any || wait->reached != NULL) {
        for (size_t i = wait->settled; i < wait->count; i++) {
            some = is_there(wait, i) || some;
        }
    }
    while (!wait->any && wait->settled < wait->count && is_there(wait, wait->settled)) {
        wait->settled++;
    }
    return wait->any ? some : wait->settled == wait->count;
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
        if (is_there(wait, i)) {
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
    for (struct list_link *link = service->waits.next, *next; link != &service->waits;
         link = next) {
        struct gord_wait *wait = CONTAINER_OF(link, struct gord_wait, link);
        next = link->next;
        if (is_over(wait)) {
            list_remove(link);
            answer(wait);
            free_wait(wait);
        }
    }
}

void gord_waits_end(struct gord_service *service)
{
    for (struct list_link *link = service->waits.next, *next; link != &service->waits;
         link = next) {
        struct gord_wait *wait = CONTAINER_OF(link, struct gord_wait, link);
        next = link->next;
        gord_fail(wait->call, WIRE_UNAVAILABLE, "the daemon stops; wait again when it is back");
        free_wait(wait);
    }
    list_init(&service->waits);
}

/* Cancelled by the client, or its deadline passed. */
static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    struct gord_wait *wait = user;

    (void)call;
    (void)why;
    list_remove(&wait->link);
    free_wait(wait);
}

static bool ids_ok(struct gord_service *service, struct rpc_call *call,
                   const Gor__V1__WaitRequest *request)
{
    int most = request->n_states > 0 ? STATE_IDS_MAX : IDS_MAX;

    if (request->n_ids == 0 || request->n_ids > (size_t)most) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids has %zu entries; it takes 1 to %d",
                  request->n_ids, most);
        return false;
    }
    for (size_t i = 0; i < request->n_ids; i++) {
        if (!gord_knows_or_fail(service, call, request->ids[i])) {
            return false;
        }
    }
    return true;
}

static bool states_ok(struct rpc_call *call, const Gor__V1__WaitRequest *request,
                      uint32_t *out_states)
{
    *out_states = 0;
    for (size_t i = 0; i < request->n_states; i++) {
        if (request->states[i] <= 0 || request->states[i] > GOR__V1__JOB_STATE__TERMINATED) {
            gord_fail(call, WIRE_INVALID_ARGUMENT, "states[%zu] is %d, which is no state", i,
                      (int)request->states[i]);
            return false;
        }
        *out_states |= 1U << request->states[i];
    }
    return true;
}

/* NULL: out of memory. */
static struct gord_wait *new_wait(const Gor__V1__WaitRequest *request, uint32_t states)
{
    struct gord_wait *wait = calloc(1, sizeof(*wait) + request->n_ids * sizeof(uint64_t));

    if (wait != NULL && states != 0) {
        wait->reached = calloc(request->n_ids, sizeof(bool));
    }
    if (wait == NULL || (states != 0 && wait->reached == NULL)) {
        free(wait);
        return NULL;
    }
    wait->any = request->any;
    wait->states = states;
    wait->count = request->n_ids;
    memcpy(wait->ids, request->ids, request->n_ids * sizeof(uint64_t));
    return wait;
}

GORD_METHOD(gord_jobs_wait)
{
    struct gord_service *service = user;
    const Gor__V1__WaitRequest *request = (const Gor__V1__WaitRequest *)message;
    uint32_t states;

    if (!states_ok(call, request, &states) || !ids_ok(service, call, request)) {
        return;
    }
    struct gord_wait *wait = new_wait(request, states);
    if (wait == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    wait->service = service;
    wait->call = call;
    service->state_waits += states != 0;
    if (is_over(wait)) {
        answer(wait);
        free_wait(wait);
        return;
    }
    list_append(&service->waits, &wait->link);
    rpc_call_on(call, NULL, on_end, wait);
}
