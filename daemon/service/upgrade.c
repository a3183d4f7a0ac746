/* SPDX-License-Identifier: MIT */
/* Runtime.Upgrade: what SIGUSR2 does, with an answer; and what it would do to the jobs that run. */
#include "daemon/service/upgrade.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/service/state.h"
#include "daemon/service/view.h"
#include "runtime/gor.h"

static void on_told(void *user, int result, const char *why)
{
    struct rpc_call *call = user;
    const struct gord_service *service = rpc_call_user(call);
    Gor__V1__UpgradeReply reply = GOR__V1__UPGRADE_REPLY__INIT;

    if (result != 0) {
        gord_fail(call, WIRE_FAILED_PRECONDITION, "no upgrade: %s", why);
        return;
    }
    reply.version = (char *)(uintptr_t)GOR_VERSION;
    reply.pid = (uint32_t)getpid();
    reply.started_ns = service->started_ns;
    rpc_call_reply(call, &reply.base);
}

static void on_gone(struct rpc_call *call, enum wire_status why, void *user)
{
    const struct gord_service *service = user;

    (void)call;
    (void)why;
    service->upgrader.forget(service->upgrader.arg);
}

GORD_METHOD(gord_runtime_upgrade)
{
    struct gord_service *service = user;
    const Gor__V1__UpgradeRequest *request = (const Gor__V1__UpgradeRequest *)message;

    rpc_call_on(call, NULL, on_gone, service);
    service->upgrader.upgrade(
        service->upgrader.arg,
        &(struct gord_upgrade_wish){.patient = request->await, .told = on_told, .user = call});
}

void gord_upgrade_ends_fill(const struct gord_ends *ends, Gor__V1__UpgradeEnds *out)
{
    gor__v1__upgrade_ends__init(out);
    out->cancelled = ends->cancelled;
    out->requeued = ends->requeued;
    out->awaited = ends->awaited;
}

/* ------------------------------------------------------------------ what is awaited */

enum { INSIDE_MAX = 16, WHAT_BYTES = GORD_GATE_TEXT + 80 };

struct inside {
    uint64_t ids[INSIDE_MAX]; /* the lowest, rising */
    size_t id_count;
    Gor__V1__UpgradeAwaited *items[INSIDE_MAX];
    struct gord_view views[INSIDE_MAX]; /* of the first `count`: the names are theirs */
    char what[INSIDE_MAX][WHAT_BYTES];
    Gor__V1__UpgradeAwaited awaited[INSIDE_MAX];
    size_t count;
    struct gord_service *service;
};

static bool has_started(const Gor__V1__Job *job)
{
    return job->state != GOR__V1__JOB_STATE__CREATED && job->state != GOR__V1__JOB_STATE__RUNNABLE;
}

/* Of the one that it waits for, or of its own. */
static void tell_what(struct gord_service *service, const Gor__V1__Job *job, uint64_t below,
                      char out[WHAT_BYTES])
{
    struct gord_view view;

    if (below == 0 || gord_view_make(service, below, false, &view) != 0) {
        snprintf(out, WHAT_BYTES, "%s%s", job->reason[0] != '\0' ? "waits: " : "runs", job->reason);
        return;
    }
    snprintf(out, WHAT_BYTES, "waits for job %" PRIu64 ", which %s%s", below,
             has_started(&view.job) ? "runs" : "has not started: ",
             has_started(&view.job) ? "" : view.job.reason);
    gord_view_fini(&view);
}

/* The table has them in the order of their last events, which changes all the time. */
static int find_first(void *arg, struct gord_job *job)
{
    struct inside *inside = arg;
    size_t at = inside->id_count;

    if (job->kind != GORD_NATIVE && job->kind != GORD_LUA) {
        return 0;
    }
    while (at > 0 && inside->ids[at - 1] > job->id) {
        at--;
    }
    if (at < INSIDE_MAX) {
        size_t behind = inside->id_count - at - (inside->id_count == INSIDE_MAX);
        memmove(&inside->ids[at + 1], &inside->ids[at], behind * sizeof(*inside->ids));
        inside->ids[at] = job->id;
        inside->id_count += inside->id_count < INSIDE_MAX;
    }
    return 0;
}

static void add(struct inside *inside, uint64_t id)
{
    size_t at = inside->count;

    if (gord_view_make(inside->service, id, false, &inside->views[at]) != 0) {
        return;
    }
    Gor__V1__UpgradeAwaited *awaited = &inside->awaited[at];
    gor__v1__upgrade_awaited__init(awaited);
    awaited->id = id;
    awaited->name = inside->views[at].spec->name;
    awaited->waits_for = gord_view_waits_for(inside->service, id);
    awaited->what = inside->what[at];
    tell_what(inside->service, &inside->views[at].job, awaited->waits_for, awaited->what);
    inside->items[at] = awaited;
    inside->count++;
}

static void inside_free(struct inside *inside)
{
    for (size_t i = 0; inside != NULL && i < inside->count; i++) {
        gord_view_fini(&inside->views[i]);
    }
    free(inside);
}

GORD_METHOD(gord_runtime_plan_upgrade)
{
    struct gord_service *service = user;
    Gor__V1__PlanUpgradeReply reply = GOR__V1__PLAN_UPGRADE_REPLY__INIT;
    Gor__V1__UpgradeEnds natives, scripts;
    struct gord_ends ends[GORD_KIND_COUNT];

    struct inside *inside = calloc(1, sizeof(*inside));

    (void)message;
    if (inside == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory; ask again");
        return;
    }
    inside->service = service;
    gord_job_each_taken(gord_bus_table(service->bus), find_first, inside);
    for (size_t i = 0; i < inside->id_count; i++) {
        add(inside, inside->ids[i]);
    }
    gord_runner_plan_leave(service->runner, ends);
    gord_upgrade_ends_fill(&ends[GORD_NATIVE], &natives);
    gord_upgrade_ends_fill(&ends[GORD_LUA], &scripts);
    reply.programs = ends[GORD_EXEC].awaited;
    reply.natives = &natives;
    reply.scripts = &scripts;
    reply.await_ns = service->upgrader.awaits_ns(service->upgrader.arg);
    reply.inside = inside->items;
    reply.n_inside = inside->count;
    rpc_call_reply(call, &reply.base);
    inside_free(inside);
}
