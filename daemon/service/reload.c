/* SPDX-License-Identifier: MIT */
/* Runtime.Reload: what SIGHUP does, with an answer. */
#include "daemon/service/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/grow.h"
#include "daemon/service/state.h"

enum { FAULTS_BYTES = 900 }; /* of a status text, all faults together */

struct answer {
    Gor__V1__OptionChange *items; /* owned, with their texts */
    size_t count;
    size_t room;
    bool out_of_memory;
    char faults[FAULTS_BYTES];
    size_t used;
    unsigned untold; /* faults that there was no room for */
};

static void add_fault(void *arg, const char *text)
{
    struct answer *answer = arg;
    size_t left = sizeof(answer->faults) - answer->used;
    const char *before = answer->used > 0 ? "; " : "";

    if (answer->untold > 0 || strlen(before) + strlen(text) >= left) {
        answer->untold++;
        return;
    }
    answer->used += (size_t)snprintf(answer->faults + answer->used, left, "%s%s", before, text);
}

static void free_change(Gor__V1__OptionChange *change)
{
    free(change->before);
    free(change->after);
    free(change->stays);
}

static void add_change(void *arg, const char *option, const char *before, const char *after,
                       const char *stays)
{
    struct answer *answer = arg;

    if (gord_grow(&answer->items, answer->count, &answer->room, sizeof(*answer->items)) != 0) {
        answer->out_of_memory = true;
        return;
    }
    Gor__V1__OptionChange *change = &answer->items[answer->count];
    gor__v1__option_change__init(change);
    change->option = (char *)(uintptr_t)option; /* of the table of options */
    change->before = strdup(before);
    change->after = strdup(after);
    change->stays = strdup(stays != NULL ? stays : "");
    if (change->before == NULL || change->after == NULL || change->stays == NULL) {
        free_change(change);
        answer->out_of_memory = true;
        return;
    }
    answer->count++;
}

static void refuse(struct rpc_call *call, int error, const struct answer *answer)
{
    char more[64] = "";

    if (error == -ECANCELED) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon is stopping, so nothing is read again");
        return;
    }
    if (error != -EINVAL) {
        gord_fail(call, wire_status_from_errno(error), "nothing was changed: %s", strerror(-error));
        return;
    }
    if (answer->untold > 0) {
        snprintf(more, sizeof(more), "; and %u more, see the daemon's log", answer->untold);
    }
    gord_fail(call, WIRE_FAILED_PRECONDITION, "nothing was changed: %s%s", answer->faults, more);
}

static void tell(struct rpc_call *call, const struct gord_reloaded *reloaded, struct answer *answer)
{
    Gor__V1__ReloadReply reply = GOR__V1__RELOAD_REPLY__INIT;
    Gor__V1__OptionChange **pointers = calloc(answer->count + 1, sizeof(*pointers));

    if (pointers == NULL || answer->out_of_memory) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED,
                  "the configuration was read again, but there is no memory to tell what changed; "
                  "the daemon's log has it");
        free(pointers);
        return;
    }
    for (size_t i = 0; i < answer->count; i++) {
        pointers[i] = &answer->items[i];
    }
    reply.changes = pointers;
    reply.n_changes = answer->count;
    reply.certificates = reloaded->certificates;
    reply.file = (char *)(uintptr_t)(reloaded->file != NULL ? reloaded->file : "");
    rpc_call_reply(call, &reply.base);
    free(pointers);
}

GORD_METHOD(gord_runtime_reload)
{
    struct gord_service *service = user;
    struct answer answer = {0};
    struct gord_reload_report report = {add_fault, add_change, &answer};
    struct gord_reloaded reloaded = {0};
    int result = service->reloader.reload(service->reloader.arg, &report, &reloaded);

    (void)message;
    if (result == 0) {
        tell(call, &reloaded, &answer);
    } else {
        refuse(call, result, &answer);
    }
    for (size_t i = 0; i < answer.count; i++) {
        free_change(&answer.items[i]);
    }
    free(answer.items);
}
