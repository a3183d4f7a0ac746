/* SPDX-License-Identifier: MIT */
/* cmd_pause.c - `gorctl pause` and `gorctl resume`: whether queued jobs are started, and whether
 * running ones go on. */
#include <inttypes.h>
#include <stdio.h>

#include "client/channel.h"
#include "client/control.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/ids.h"
#include "client/json.h"
#include "client/options.h"
#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"

enum { KEY_CAUSE = 0x3000 };

struct arguments {
    struct gorctl *ctl;
    struct gorctl_ids ids;
    const char *cause;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case KEY_CAUSE:
        arguments->cause = gorctl_option_cause(state, arg);
        return 0;
    case ARGP_KEY_ARG:
        gorctl_ids_argument(state, &arguments->ids, arg);
        return 0;
    case ARGP_KEY_END:
        if (arguments->cause != NULL && arguments->ids.count == 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--cause goes with jobs; name them");
        }
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

static int pause_starting(struct gorctl *ctl)
{
    Gor__V1__PauseRequest request = GOR__V1__PAUSE_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Pause",
                               .request = &request.base,
                               .reply = &gor__v1__pause_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return call_and_show(ctl, &call, "paused: no queued job will start");
}

static int resume_starting(struct gorctl *ctl)
{
    Gor__V1__ResumeRequest request = GOR__V1__RESUME_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Resume",
                               .request = &request.base,
                               .reply = &gor__v1__resume_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return call_and_show(ctl, &call, "resumed: queued jobs start");
}

static int pause_jobs(const struct arguments *arguments)
{
    Gor__V1__PauseJobsRequest request = GOR__V1__PAUSE_JOBS_REQUEST__INIT;
    request.ids = arguments->ids.ids;
    request.n_ids = arguments->ids.count;
    if (arguments->cause != NULL) {
        request.cause = (char *)arguments->cause;
    }
    struct gorctl_control control = {.path = "/gor.v1.Jobs/PauseJobs",
                                     .request = &request.base,
                                     .done = "paused",
                                     .unchanged = "was paused already"};
    return gorctl_control(arguments->ctl, &control);
}

static int resume_jobs(const struct arguments *arguments)
{
    Gor__V1__ResumeJobsRequest request = GOR__V1__RESUME_JOBS_REQUEST__INIT;
    request.ids = arguments->ids.ids;
    request.n_ids = arguments->ids.count;
    struct gorctl_control control = {.path = "/gor.v1.Jobs/ResumeJobs",
                                     .request = &request.base,
                                     .done = "resumed",
                                     .unchanged = "was not paused"};
    return gorctl_control(arguments->ctl, &control);
}

int gorctl_cmd_pause(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"cause", KEY_CAUSE, "TEXT", 0, "Why the jobs are paused; it is kept in the history", 0},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "\nID...",
        .doc =
            "Without jobs: start no more queued ones. Those that run go on, and jobs can still be "
            "handed in. It holds over a restart of the daemon, until `gorctl resume`.\n"
            "With jobs: stop their processes where they are, until `gorctl resume ID`. A paused "
            "job keeps its slot and its memory; its timeout runs on unless it was handed in with "
            "--timeout-skips-pauses.",
        .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = arguments.ids.count > 0 ? pause_jobs(&arguments) : pause_starting(ctl);
    gorctl_ids_fini(&arguments.ids);
    return code;
}

int gorctl_cmd_resume(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "\nID...",
        .doc = "Without jobs: start queued ones again after `gorctl pause`.\n"
               "With jobs: let their processes go on after `gorctl pause ID`.",
        .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = arguments.ids.count > 0 ? resume_jobs(&arguments) : resume_starting(ctl);
    gorctl_ids_fini(&arguments.ids);
    return code;
}
