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

    (void)message;
    rpc_call_on(call, NULL, on_gone, service);
    service->upgrader.upgrade(service->upgrader.arg, &(struct gord_upgrade_wish){on_told, call});
}
