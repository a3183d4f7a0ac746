/* SPDX-License-Identifier: MIT */
/* enter.c - accepted jobs into the table, and out of it what was promised to nobody: see submit.h. */
#include <errno.h>

#include "daemon/service/array.h"
#include "daemon/service/request.h"
#include "daemon/service/share.h"
#include "daemon/service/submit.h"

static int inherit(struct gord_service *service, uint64_t parent_id,
                   struct gord_standing **standing)
{
    const struct gord_job *parent = gord_job_find(gord_bus_table(service->bus), parent_id);

    return parent != NULL ? gord_runner_inherit(parent, standing) : 0;
}

/* Enter one accepted job: SUBMITTED, then QUEUED or GATED. */
static int enter(struct gord_service *service, uint64_t id, struct gord_spec *spec, uint32_t uid,
                 struct gord_request *request, uint64_t *out_seq)
{
    struct gord_event *submitted = gord_event_submitted(id, spec, uid);
    int result = submitted != NULL ? gord_spec_standing(spec, &submitted->standing) : -ENOMEM;

    if (result == 0 && spec->parent_id != 0) {
        result = inherit(service, spec->parent_id, &submitted->standing);
    }
    if (submitted != NULL) {
        submitted->request = request;
    } else {
        gord_request_free(request);
    }
    if (result != 0) {
        gord_event_unref(submitted);
        return result;
    }
    result = gord_bus_emit(service->bus, submitted, out_seq);
    if (result == 0) {
        result = gord_runner_admit(service->runner, gord_job_find(gord_bus_table(service->bus), id),
                                   out_seq);
    }
    return result;
}

int gord_submit_enter_spec(struct gord_service *service, uint64_t id, struct gord_spec *spec,
                           uint32_t uid, struct gord_request *request, uint64_t *out_seq)
{
    return enter(service, id, spec, uid, request, out_seq);
}

uint64_t gord_submit_reserve(struct gord_service *service, uint64_t count)
{
    struct gord_job_table *table = gord_bus_table(service->bus);
    uint64_t first = gord_job_peek_id(table);

    gord_job_skip_to_id(table, first + count);
    return first;
}

int gord_submit_prepare(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                        uint64_t id, struct gord_spec **out_spec)
{
    struct gord_spec *spec = NULL;
    Gor__V1__JobSpec shared = *wire;
    char share[GORD_WORD_MAX + 1];

    shared.share = gord_share_of(service, wire, uid, share);
    int result = gord_submit_spec(service, &shared, uid, &spec);
    if (result == 0 && wire->unique_key[0] != '\0' &&
        wire->on_conflict == GOR__V1__ON_CONFLICT__REPLACE) {
        result = gord_submit_replace(service, uid, wire->unique_key, id);
    }
    if (result != 0) {
        gord_spec_unref(spec);
        return result;
    }
    *out_spec = spec;
    return 0;
}

static int enter_one(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                     struct gord_request *request, uint64_t id, uint64_t *out_seq)
{
    struct gord_spec *spec = NULL;
    int result = gord_submit_prepare(service, wire, uid, id, &spec);

    if (result != 0) {
        gord_request_free(request);
        return result;
    }
    if (spec->env != NULL && spec->env != service->last_env) {
        gord_env_unref(service->last_env);
        service->last_env = gord_env_ref(spec->env);
    }
    result = enter(service, id, spec, uid, request, out_seq);
    gord_spec_unref(spec);
    return result;
}

int gord_submit_enter_group(struct gord_service *service, const Gor__V1__JobSpec *wire,
                            uint32_t uid, struct gord_request *request, uint64_t id,
                            uint64_t *out_seq)
{
    Gor__V1__JobSpec group;

    if (wire->array == NULL) {
        return enter_one(service, wire, uid, request, id, out_seq);
    }
    gord_array_group(wire, &group);
    int result = enter_one(service, &group, uid, request, id, out_seq);
    if (result == 0) {
        gord_runner_enter_tasks(service->runner, id);
    }
    return result;
}

int gord_submit_enter(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                      struct gord_request *request, uint64_t *out_id, uint64_t *out_seq)
{
    struct gord_store *store = gord_bus_store(service->bus);

    *out_id = gord_submit_reserve(service, 1);
    if (wire->array == NULL) {
        return enter_one(service, wire, uid, request, *out_id, out_seq);
    }
    gord_store_begin_group(store);
    int result = gord_submit_enter_group(service, wire, uid, request, *out_id, out_seq);
    if (result == 0) {
        result = gord_array_enter_tasks(service, wire, uid, *out_id, out_seq);
    }
    gord_store_end_group(store);
    return result;
}

/* The tasks of an array go with it, before anything is started. */
void gord_submit_withdraw(struct gord_service *service, uint64_t first_id, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct gord_job *job = gord_job_find(gord_bus_table(service->bus), first_id + i);
        if (job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED) {
            gord_bus_emit(
                service->bus,
                gord_event_finished(job->id, GOR__V1__OUTCOME__CANCELLED, 0, 0, GORD_WITHDRAWN),
                NULL);
        }
    }
}

void gord_submit_failed(struct gord_service *service, const struct gord_ack *ack, int error,
                        struct gord_refusal *out_why)
{
    const char *text = "";

    if (error == -ECANCELED) {
        (void)gord_refuse(out_why, WIRE_UNAVAILABLE,
                          "the daemon stops; whether the job was kept shows after its next start");
        return;
    }
    gord_submit_withdraw(service, ack->first_id, ack->count);
    gord_bus_store_error(service->bus, &text);
    (void)gord_refuse(out_why, gord_store_status_code(error),
                      "not submitted: the store refuses: %s", text);
}
