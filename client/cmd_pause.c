/* SPDX-License-Identifier: MIT */
/* cmd_pause.c - `gorctl pause` and `gorctl resume`: whether queued jobs are started. */
#include <inttypes.h>
#include <stdio.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, state->input, 2);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "'%s' is not expected: this is about all queued jobs", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Both replies have one field, the jobs in the queue. */
static int call_and_show(struct gorctl *ctl, const struct gorctl_call *call, const char *format)
{
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, call, NULL, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (ctl->json) {
        gorctl_json_show(reply);
    } else {
        uint64_t queued = call->reply == &gor__v1__pause_reply__descriptor
                              ? ((const Gor__V1__PauseReply *)reply)->queued
                              : ((const Gor__V1__ResumeReply *)reply)->queued;
        printf("%s; %" PRIu64 " queued\n", format, queued);
    }
    wire_decoded_free(reply);
    return GORCTL_EXIT_OK;
}

int gorctl_cmd_pause(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .doc =
            "Start no more queued jobs. Those that run go on, and jobs can still be handed in. It "
            "holds over a restart of the daemon, until `gorctl resume`.",
        .children = gorctl_read_children};
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    Gor__V1__PauseRequest request = GOR__V1__PAUSE_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Pause",
                               .request = &request.base,
                               .reply = &gor__v1__pause_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return call_and_show(ctl, &call, "paused: no queued job will start");
}

int gorctl_cmd_resume(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse,
                                     .doc = "Start queued jobs again after `gorctl pause`.",
                                     .children = gorctl_read_children};
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    Gor__V1__ResumeRequest request = GOR__V1__RESUME_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Resume",
                               .request = &request.base,
                               .reply = &gor__v1__resume_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return call_and_show(ctl, &call, "resumed: queued jobs start");
}
