/* SPDX-License-Identifier: MIT */
/* answer.c - see answer.h. */
#include "client/answer.h"

#include "client/exits.h"
#include "client/json.h"
#include "proto/decode.h"

int gorctl_call_show(struct gorctl *ctl, const struct gorctl_call *call,
                     void (*show)(const ProtobufCMessage *reply, void *arg), void *arg)
{
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, call, NULL, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (ctl->json) {
        gorctl_json_show(reply);
    } else if (show != NULL) {
        show(reply, arg);
    }
    wire_decoded_free(reply);
    return GORCTL_EXIT_OK;
}
