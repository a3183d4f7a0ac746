/* SPDX-License-Identifier: MIT */
/* submit.c - see submit.h. */
#include "client/submit.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/feed.h"
#include "client/json.h"
#include "proto/decode.h"

int gorctl_submit(struct gorctl *ctl, const struct gorctl_spec *spec, enum gorctl_submit_how how,
                  Gor__V1__SubmitReply **out_reply)
{
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    int code = gorctl_spec_build(spec, &request.spec);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    bool dry_run = how == GORCTL_SUBMIT_DRY;
    request.dry_run = dry_run;
    request.follows = how == GORCTL_SUBMIT_FOLLOWS;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Submit",
                               .request = &request.base,
                               .reply = &gor__v1__submit_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    struct gorctl_request id = spec->request;
    enum wire_status status = WIRE_OK;
    ProtobufCMessage *reply;
    if (!dry_run) {
        gorctl_request_make(&id);
    }
    if (id.set) {
        request.request_id = (ProtobufCBinaryData){sizeof(id.bytes), id.bytes};
        call.again = true;
    }
    code = gorctl_call(ctl, &call, &status, &reply);
    if (id.set && gorctl_is_unknown(ctl, status)) {
        gorctl_request_say(&id);
    }
    gor__v1__job_spec__free_unpacked(request.spec, NULL);
    if (code == GORCTL_EXIT_OK) {
        *out_reply = (Gor__V1__SubmitReply *)reply;
    }
    return code;
}

/* A terminal has no end: what is to come is sent by `gorctl send`. */
static int feed_job(struct gorctl *ctl, uint64_t id)
{
    return isatty(STDIN_FILENO) == 1 ? GORCTL_EXIT_OK
                                     : gorctl_feed_all(ctl, id, STDIN_FILENO, true);
}

int gorctl_submit_print(struct gorctl *ctl, const struct gorctl_spec *spec)
{
    Gor__V1__SubmitReply *reply;
    int code = gorctl_submit(ctl, spec, GORCTL_SUBMIT, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (ctl->json) {
        gorctl_json_show(&reply->base);
    } else {
        printf("%" PRIu64 "\n", reply->id);
        if (reply->existing) {
            gorctl_say("job %" PRIu64 " has the key '%s'; no new one was made", reply->id,
                       spec->unique);
        }
    }
    uint64_t id = reply->id;
    wire_decoded_free(&reply->base);
    if (!gorctl_spec_takes_input(spec)) {
        return GORCTL_EXIT_OK;
    }
    (void)fflush(stdout); /* whoever reads the id need not wait for the job to read */
    return feed_job(ctl, id);
}
