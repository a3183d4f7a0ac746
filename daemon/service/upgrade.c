/* SPDX-License-Identifier: MIT */
/* Runtime.Upgrade: what SIGUSR2 does, with an answer. */
#include "daemon/service/upgrade.h"

#include <unistd.h>

#include "daemon/service/state.h"
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

GORD_METHOD(gord_runtime_plan_upgrade)
{
    struct gord_service *service = user;
    Gor__V1__PlanUpgradeReply reply = GOR__V1__PLAN_UPGRADE_REPLY__INIT;
    Gor__V1__UpgradeEnds natives, scripts;
    struct gord_ends ends[GORD_KIND_COUNT];

    (void)message;
    gord_runner_plan_leave(service->runner, ends);
    gord_upgrade_ends_fill(&ends[GORD_NATIVE], &natives);
    gord_upgrade_ends_fill(&ends[GORD_LUA], &scripts);
    reply.programs = ends[GORD_EXEC].awaited;
    reply.natives = &natives;
    reply.scripts = &scripts;
    reply.await_ns = service->upgrader.awaits_ns(service->upgrader.arg);
    rpc_call_reply(call, &reply.base);
}
