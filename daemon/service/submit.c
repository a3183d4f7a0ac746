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
#include "daemon/service/array.h"
#include "daemon/service/corr.h"
#include "daemon/service/quota.h"
#include "daemon/service/request.h"
#include "daemon/service/scope.h"
#include "daemon/service/share.h"
#include "daemon/service/why.h"

#define MANY_MAX 100000
#define LIVE_MAX 20000000
#define BACKLOG_MAX 2000000 /* events not yet on disk */

bool gord_refuse(struct gord_refusal *out_why, enum wire_status status, const char *format, ...)
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

    return peer->uid != (uid_t)-1 ? peer->uid : (uint32_t)geteuid();
}

uint32_t gord_submit_uid_of(struct gord_service *service, uint64_t id)
{
    const struct gord_job *job = gord_job_find(gord_bus_table(service->bus), id);

    return job != NULL && job->body != NULL ? job->body->uid : (uint32_t)-1;
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
        return gord_refuse(out_why, WIRE_UNAVAILABLE,
                           "the daemon is stopping; try again when it is back");
    }
    if (service->store_error != 0) {
        gord_bus_store_error(service->bus, &text);
        return gord_refuse(out_why, gord_store_status_code(service->store_error),
                           "nothing new is taken: the store refuses: %s", text);
    }
    if (live + count > LIVE_MAX) {
        return gord_refuse(out_why, WIRE_RESOURCE_EXHAUSTED,
                           "%" PRIu64 " jobs are queued, which is the most", live);
    }
    if (backlog > BACKLOG_MAX) {
        return gord_refuse(out_why, WIRE_RESOURCE_EXHAUSTED,
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
    return gord_refuse(
        out_why, WIRE_RESOURCE_EXHAUSTED,
        "not submitted, for it would have to wait (--at-ceiling=refuse): %s; try again "
        "when jobs have ended",
        why);
}

/* A child counts for its parent, and ends with it, so both are of one owner. */
static bool is_parent_of_own(const struct gord_job *parent, uint32_t uid,
                             struct gord_refusal *out_why)
{
    if (parent->body == NULL || parent->body->uid == uid || uid == 0 ||
        uid == (uint32_t)geteuid()) {
        return true;
    }
    return gord_refuse(out_why, WIRE_PERMISSION_DENIED,
                       "spec.parent_id: job %" PRIu64 " is another user's", parent->id);
}

static bool parent_lives(struct gord_service *service, uint64_t parent_id, uint32_t uid,
                         struct gord_refusal *out_why)
{
    struct gord_job *parent = gord_job_find(gord_bus_table(service->bus), parent_id);

    if (parent != NULL && parent->kind == GORD_GROUP) {
        return gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                           "spec.parent_id: job %" PRIu64
                           " is an array, which has only its tasks below "
                           "it; name one of those, or the array's own parent",
                           parent_id);
    }
    if (parent != NULL && parent->state != GOR__V1__JOB_STATE__TERMINATED) {
        return is_parent_of_own(parent, uid, out_why);
    }
    int result = gord_knows(service, parent_id);
    if (result == -ENOENT) {
        return gord_refuse(out_why, WIRE_NOT_FOUND, "spec.parent_id: there is no job %" PRIu64,
                           parent_id);
    }
    if (result != 0) {
        return gord_refuse(out_why, wire_status_from_errno(result),
                           "spec.parent_id: cannot look it up: %s", strerror(-result));
    }
    return gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                       "spec.parent_id: job %" PRIu64 " has ended", parent_id);
}

/* Are there such a queue, pools and rates, and as much in them as it wants? */
static bool exists(struct gord_service *service, const char *where, const Gor__V1__JobSpec *spec,
                   struct gord_refusal *out_why)
{
    struct gord_ask ask;
    char error[GORD_ERROR_BYTES];

    if (spec->queue[0] == '\0' && spec->slots <= 1 && spec->n_tokens == 0 && spec->n_rates == 0) {
        return true;
    }
    gord_ask_from_wire(spec, &ask);
    int result = gord_queues_check(gord_bus_table(service->bus), gord_submit_kind(spec), &ask,
                                   error, sizeof(error));
    return result == 0 ||
           gord_refuse(out_why, result == -ENOENT ? WIRE_NOT_FOUND : WIRE_FAILED_PRECONDITION,
                       "%s%s", where, error);
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
                              const Gor__V1__Dependency *of, const struct gord_earlier *earlier,
                              struct gord_refusal *out_why)
{
    if (of->line > (earlier != NULL ? earlier->count : 0)) {
        return gord_refuse(
            out_why, WIRE_INVALID_ARGUMENT,
            "%sspec.after: line %u does not stand before this job in the same request", where,
            of->line);
    }
    int result = of->line == 0 ? gord_knows(service, of->id) : 0;
    if (result == -ENOENT) {
        return gord_refuse(out_why, WIRE_NOT_FOUND, "%sspec.after: there is no job %" PRIu64, where,
                           of->id);
    }
    if (result != 0) {
        return gord_refuse(out_why, wire_status_from_errno(result),
                           "%sspec.after: cannot look job %" PRIu64 " up: %s", where, of->id,
                           strerror(-result));
    }
    return true;
}

static bool dependencies_exist(struct gord_service *service, const char *where,
                               const Gor__V1__JobSpec *spec, const struct gord_earlier *earlier,
                               struct gord_refusal *out_why)
{
    for (size_t i = 0; i < spec->n_after; i++) {
        for (size_t k = 0; k < spec->after[i]->n_of; k++) {
            if (!dependency_exists(service, where, spec->after[i]->of[k], earlier, out_why)) {
                return false;
            }
        }
    }
    return gord_corr_accepts(service, where, spec, earlier, out_why);
}

/* By itself, without regard to other jobs. */
static bool is_right(struct gord_service *service, const char *where, const Gor__V1__JobSpec *spec,
                     struct gord_refusal *out_why)
{
    char error[GORD_ERROR_BYTES] = "";

    if (gord_check_spec(spec, gord_runner_plugins(service->runner), error, sizeof(error)) != 0) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT, "%s%s", where, error);
    }
    if (!exists(service, where, spec, out_why)) {
        return false;
    }
    if (!can_hold(service, spec, error, sizeof(error))) {
        return gord_refuse(out_why, WIRE_FAILED_PRECONDITION, "%sspec.exec.limits are strict: %s",
                           where, error);
    }
    return true;
}

Gor__V1__JobSpec gord_submit_alone(const Gor__V1__JobSpec *wire)
{
    Gor__V1__JobSpec alone = *wire;

    alone.parent_id = 0;
    alone.n_after = 0;
    alone.rerun_of = 0;
    alone.cron = NULL;
    alone.hook_of = NULL;
    alone.task = NULL;
    return alone;
}

bool gord_submit_accepts_change(struct gord_service *service, const Gor__V1__JobSpec *spec,
                                struct gord_refusal *out_why)
{
    return is_right(service, "", spec, out_why);
}

bool gord_submit_accepts(struct gord_service *service, const char *where,
                         const Gor__V1__JobSpec *spec, uint32_t uid,
                         const struct gord_earlier *earlier, struct gord_refusal *out_why)
{
    if (!is_right(service, where, spec, out_why) ||
        !dependencies_exist(service, where, spec, earlier, out_why)) {
        return false;
    }
    if (spec->parent_id != 0) {
        return parent_lives(service, spec->parent_id, uid, out_why);
    }
    if (service->drained != NULL) {
        return gord_refuse(
            out_why, WIRE_UNAVAILABLE,
            "the daemon takes no new jobs: drained %s; `gorctl undrain` opens it again",
            service->drained);
    }
    return true;
}

/* It makes no new job, whatever else is said of it. */
static bool is_there_already(struct gord_service *service, const Gor__V1__JobSpec *spec,
                             uint32_t uid)
{
    return spec->unique_key[0] != '\0' &&
           (spec->on_conflict == GOR__V1__ON_CONFLICT__SKIP ||
            spec->on_conflict == GOR__V1__ON_CONFLICT__FAIL) &&
           gord_unique_find(&service->unique, uid, spec->unique_key, NULL, 0) > 0;
}

bool gord_submit_takes(struct gord_service *service, const Gor__V1__JobSpec *spec, uint32_t uid,
                       struct gord_refusal *out_why)
{
    if (!gord_submit_is_open(service, 1, out_why) ||
        !gord_submit_accepts(service, "", spec, uid, NULL, out_why)) {
        return false;
    }
    uint64_t count = gord_array_tasks(spec);
    return (count == 1 || gord_submit_is_open(service, count, out_why)) &&
           (is_there_already(service, spec, uid) ||
            gord_submit_fits_quota(service, uid, count, out_why)) &&
           gord_submit_has_places(service, gord_submit_kind(spec), count, out_why);
}

/* ------------------------------------------------------------------ entry */

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
                           uint32_t uid, uint64_t *out_seq)
{
    return enter(service, id, spec, uid, NULL, out_seq);
}

uint64_t gord_submit_reserve(struct gord_service *service, uint64_t count)
{
    struct gord_job_table *table = gord_bus_table(service->bus);
    uint64_t first = gord_job_peek_id(table);

    gord_job_skip_to_id(table, first + count);
    return first;
}

static int enter_one(struct gord_service *service, const Gor__V1__JobSpec *wire, uint32_t uid,
                     struct gord_request *request, uint64_t id, uint64_t *out_seq)
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
        tell(call, &refusal);
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

    if (!request->dry_run && is_answered(service, &request->request_id, &ack)) {
        return;
    }
    if (!gord_submit_takes(service, request->spec, gord_submit_uid(call), &why) ||
        !gord_scope_takes(service, call, "", request->spec, &why)) {
        tell(call, &why);
        return;
    }
    if (request->dry_run) {
        answer_dry(service, call, request->spec);
        return;
    }
    switch (gord_submit_conflict(service, request->spec, gord_submit_uid(call), &ack.first_id,
                                 &ack.seq, &why)) {
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
    return gord_submit_fits_quota(
               service, uid, counts[GORD_EXEC] + counts[GORD_NATIVE] + counts[GORD_LUA], out_why) &&
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
                     struct gord_ack *ack)
{
    uint32_t uid = gord_submit_uid(ack->call);
    int result = 0;
    struct gord_request *made = gord_request_new(&request->request_id, request->n_specs, &result);

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

    if (is_answered(service, &request->request_id, &ack)) {
        return;
    }
    if (!gord_submit_is_open(service, request->n_specs, &why) ||
        !accepts_all(service, call, request, &why) ||
        !all_have_places(service, gord_submit_uid(call), request, &why)) {
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
