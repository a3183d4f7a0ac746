/* SPDX-License-Identifier: MIT */
/* Runtime.Upgrade: what SIGUSR2 does, with an answer. */
#include "daemon/service/upgrade.h"

#include <unistd.h>

#include "daemon/service/state.h"
#include "runtime/gor.h"

GORD_METHOD(gord_runtime_upgrade)
{
    struct gord_service *service = user;
    Gor__V1__UpgradeReply reply = GOR__V1__UPGRADE_REPLY__INIT;
    char why[320];

    (void)message;
    if (service->upgrader.upgrade(service->upgrader.arg, why, sizeof(why)) != 0) {
        gord_fail(call, WIRE_FAILED_PRECONDITION, "no upgrade: %s", why);
        return;
    }
    reply.version = (char *)(uintptr_t)GOR_VERSION;
    reply.pid = (uint32_t)getpid();
    reply.started_ns = service->started_ns;
    rpc_call_reply(call, &reply.base);
}
