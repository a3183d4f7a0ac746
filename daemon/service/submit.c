/* SPDX-License-Identifier: MIT */
/* submit.c - Jobs.Submit and Jobs.SubmitMany: checked, entered, acknowledged once they are on disk. */
#include "daemon/service/submit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/crashpoint.h"
#include "daemon/service/array.h"
#include "daemon/service/quota.h"
#include "daemon/service/request.h"
#include "daemon/service/scope.h"
#include "daemon/service/why.h"

#define MANY_MAX 100000

Gor__V1__Durability gord_submit_durability(const struct gord_service *service)
{
    return service->memory ? GOR__V1__DURABILITY__MEMORY : GOR__V1__DURABILITY__SYNC;
}

uint32_t gord_submit_uid(struct rpc_call *call)
{
    const struct rpc_peer *peer = rpc_call_peer(call);

    return peer->uid != (uid_t)-1 ? peer->uid : (uint32_t)geteuid();
}

/* ------------------------------------------------------------------ one */

static bool acknowledged(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_refusal why;

    if (error == 0) {
        return true;
    }
    gord_submit_failed(service, ack, error, &why);
    gord_refusal_tell(ack->call, &why);
    return false;
}

/* As SubmitReply.tasks has it. */
static uint64_t tasks_of(const Gor__V1__JobSpec *spec)
{
    return spec != NULL && spec->array != NULL ? gord_array_tasks(spec) : 0;
}

static void submit_committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    Gor__V1__SubmitReply reply = GOR__V1__SUBMIT_REPLY__INIT;

    if (acknowledged(service, ack, error)) {
        reply.id = ack->first_id;
        reply.tasks = ack->tasks;
        reply.durability = gord_submit_durability(service);
        rpc_call_reply(ack->call, &reply.base);
    }
}

/* The job that has the key is not this call's, whatever the store says. */
static void skip_committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    Gor__V1__SubmitReply reply = GOR__V1__SUBMIT_REPLY__INIT;

    if (error == -ECANCELED) {
        gord_fail(ack->call, WIRE_UNAVAILABLE, "the daemon stops; try again when it is back");
        return;
    }
    reply.id = ack->first_id;
    reply.existing = true;
    reply.durability = gord_submit_durability(service);
    rpc_call_reply(ack->call, &reply.base);
}

/* Answered again if it is a repetition, of what has that digest; true: nothing more is to be done. */
static bool is_answered(struct gord_service *service, const ProtobufCBinaryData *id,
                        const struct gord_request_what *what, struct gord_ack *ack)
{
    struct gord_request_known known;
    struct gord_refusal why;
    int result = gord_request_find(service, id, gord_submit_uid(ack->call), &known, &why);

    if (result < 0 || (result > 0 && !gord_request_is_same(service, &known, what, &why))) {
        gord_refusal_tell(ack->call, &why);
    } else if (result > 0) {
        ack->first_id = known.first_id;
        ack->count = known.count;
        ack->seq = known.seq;
        if (gord_acks_add(service, ack) != 0) {
            gord_fail(ack->call, WIRE_RESOURCE_EXHAUSTED, "out of memory; ask again");
        }
    }
    return result != 0;
}

/* So that it is known until the store knows it. */
static void remember(struct gord_service *service, const ProtobufCBinaryData *id, uint64_t digest,
                     const struct gord_ack *ack)
{
    struct gord_request_known known = {ack->first_id, ack->count, ack->seq, digest};

    gord_request_add(service, id, gord_submit_uid(ack->call), &known);
}

static void answer_dry(struct gord_service *service, struct rpc_call *call,
                       const Gor__V1__JobSpec *spec)
{
    Gor__V1__SubmitReply reply = GOR__V1__SUBMIT_REPLY__INIT;
    Gor__V1__WhyReply would;
    struct gord_why why;
    struct gord_refusal refusal;
    uint64_t seq;
    enum gord_conflict conflict =
        gord_submit_conflict(service, spec, gord_submit_uid(call), &reply.id, &seq, &refusal);

    if (conflict == GORD_CONFLICT_REFUSED) {
        gord_refusal_tell(call, &refusal);
        return;
    }
    reply.existing = conflict == GORD_CONFLICT_SKIP;
    reply.tasks = tasks_of(spec);
    int result = gord_why_new(service, spec, gord_submit_uid(call), &why, &would);
    if (result != 0) {
        gord_fail(call, wire_status_from_errno(result), "cannot tell: %s", strerror(-result));
        return;
    }
    reply.durability = gord_submit_durability(service);
    reply.would = &would;
    rpc_call_reply(call, &reply.base);
}

GORD_METHOD(gord_jobs_submit)
{
    struct gord_service *service = user;
    const Gor__V1__SubmitRequest *request = (const Gor__V1__SubmitRequest *)message;
    struct gord_ack ack = {
        .call = call, .fn = submit_committed, .count = 1, .tasks = tasks_of(request->spec)};
    struct gord_refusal why;
    uint64_t digest = gord_request_digest(&request->request_id, &request->spec, 1);
    const struct gord_request_what what = {&request->spec, 1, digest};

    if (!request->dry_run && is_answered(service, &request->request_id, &what, &ack)) {
        return;
    }
    if (!gord_submit_takes(service, request->spec, gord_submit_uid(call), &why) ||
        !gord_scope_takes(service, call, "", request->spec, &why)) {
        gord_refusal_tell(call, &why);
        return;
    }
    if (request->dry_run) {
        answer_dry(service, call, request->spec);
        return;
    }
    switch (gord_submit_conflict(service, request->spec, gord_submit_uid(call), &ack.first_id,
                                 &ack.seq, &why)) {
    case GORD_CONFLICT_REFUSED:
        gord_refusal_tell(call, &why);
        return;
    case GORD_CONFLICT_SKIP:
        ack.fn = skip_committed;
        if (gord_acks_add(service, &ack) != 0) {
            gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory; ask again");
        }
        return;
    case GORD_CONFLICT_NONE:
        break;
    }
    int result = 0;
    struct gord_request *made = gord_request_new(&request->request_id, 1, digest, &result);
    if (result == 0) {
        result = gord_submit_enter(service, request->spec, gord_submit_uid(call), made,
                                   &ack.first_id, &ack.seq);
    }
    GORD_CRASHPOINT(SUBMIT_ENTERED);
    if (result == 0) {
        if (request->follows) {
            gord_awaited_add(&service->awaited, ack.first_id, gord_submit_uid(call));
        }
        remember(service, &request->request_id, digest, &ack);
        result = gord_acks_add(service, &ack);
    }
    if (result != 0) {
        gord_submit_withdraw(service, ack.first_id, 1);
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "not submitted: %s", strerror(-result));
    }
}

/* ------------------------------------------------------------------ many */

static void many_committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    Gor__V1__SubmitManyReply reply = GOR__V1__SUBMIT_MANY_REPLY__INIT;

    if (acknowledged(service, ack, error)) {
        reply.first_id = ack->first_id;
        reply.count = ack->count;
        reply.durability = gord_submit_durability(service);
        rpc_call_reply(ack->call, &reply.base);
    }
}

static bool accepts_all(struct gord_service *service, struct rpc_call *call,
                        const Gor__V1__SubmitManyRequest *request, struct gord_refusal *out_why)
{
    uint32_t uid = gord_submit_uid(call);
    char where[48];

    if (request->n_specs == 0 || request->n_specs > MANY_MAX) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                           "specs has %zu entries; it takes 1 to %d", request->n_specs, MANY_MAX);
    }
    uint64_t total = 0;
    for (size_t i = 0; i < request->n_specs; i++) {
        struct gord_earlier earlier = {i, request->specs};
        snprintf(where, sizeof(where), "specs[%zu]: ", i);
        if (!gord_submit_accepts(service, where, request->specs[i], uid, &earlier, out_why) ||
            !gord_scope_takes(service, call, where, request->specs[i], out_why)) {
            return false;
        }
        if (request->specs[i]->unique_key[0] != '\0' &&
            (request->specs[i]->on_conflict == GOR__V1__ON_CONFLICT__SKIP ||
             request->specs[i]->on_conflict == GOR__V1__ON_CONFLICT__FAIL)) {
            return gord_refuse(
                out_why, WIRE_INVALID_ARGUMENT,
                "%sspec.on_conflict: of many jobs in one request none can be skipped or "
                "fail; choose REPLACE or QUEUE, or submit it by itself",
                where);
        }
        total += gord_array_tasks(request->specs[i]);
    }
    if (total > MANY_MAX) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT,
                           "specs: with the tasks of arrays they are %" PRIu64
                           " jobs; one request takes "
                           "%d",
                           total, MANY_MAX);
    }
    return true;
}

static bool all_have_places(struct gord_service *service, uint32_t uid,
                            const Gor__V1__SubmitManyRequest *request, struct gord_refusal *out_why)
{
    uint64_t counts[GORD_KIND_COUNT] = {0};

    for (size_t i = 0; i < request->n_specs; i++) {
        counts[gord_submit_kind(request->specs[i])] += gord_array_tasks(request->specs[i]);
    }
    return gord_submit_fits_replacing(
               service, uid, (const Gor__V1__JobSpec *const *)request->specs, request->n_specs,
               counts[GORD_EXEC] + counts[GORD_NATIVE] + counts[GORD_LUA], out_why) &&
           gord_submit_has_places(service, GORD_EXEC, counts[GORD_EXEC], out_why) &&
           gord_submit_has_places(service, GORD_NATIVE, counts[GORD_NATIVE], out_why) &&
           gord_submit_has_places(service, GORD_LUA, counts[GORD_LUA], out_why);
}

/* Ids of one request follow each other, so a line's is known with the first. */
static void name_lines(const Gor__V1__JobSpec *spec, uint64_t first_id)
{
    for (size_t i = 0; i < spec->n_after; i++) {
        for (size_t k = 0; k < spec->after[i]->n_of; k++) {
            Gor__V1__Dependency *of = spec->after[i]->of[k];
            of->id = of->line != 0 ? first_id + of->line - 1 : of->id;
            of->line = 0;
        }
    }
}

/* All of them, into one transaction. */
static int enter_all(struct gord_service *service, const Gor__V1__SubmitManyRequest *request,
                     uint64_t digest, struct gord_ack *ack)
{
    uint32_t uid = gord_submit_uid(ack->call);
    int result = 0;
    struct gord_request *made =
        gord_request_new(&request->request_id, request->n_specs, digest, &result);

    ack->first_id = gord_submit_reserve(service, request->n_specs);
    for (size_t i = 0; i < request->n_specs && result == 0; i++) {
        name_lines(request->specs[i], ack->first_id);
        result = gord_submit_enter_group(service, request->specs[i], uid, i == 0 ? made : NULL,
                                         ack->first_id + i, &ack->seq);
        ack->count++;
    }
    for (size_t i = 0; i < request->n_specs && result == 0; i++) {
        if (request->specs[i]->array != NULL) {
            result = gord_array_enter_tasks(service, request->specs[i], uid, ack->first_id + i,
                                            &ack->seq);
        }
    }
    return result;
}

GORD_METHOD(gord_jobs_submit_many)
{
    struct gord_service *service = user;
    const Gor__V1__SubmitManyRequest *request = (const Gor__V1__SubmitManyRequest *)message;
    struct gord_ack ack = {.call = call, .fn = many_committed};
    struct gord_refusal why;
    uint64_t digest = gord_request_digest(&request->request_id, request->specs, request->n_specs);
    const struct gord_request_what what = {request->specs, request->n_specs, digest};

    if (is_answered(service, &request->request_id, &what, &ack)) {
        return;
    }
    if (!gord_submit_is_open_for(service, request->specs, request->n_specs, &why) ||
        !accepts_all(service, call, request, &why) ||
        !all_have_places(service, gord_submit_uid(call), request, &why)) {
        gord_refusal_tell(call, &why);
        return;
    }
    gord_store_begin_group(gord_bus_store(service->bus));
    int result = enter_all(service, request, digest, &ack);
    if (result == 0) {
        remember(service, &request->request_id, digest, &ack);
        result = gord_acks_add(service, &ack);
    }
    if (result != 0) {
        gord_submit_withdraw(service, ack.first_id, ack.count);
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "not submitted: %s", strerror(-result));
    }
    gord_store_end_group(gord_bus_store(service->bus));
}
