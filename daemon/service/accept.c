/* SPDX-License-Identifier: MIT */
/* accept.c - see accept.h. */
#include "daemon/service/accept.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/job/queues.h"
#include "daemon/service/array.h"
#include "daemon/service/corr.h"
#include "daemon/service/import.h"
#include "daemon/service/quota.h"

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

void gord_refusal_tell(struct rpc_call *call, const struct gord_refusal *why)
{
    gord_fail(call, why->status, "%s", why->text);
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

/* ------------------------------------------------------------------ is there room */

/* Below such a job (0: none): what an upgrade awaits may hand in more. */
static bool is_open_below(struct gord_service *service, uint64_t parent_id, size_t count,
                          struct gord_refusal *out_why)
{
    const struct gord_job_counts *counts = gord_job_counts(gord_bus_table(service->bus));
    uint64_t live =
        counts->queued[GORD_EXEC] + counts->queued[GORD_NATIVE] + counts->queued[GORD_LUA];
    uint64_t backlog = gord_bus_last_seq(service->bus) - gord_bus_committed(service->bus);
    const char *text = "";

    if (service->draining && !gord_runner_takes_below(service->runner, parent_id)) {
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

bool gord_submit_is_open(struct gord_service *service, size_t count, struct gord_refusal *out_why)
{
    return is_open_below(service, 0, count, out_why);
}

bool gord_submit_is_open_for(struct gord_service *service, Gor__V1__JobSpec *const *specs,
                             size_t count, struct gord_refusal *out_why)
{
    bool is_open =
        is_open_below(service, count > 0 ? gord_check_parent(specs[0]) : 0, count, out_why);

    for (size_t i = 1; i < count && is_open && service->draining; i++) {
        is_open = is_open_below(service, gord_check_parent(specs[i]), count, out_why);
    }
    return is_open;
}

bool gord_submit_is_served(struct gord_service *service, const Gor__V1__JobSpec *spec)
{
    return !service->draining || gord_runner_takes_below(service->runner, gord_check_parent(spec));
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

/* ------------------------------------------------------------------ is it right */

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

/* What a program that wants to gain rights asks for. */
static bool can_gain(struct gord_service *service, const Gor__V1__JobSpec *spec, char *error,
                     size_t bytes)
{
    return spec->kind_case != GOR__V1__JOB_SPEC__KIND_EXEC ||
           gord_runner_can_gain(service->runner, spec->exec->new_privs, error, bytes);
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
    struct gord_after_facts facts;
    int result = of->line == 0 ? gord_knows(service, of->id) : 0;
    if (result == -ENOENT && gord_import_recall(service, of->id, &facts)) {
        return true;
    }
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
        return gord_refuse(out_why, WIRE_FAILED_PRECONDITION,
                           "%sspec.exec.limits: strict ones must hold, but %s", where, error);
    }
    if (!can_gain(service, spec, error, sizeof(error))) {
        return gord_refuse(out_why, WIRE_FAILED_PRECONDITION, "%sspec.exec.new_privs is ALLOW: %s",
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

bool gord_submit_accepts_after(struct gord_service *service, const Gor__V1__JobSpec *spec,
                               struct gord_refusal *out_why)
{
    char error[GORD_ERROR_BYTES];

    if (gord_check_after(spec, error, sizeof(error)) != 0) {
        return gord_refuse(out_why, WIRE_INVALID_ARGUMENT, "%s", error);
    }
    return dependencies_exist(service, "", spec, NULL, out_why);
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
    if (!is_open_below(service, gord_check_parent(spec), 1, out_why) ||
        !gord_submit_accepts(service, "", spec, uid, NULL, out_why)) {
        return false;
    }
    uint64_t count = gord_array_tasks(spec);
    return (count == 1 || is_open_below(service, spec->parent_id, count, out_why)) &&
           (is_there_already(service, spec, uid) ||
            gord_submit_fits_replacing(service, uid, &spec, 1, count, out_why)) &&
           gord_submit_has_places(service, gord_submit_kind(spec), count, out_why);
}
