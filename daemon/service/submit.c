/* SPDX-License-Identifier: MIT */
/* Jobs.Submit and Jobs.SubmitMany: checked, entered, acknowledged once they are on disk. */
#include "daemon/service/submit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/crashpoint.h"
#include "daemon/service/request.h"

#define MANY_MAX 100000
#define LIVE_MAX 20000000
#define BACKLOG_MAX 2000000 /* events not yet on disk */

static bool refuse(struct gord_refusal *out_why, enum wire_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(struct gord_refusal *out_why, enum wire_status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(out_why->text, sizeof(out_why->text), format, args);
    va_end(args);
    out_why->status = status;
    return false;
}

static void tell(struct rpc_call *call, const struct gord_refusal *why)
{
    gord_fail(call, why->status, "%s", why->text);
}

Gor__V1__Durability gord_submit_durability(const struct gord_service *service)
{
    return service->memory ? GOR__V1__DURABILITY__MEMORY : GOR__V1__DURABILITY__SYNC;
}

uint32_t gord_submit_uid(struct rpc_call *call)
{
    const struct rpc_peer *peer = rpc_call_peer(call);

    return peer->local ? peer->uid : (uint32_t)geteuid();
}

enum gord_job_kind gord_submit_kind(const Gor__V1__JobSpec *spec)
{
    switch (spec->kind_case) {
    case GOR__V1__JOB_SPEC__KIND_NATIVE:
        return GORD_NATIVE;
    case GOR__V1__JOB_SPEC__KIND_LUA:
        return GORD_LUA;
    default:
        return GORD_EXEC;
    }
}

/* ------------------------------------------------------------------ is it taken */

bool gord_submit_is_open(struct gord_service *service, size_t count, struct gord_refusal *out_why)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    uint64_t live =
        counts->queued[GORD_EXEC] + counts->queued[GORD_NATIVE] + counts->queued[GORD_LUA];
    uint64_t backlog = gord_bus_last_seq(service->bus) - gord_bus_committed(service->bus);
    const char *text = "";

    if (service->draining) {
        return refuse(out_why, WIRE_UNAVAILABLE,
                      "the daemon is stopping; try again when it is back");
    }
    if (service->store_error != 0) {
        gord_bus_store_error(service->bus, &text);
        return refuse(out_why, gord_store_status_code(service->store_error),
                      "nothing new is taken: the store refuses: %s", text);
    }
    if (live + count > LIVE_MAX) {
        return refuse(out_why, WIRE_RESOURCE_EXHAUSTED,
                      "%" PRIu64 " jobs are queued, which is the most", live);
    }
    if (backlog > BACKLOG_MAX) {
        return refuse(out_why, WIRE_RESOURCE_EXHAUSTED,
                      "too much waits for the disk; try again in a moment");
    }
    return true;
}

bool gord_submit_has_places(struct gord_service *service, enum gord_job_kind kind, uint64_t count,
                            struct gord_refusal *out_why)
{
    char why[160];

    if (!gord_runner_refuses(service->runner, kind, count, why, sizeof(why))) {
        return true;
    }
    return refuse(out_why, WIRE_RESOURCE_EXHAUSTED,
                  "not submitted, for it would have to wait (--at-ceiling=refuse): %s; try again "
                  "when jobs have ended",
                  why);
}

static bool parent_lives(struct gord_service *service, uint64_t parent_id,
                         struct gord_refusal *out_why)
{
    struct gord_job *parent = gord_job_find(gord_bus_table(service->bus), parent_id);

    if (parent != NULL && parent->state != GOR__V1__JOB_STATE__TERMINATED) {
        return true;
    }
    int result = gord_knows(service, parent_id);
    if (result == -ENOENT) {
        return refuse(out_why, WIRE_NOT_FOUND, "spec.parent_id: there is no job %" PRIu64,
                      parent_id);
    }
    if (result != 0) {
        return refuse(out_why, wire_status_from_errno(result),
                      "spec.parent_id: cannot look it up: %s", strerror(-result));
    }
    return refuse(out_why, WIRE_FAILED_PRECONDITION, "spec.parent_id: job %" PRIu64 " has ended",
                  parent_id);
}

/* What a job that would rather not run than run without its limits asks for. */
static bool can_hold(struct gord_service *service, const Gor__V1__JobSpec *spec, char *error,
                     size_t bytes)
{
    const Gor__V1__Limits *limits =
        spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC ? spec->exec->limits : NULL;

    return limits == NULL || !limits->strict ||
           gord_runner_can_hold(service->runner, limits, error, bytes);
}

static bool dependency_exists(struct gord_service *service, const char *where,
                              const Gor__V1__Dependency *of, size_t earlier,
                              struct gord_refusal *out_why)
{
    if (of->line > earlier) {
        return refuse(out_why, WIRE_INVALID_ARGUMENT,
                      "%sspec.after: line %u does not stand before this job in the same request",
                      where, of->line);
    }
    int result = of->line == 0 ? gord_knows(service, of->id) : 0;
    if (result == -ENOENT) {
        return refuse(out_why, WIRE_NOT_FOUND, "%sspec.after: there is no job %" PRIu64, where,
                      of->id);
    }
    if (result != 0) {
        return refuse(out_why, wire_status_from_errno(result),
                      "%sspec.after: cannot look job %" PRIu64 " up: %s", where, of->id,
                      strerror(-result));
    }
    return true;
}

static bool dependencies_exist(struct gord_service *service, const char *where,
                               const Gor__V1__JobSpec *spec, size_t earlier,
                               struct gord_refusal *out_why)
{
    for (size_t i = 0; i < spec->n_after; i++) {
        for (size_t k = 0; k < spec->after[i]->n_of; k++) {
            if (!dependency_exists(service, where, spec->after[i]->of[k], earlier, out_why)) {
                return false;
            }
        }
    }
    return true;
}

bool gord_submit_accepts(struct gord_service *service, const char *where,
                         const Gor__V1__JobSpec *spec, size_t earlier, struct gord_refusal *out_why)
{
    char error[GORD_ERROR_BYTES] = "";

    if (gord_check_spec(spec, gord_runner_plugins(service->runner), error, sizeof(error)) != 0) {
        return refuse(out_why, WIRE_INVALID_ARGUMENT, "%s%s", where, error);
    }
    if (!can_hold(service, spec, error, sizeof(error))) {
        return refuse(out_why, WIRE_FAILED_PRECONDITION, "%sspec.exec.limits are strict: %s", where,
                      error);
    }
    if (!dependencies_exist(service, where, spec, earlier, out_why)) {
        return false;
    }
    if (spec->parent_id != 0) {
        return parent_lives(service, spec->parent_id, out_why);
    }
    if (service->drained != NULL) {
        return refuse(out_why, WIRE_UNAVAILABLE,
                      "the daemon takes no new jobs: drained %s; `gorctl undrain` opens it again",
                      service->drained);
    }
    return true;
}

/* ------------------------------------------------------------------ unique keys */

enum gord_conflict gord_submit_conflict(struct gord_service *service, const Gor__V1__JobSpec *spec,
                                        uint64_t *out_id, uint64_t *out_seq,
                                        struct gord_refusal *out_why)
{
    uint64_t id = 0;

    if (spec->unique_key[0] == '\0' ||
        gord_unique_find(&service->unique, spec->unique_key, &id, 1) == 0) {
        return GORD_CONFLICT_NONE;
    }
    if (spec->on_conflict == GOR__V1__ON_CONFLICT__FAIL) {
        (void)refuse(out_why, WIRE_ALREADY_EXISTS,
                     "spec.unique_key: job %" PRIu64 " has it and has not ended", id);
        return GORD_CONFLICT_REFUSED;
    }
    if (spec->on_conflict == GOR__V1__ON_CONFLICT__SKIP) {
        *out_id = id;
        *out_seq = gord_job_find(gord_bus_table(service->bus), id)->last_seq;
        return GORD_CONFLICT_SKIP;
    }
    return GORD_CONFLICT_NONE;
}

/* Cancel those that have the key. What is queued ends at once, and takes itself from the list. */
static void replace_holders(struct gord_service *service, const uint64_t *ids, size_t count,
                            uint64_t by)
{
    char cause[64];

    snprintf(cause, sizeof(cause), "replaced by job %" PRIu64 " with its unique key", by);
    for (size_t i = 0; i < count; i++) {
        struct gord_job *job = gord_job_find(gord_bus_table(service->bus), ids[i]);
        if (job != NULL) {
            (void)gord_runner_cancel(service->runner, job, cause, NULL);
        }
    }
}

/* The spec of a job that is to run once those with its key have ended, and, if it replaces them, that
 * they do: it waits for each of them. */
static int spec_behind_holders(struct gord_service *service, const Gor__V1__JobSpec *wire,
                               uint64_t id, struct gord_spec **out_spec)
{
    size_t count = wire->unique_key[0] != '\0'
                       ? gord_unique_find(&service->unique, wire->unique_key, NULL, 0)
                       : 0;

    if (count == 0) {
        return gord_spec_from_wire(wire, service->last_env, out_spec);
    }
    uint64_t *ids = calloc(count, sizeof(*ids));
    Gor__V1__Dependency *of = calloc(count, sizeof(*of));
    Gor__V1__Dependency **each = calloc(count, sizeof(*each));
    Gor__V1__AnyOf *clauses = calloc(count, sizeof(*clauses));
    Gor__V1__AnyOf **after = calloc(wire->n_after + count, sizeof(*after));
    int result =
        ids != NULL && of != NULL && each != NULL && clauses != NULL && after != NULL ? 0 : -ENOMEM;
    if (result == 0) {
        Gor__V1__JobSpec behind = *wire;
        gord_unique_find(&service->unique, wire->unique_key, ids, count);
        for (size_t i = 0; i < wire->n_after; i++) {
            after[i] = wire->after[i];
        }
        for (size_t i = 0; i < count; i++) {
            gor__v1__dependency__init(&of[i]);
            gor__v1__any_of__init(&clauses[i]);
            of[i].id = ids[i];
            of[i].condition = GOR__V1__DEPENDENCY__CONDITION__ANY;
            each[i] = &of[i];
            clauses[i].n_of = 1;
            clauses[i].of = &each[i];
            after[wire->n_after + i] = &clauses[i];
        }
        behind.n_after += count;
        behind.after = after;
        result = gord_spec_from_wire(&behind, service->last_env, out_spec);
    }
    if (result == 0 && wire->on_conflict == GOR__V1__ON_CONFLICT__REPLACE) {
        replace_holders(service, ids, count, id);
    }
    free(ids);
    free(of);
    free(each);
    free(clauses);
    free(after);
    return result;
}

/* ------------------------------------------------------------------ entry */

/* Enter one accepted job: SUBMITTED, then QUEUED or GATED. */
static int enter(struct gord_service *service, uint64_t id, struct gord_spec *spec, uint32_t uid,
                 struct gord_request *request, uint64_t *out_seq)
{
    struct gord_event *submitted = gord_event_submitted(id, spec, uid);
    int result = submitted != NULL ? gord_spec_standing(spec, &submitted->standing) : -ENOMEM;

    if (submitted != NULL) {
        submitted->request = request;
    } else {
        free(request);
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

int gord_submit_enter(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                      struct gord_request *request, uint64_t *out_id, uint64_t *out_seq)
{
    struct gord_spec *spec = NULL;

    *out_id = gord_job_next_id(gord_bus_table(service->bus));
    int result = spec_behind_holders(service, wire, *out_id, &spec);
    if (result != 0) {
        free(request);
        return result;
    }
    if (spec->env != NULL && spec->env != service->last_env) {
        gord_env_unref(service->last_env);
        service->last_env = gord_env_ref(spec->env);
    }
    result = enter(service, *out_id, spec, uid, request, out_seq);
    gord_spec_unref(spec);
    return result;
}

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
        (void)refuse(out_why, WIRE_UNAVAILABLE,
                     "the daemon stops; whether the job was kept shows after its next start");
        return;
    }
    gord_submit_withdraw(service, ack->first_id, ack->count);
    gord_bus_store_error(service->bus, &text);
    (void)refuse(out_why, gord_store_status_code(error), "not submitted: the store refuses: %s",
                 text);
}

/* ------------------------------------------------------------------ one */

static bool acknowledged(struct gord_service *service, struct gord_ack *ack, int error)
{
    struct gord_refusal why;

    if (error == 0) {
        return true;
    }
    gord_submit_failed(service, ack, error, &why);
    tell(ack->call, &why);
    return false;
}

static void submit_committed(struct gord_service *service, struct gord_ack *ack, int error)
{
    Gor__V1__SubmitReply reply = GOR__V1__SUBMIT_REPLY__INIT;

    if (acknowledged(service, ack, error)) {
        reply.id = ack->first_id;
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

/* Answered again if it is a repetition; true: nothing more is to be done. */
static bool is_answered(struct gord_service *service, const ProtobufCBinaryData *id,
                        struct gord_ack *ack)
{
    struct gord_request_known known;
    struct gord_refusal why;
    int result = gord_request_find(service, id, gord_submit_uid(ack->call), &known, &why);

    if (result < 0) {
        tell(ack->call, &why);
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
static void remember(struct gord_service *service, const ProtobufCBinaryData *id,
                     const struct gord_ack *ack)
{
    struct gord_request_known known = {ack->first_id, ack->count, ack->seq};

    gord_request_add(service, id, gord_submit_uid(ack->call), &known);
}

GORD_METHOD(gord_jobs_submit)
{
    struct gord_service *service = user;
    const Gor__V1__SubmitRequest *request = (const Gor__V1__SubmitRequest *)message;
    struct gord_ack ack = {.call = call, .fn = submit_committed, .count = 1};
    struct gord_refusal why;

    if (is_answered(service, &request->request_id, &ack)) {
        return;
    }
    if (!gord_submit_is_open(service, 1, &why) ||
        !gord_submit_accepts(service, "", request->spec, 0, &why) ||
        !gord_submit_has_places(service, gord_submit_kind(request->spec), 1, &why)) {
        tell(call, &why);
        return;
    }
    switch (gord_submit_conflict(service, request->spec, &ack.first_id, &ack.seq, &why)) {
    case GORD_CONFLICT_REFUSED:
        tell(call, &why);
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
    struct gord_request *made = gord_request_new(&request->request_id, 1, &result);
    if (result == 0) {
        result = gord_submit_enter(service, request->spec, gord_submit_uid(call), made,
                                   &ack.first_id, &ack.seq);
    }
    GORD_CRASHPOINT(SUBMIT_ENTERED);
    if (result == 0) {
        remember(service, &request->request_id, &ack);
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

static bool accepts_all(struct gord_service *service, const Gor__V1__SubmitManyRequest *request,
                        struct gord_refusal *out_why)
{
    char where[48];

    if (request->n_specs == 0 || request->n_specs > MANY_MAX) {
        return refuse(out_why, WIRE_INVALID_ARGUMENT, "specs has %zu entries; it takes 1 to %d",
                      request->n_specs, MANY_MAX);
    }
    for (size_t i = 0; i < request->n_specs; i++) {
        snprintf(where, sizeof(where), "specs[%zu]: ", i);
        if (!gord_submit_accepts(service, where, request->specs[i], i, out_why)) {
            return false;
        }
        if (request->specs[i]->unique_key[0] != '\0' &&
            (request->specs[i]->on_conflict == GOR__V1__ON_CONFLICT__SKIP ||
             request->specs[i]->on_conflict == GOR__V1__ON_CONFLICT__FAIL)) {
            return refuse(out_why, WIRE_INVALID_ARGUMENT,
                          "%sspec.on_conflict: of many jobs in one request none can be skipped or "
                          "fail; choose REPLACE or QUEUE, or submit it by itself",
                          where);
        }
    }
    return true;
}

static bool all_have_places(struct gord_service *service, const Gor__V1__SubmitManyRequest *request,
                            struct gord_refusal *out_why)
{
    uint64_t counts[GORD_KIND_COUNT] = {0};

    for (size_t i = 0; i < request->n_specs; i++) {
        counts[gord_submit_kind(request->specs[i])]++;
    }
    return gord_submit_has_places(service, GORD_EXEC, counts[GORD_EXEC], out_why) &&
           gord_submit_has_places(service, GORD_NATIVE, counts[GORD_NATIVE], out_why) &&
           gord_submit_has_places(service, GORD_LUA, counts[GORD_LUA], out_why);
}

/* Ids of one request follow each other, so a line's is known once the first job has its own. */
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
                     struct gord_ack *ack)
{
    uint32_t uid = gord_submit_uid(ack->call);
    int result = 0;
    struct gord_request *made = gord_request_new(&request->request_id, request->n_specs, &result);

    for (size_t i = 0; i < request->n_specs && result == 0; i++) {
        uint64_t id = 0;
        name_lines(request->specs[i], ack->first_id);
        result = gord_submit_enter(service, request->specs[i], uid, i == 0 ? made : NULL, &id,
                                   &ack->seq);
        ack->first_id = i == 0 ? id : ack->first_id;
        ack->count++;
    }
    return result;
}

GORD_METHOD(gord_jobs_submit_many)
{
    struct gord_service *service = user;
    const Gor__V1__SubmitManyRequest *request = (const Gor__V1__SubmitManyRequest *)message;
    struct gord_ack ack = {.call = call, .fn = many_committed};
    struct gord_refusal why;

    if (is_answered(service, &request->request_id, &ack)) {
        return;
    }
    if (!gord_submit_is_open(service, request->n_specs, &why) ||
        !accepts_all(service, request, &why) || !all_have_places(service, request, &why)) {
        tell(call, &why);
        return;
    }
    gord_store_begin_group(gord_bus_store(service->bus));
    int result = enter_all(service, request, &ack);
    if (result == 0) {
        remember(service, &request->request_id, &ack);
        result = gord_acks_add(service, &ack);
    }
    if (result != 0) {
        gord_submit_withdraw(service, ack.first_id, ack.count);
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "not submitted: %s", strerror(-result));
    }
    gord_store_end_group(gord_bus_store(service->bus));
}
