/* SPDX-License-Identifier: MIT */
/* submit.c - see submit.h. */
#include "client/submit.h"

#include "client/channel.h"
#include "client/exits.h"

int gorctl_submit(struct gorctl *ctl, const struct gorctl_spec *spec,
                  Gor__V1__SubmitReply **out_reply)
{
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    int code = gorctl_spec_build(spec, &request.spec);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Submit",
                               .request = &request.base,
                               .reply = &gor__v1__submit_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    struct gorctl_request id = spec->request;
    enum wire_status status = WIRE_OK;
    ProtobufCMessage *reply;
    gorctl_request_make(&id);
    if (id.set) {
        request.request_id = (ProtobufCBinaryData){sizeof(id.bytes), id.bytes};
    }
    code = gorctl_call(ctl, &call, &status, &reply);
    if (id.set && (status == WIRE_UNAVAILABLE || status == WIRE_DEADLINE_EXCEEDED)) {
        gorctl_request_say(&id);
    }
    gor__v1__job_spec__free_unpacked(request.spec, NULL);
    if (code == GORCTL_EXIT_OK) {
        *out_reply = (Gor__V1__SubmitReply *)reply;
    }
    return code;
}
