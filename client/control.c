/* SPDX-License-Identifier: MIT */
/* control.c - see control.h. */
#include "client/control.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/json.h"
#include "client/selector.h"
#include "proto/decode.h"

static int code_of(const Gor__V1__ControlResult *result)
{
    switch (result->status) {
    case GOR__V1__CONTROL_RESULT__STATUS__DONE:
    case GOR__V1__CONTROL_RESULT__STATUS__UNCHANGED:
    case GOR__V1__CONTROL_RESULT__STATUS__ENDED_ALREADY:
        return GORCTL_EXIT_OK;
    case GOR__V1__CONTROL_RESULT__STATUS__UNKNOWN:
        return GORCTL_EXIT_NOT_FOUND;
    default:
        return GORCTL_EXIT_USAGE;
    }
}

static void show_result(const struct gorctl_control *control, const Gor__V1__ControlResult *result)
{
    switch (result->status) {
    case GOR__V1__CONTROL_RESULT__STATUS__DONE:
        printf("%" PRIu64 "  %s\n", result->id, control->done);
        break;
    case GOR__V1__CONTROL_RESULT__STATUS__UNCHANGED:
        printf("%" PRIu64 "  %s\n", result->id, control->unchanged);
        break;
    case GOR__V1__CONTROL_RESULT__STATUS__ENDED_ALREADY:
        printf("%" PRIu64 "  had ended already\n", result->id);
        break;
    case GOR__V1__CONTROL_RESULT__STATUS__NOT_RUNNING:
        gorctl_say("job %" PRIu64 " does not run yet", result->id);
        break;
    case GOR__V1__CONTROL_RESULT__STATUS__UNKNOWN:
        gorctl_say("there is no job %" PRIu64, result->id);
        break;
    default:
        gorctl_say("job %" PRIu64 ": %s", result->id, result->text);
    }
}

int gorctl_control(struct gorctl *ctl, const struct gorctl_control *control)
{
    struct gorctl_call call = {.path = control->path,
                               .request = control->request,
                               .reply = &gor__v1__control_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message;
    int code = gorctl_call(ctl, &call, NULL, &message);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__ControlReply *reply = (const Gor__V1__ControlReply *)message;
    if (ctl->json) {
        gorctl_json_show(message);
    }
    if (reply->n_results == 0) {
        code = gorctl_selector_nothing(true);
    }
    for (size_t i = 0; i < reply->n_results; i++) {
        if (!ctl->json) {
            show_result(control, reply->results[i]);
        }
        code = code == GORCTL_EXIT_OK ? code_of(reply->results[i]) : code;
    }
    wire_decoded_free(message);
    return code;
}
