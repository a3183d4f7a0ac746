/* SPDX-License-Identifier: MIT */
/* Jobs.Submit and Jobs.SubmitMany: checked, entered, acknowledged once they are on disk. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/crashpoint.h"
#include "daemon/service/check.h"
#include "daemon/service/state.h"

#define MANY_MAX 100000
#define LIVE_MAX 20000000
#define BACKLOG_MAX 2000000 /* events not yet on disk */

static Gor__V1__Durability durability_of(const struct gord_service *service)
{
    return service->memory ? GOR__V1__DURABILITY__MEMORY : GOR__V1__DURABILITY__SYNC;
}

static uint32_t uid_of(struct rpc_call *call)
{
    const struct rpc_peer *peer = rpc_call_peer(call);

    return peer->local ? peer->uid : (uint32_t)geteuid();
}

/* Is there room for `count` more? */
static bool has_room(struct gord_service *service, struct rpc_call *call, size_t count)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    uint64_t live = counts->queued[GORD_EXEC] + counts->queued[GORD_NATIVE];
    uint64_t backlog = gord_bus_last_seq(service->bus) - gord_bus_committed(service->bus);

    if (live + count > LIVE_MAX) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "%" PRIu64 " jobs are queued, which is the most",
                  live);
        return false;
    }
    if (backlog > BACKLOG_MAX) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED,
                  "too much waits for the disk; try again in a moment");
        return false;
    }
    return true;
}

/* May `count` more of that kind be queued, as far as their goroutines go? */
static bool has_places(struct gord_service *service, struct rpc_call *call, enum gord_job_kind kind,
                       uint64_t count)
{
    char why[160];

    if (!gord_runner_refuses(service->runner, kind, count, why, sizeof(why))) {
        return true;
    }
    gord_fail(call, WIRE_RESOURCE_EXHAUSTED,
              "not submitted, for it would have to wait (--at-ceiling=refuse): %s; try again when "
              "jobs have ended",
              why);
    return false;
}

static enum gord_job_kind kind_of(const Gor__V1__JobSpec *spec)
{
    return spec->kind_case == GOR__V1__JOB_SPEC__KIND_NATIVE ? GORD_NATIVE : GORD_EXEC;
}

static bool parent_lives(struct gord_service *service, struct rpc_call *call, uint64_t parent_id)
{
    struct gord_job *parent = gord_job_find(gord_bus_table(service->bus), parent_id);

    if (parent != NULL && parent->state != GOR__V1__JOB_STATE__TERMINATED) {
        return true;
    }
    int result = gord_knows(service, parent_id);
    if (result == -ENOENT) {
        gord_fail(call, WIRE_NOT_FOUND, "spec.parent_id: there is no job %" PRIu64, parent_id);
    } else if (result != 0) {
        gord_fail(call, wire_status_from_errno(result), "spec.parent_id: cannot look it up: %s",
                  strerror(-result));
    } else {
        gord_fail(call, WIRE_FAILED_PRECONDITION, "spec.parent_id: job %" PRIu64 " has ended",
                  parent_id);
    }
    return false;
}

static bool accepts(struct gord_service *service, struct rpc_call *call, const char *where,
                    const Gor__V1__JobSpec *spec)
{
    char error[GORD_ERROR_BYTES] = "";

    if (gord_check_spec(spec, error, sizeof(error)) != 0) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "%s%s", where, error);
        return false;
    }
    return spec->parent_id == 0 || parent_lives(service, call, spec->parent_id);
}

/* Enter one accepted job: SUBMITTED, QUEUED. */
static int enter(struct gord_service *service, uint64_t id, struct gord_spec *spec, uint32_t uid,
                 uint64_t *out_seq)
{
    char reason[160];
    struct gord_event *queued;
    int result = gord_bus_emit(service->bus, gord_event_submitted(id, spec, uid), out_seq);

    if (result == 0) {
        gord_runner_why_queued(service->runner, spec->kind, reason, sizeof(reason));
        queued = gord_event_new(GORD_EVENT_QUEUED, id, reason);
        result = gord_bus_emit(service->bus, queued, out_seq);
    }
    return result;
}

static int make_spec(struct gord_service *service, const Gor__V1__JobSpec *wire,
                     struct gord_spec **out_spec)
{
    int result = gord_spec_from_wire(wire, service->last_env, out_spec);

    if (result == 0 && (*out_spec)->env != NULL && (*out_spec)->env != service->last_env) {
        gord_env_unref(service->last_env);
        service->last_env = gord_env_ref((*out_spec)->env);
    }
    return result;
}

/* What was promised to nobody must not run. */
static void withdraw(struct gord_service *service, uint64_t first_id, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct gord_job *job = gord_job_find(gord_bus_table(service->bus), first_id + i);
        if (job != NULL && job->state != GOR__V1__JOB_STATE__TERMINATED) {
            gord_bus_emit(service->bus,
                          gord_event_finished(job->id, GOR__V1__OUTCOME__CANCELLED, 0, 0,
                                              "its submission was refused: it could not be stored"),
                          NULL);
        }
    }
}

static bool acknowledged(struct gord_service *service, struct gord_ack *ack, int error)
{
    const char *text = "";

    if (error == 0) {
        return true;
    }
    if (error == -ECANCELED) {
        gord_fail(ack->call, WIRE_UNAVAILABLE,
                  "the daemon stops; whether the job was kept shows "
                  "after its next start");
        return false;
    }
    withdraw(service, ack->first_id, ack->count);
    gord_bus_store_error(service->bus, &text);
    gord_fail(ack->call, gord_store_status_code(error), "not submitted: the store refuses: %s",
              text);
    return false;
}

/* ------------------------------------------------------------------ one */

static void submit_committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    Gor__V1__SubmitReply reply = GOR__V1__SUBMIT_REPLY__INIT;

    if (acknowledged(service, ack, error)) {
        reply.id = ack->first_id;
        reply.durability = durability_of(service);
        rpc_call_reply(ack->call, &reply.base);
    }
}

GORD_METHOD(gord_jobs_submit)
{
    struct gord_service *service = user;
    const Gor__V1__SubmitRequest *request = (const Gor__V1__SubmitRequest *)message;
    struct gord_spec *spec = NULL;
    uint64_t seq = 0;

    if (gord_refused(service, call) || !has_room(service, call, 1) ||
        !accepts(service, call, "", request->spec) ||
        !has_places(service, call, kind_of(request->spec), 1)) {
        return;
    }
    uint64_t id = gord_job_next_id(gord_bus_table(service->bus));
    int result = make_spec(service, request->spec, &spec);
    if (result == 0) {
        result = enter(service, id, spec, uid_of(call), &seq);
        gord_spec_unref(spec);
    }
    GORD_CRASHPOINT(SUBMIT_ENTERED);
    struct gord_ack ack = {
        .seq = seq, .call = call, .fn = submit_committed, .first_id = id, .count = 1};
    if (result == 0) {
        result = gord_acks_add(service, &ack);
    }
    if (result != 0) {
        withdraw(service, id, 1);
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
        reply.durability = durability_of(service);
        rpc_call_reply(ack->call, &reply.base);
    }
}

static bool accepts_all(struct gord_service *service, struct rpc_call *call,
                        const Gor__V1__SubmitManyRequest *request)
{
    char where[48];

    if (request->n_specs == 0 || request->n_specs > MANY_MAX) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "specs has %zu entries; it takes 1 to %d",
                  request->n_specs, MANY_MAX);
        return false;
    }
    for (size_t i = 0; i < request->n_specs; i++) {
        snprintf(where, sizeof(where), "specs[%zu]: ", i);
        if (!accepts(service, call, where, request->specs[i])) {
            return false;
        }
    }
    return true;
}

static bool all_have_places(struct gord_service *service, struct rpc_call *call,
                            const Gor__V1__SubmitManyRequest *request)
{
    uint64_t counts[GORD_KIND_COUNT] = {0};

    for (size_t i = 0; i < request->n_specs; i++) {
        counts[kind_of(request->specs[i])]++;
    }
    return has_places(service, call, GORD_EXEC, counts[GORD_EXEC]) &&
           has_places(service, call, GORD_NATIVE, counts[GORD_NATIVE]);
}

GORD_METHOD(gord_jobs_submit_many)
{
    struct gord_service *service = user;
    const Gor__V1__SubmitManyRequest *request = (const Gor__V1__SubmitManyRequest *)message;
    struct gord_job_table *table = gord_bus_table(service->bus);
    struct gord_ack ack = {.call = call, .fn = many_committed};
    int result = 0;

    if (gord_refused(service, call) || !has_room(service, call, request->n_specs) ||
        !accepts_all(service, call, request) || !all_have_places(service, call, request)) {
        return;
    }
    gord_store_begin_group(gord_bus_store(service->bus));
    for (size_t i = 0; i < request->n_specs && result == 0; i++) {
        struct gord_spec *spec = NULL;
        uint64_t id = gord_job_next_id(table);
        ack.first_id = i == 0 ? id : ack.first_id;
        ack.count++;
        result = make_spec(service, request->specs[i], &spec);
        if (result == 0) {
            result = enter(service, id, spec, uid_of(call), &ack.seq);
            gord_spec_unref(spec);
        }
    }
    if (result == 0) {
        result = gord_acks_add(service, &ack);
    }
    if (result != 0) {
        withdraw(service, ack.first_id, ack.count);
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "not submitted: %s", strerror(-result));
    }
    gord_store_end_group(gord_bus_store(service->bus));
}
