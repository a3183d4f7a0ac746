/* SPDX-License-Identifier: MIT */
/* many.c - see many.h. */
#include "daemon/service/many.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/service/check.h"

#define IDS_MAX 100000

/* ------------------------------------------------------------------ portions */

static void committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_many *many = ack->data;

    (void)service;
    if (error == -ECANCELED) {
        gord_fail(ack->call, WIRE_UNAVAILABLE, "the daemon stops");
    } else {
        /* With a store that refuses it is done all the same, only not on record yet. */
        many->kind->reply(many);
    }
    many->kind->free(many);
}

/* Every job has had its turn: answer once that is on disk. */
static void finish(struct gord_many *many, int error)
{
    struct gord_service *service = many->service;
    struct gord_ack ack = {.seq = service->store_error == 0 ? many->seq : 0,
                           .call = many->call,
                           .fn = committed,
                           .data = many};

    if (error == 0) {
        error = gord_acks_add(service, &ack);
    }
    if (error != 0) {
        gord_fail(many->call, wire_status_from_errno(error), "cannot %s: %s", many->what,
                  strerror(-error));
        many->kind->free(many);
    }
}

/* A portion; true: finished, and gone. */
static bool go_on(struct gord_many *many)
{
    size_t left = many->id_count - many->done;
    size_t stop = left > many->kind->portion ? many->done + many->kind->portion : many->id_count;
    int error = 0;

    while (many->done < stop && error == 0) {
        error = many->kind->one(many, many->ids[many->done++]);
    }
    if (error != 0 || many->done == many->id_count) {
        finish(many, error);
        return true;
    }
    gord_bus_wake(many->service->bus);
    return false;
}

void gord_manys_flush(struct gord_service *service)
{
    for (struct gord_many **link = &service->manys; *link != NULL;) {
        struct gord_many *many = *link;
        struct gord_many *next = many->next;
        if (go_on(many)) {
            *link = next;
        } else {
            link = &many->next;
        }
    }
}

void gord_manys_end(struct gord_service *service)
{
    struct gord_many *next;

    for (struct gord_many *many = service->manys; many != NULL; many = next) {
        next = many->next;
        gord_fail(many->call, WIRE_UNAVAILABLE, "the daemon stops; not all have been %s",
                  many->kind->reached);
        many->kind->free(many);
    }
    service->manys = NULL;
}

/* ------------------------------------------------------------------ the request */

bool gord_many_ok(struct rpc_call *call, const struct gord_many_request *request, bool takes_all)
{
    if (request->n_ids == 0 && !request->all) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids is empty and 'all' is not set");
    } else if (request->n_ids > 0 && request->all) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "ids and 'all' exclude each other");
    } else if (request->all && !takes_all) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "'all' is not for this: name the jobs");
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

size_t gord_many_room(struct gord_service *service, const struct gord_many_request *request)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    size_t live = 0;

    for (int state = 0; state < GORD_STATE_COUNT; state++) {
        live += counts->by_state[state];
    }
    return request->all ? live : request->n_ids;
}

int gord_many_init(struct gord_many *many, size_t room)
{
    many->ids = calloc(room + 1, sizeof(*many->ids));
    return many->ids != NULL ? 0 : -ENOMEM;
}

void gord_many_fini(struct gord_many *many)
{
    free(many->ids);
}

bool gord_many_lives(const struct gord_job *job)
{
    return job->state != GOR__V1__JOB_STATE__TERMINATED;
}

struct gathering {
    struct gord_many *many;
    bool (*fits)(const struct gord_job *job);
};

static int add_id(void *arg, struct gord_job *job)
{
    struct gathering *gathering = arg;

    if (gathering->fits(job)) {
        gathering->many->ids[gathering->many->id_count++] = job->id;
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

void gord_many_begin(struct gord_many *many, const struct gord_many_request *request,
                     bool (*fits)(const struct gord_job *job))
{
    struct gord_service *service = many->service;
    struct gathering gathering = {many, fits};

    if (request->all) {
        gord_job_each(gord_bus_table(service->bus), add_id, &gathering);
        qsort(many->ids, many->id_count, sizeof(uint64_t), compare_ids);
    } else {
        memcpy(many->ids, request->ids, request->n_ids * sizeof(uint64_t));
        many->id_count = request->n_ids;
    }
    if (!go_on(many)) {
        many->next = service->manys;
        service->manys = many;
    }
}
