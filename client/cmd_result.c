/* SPDX-License-Identifier: MIT */
/* cmd_result.c - `gorctl result`: the bytes a job left behind. */
#include <inttypes.h>
#include <stdio.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"

static const char doc[] =
    "Print the result of a job that has ended: its very bytes, at most 64 KiB. A program leaves "
    "one by "
    "writing to the descriptor whose number is in $GOR_RESULT_FD, a plug-in by gor_job_result().\v"
    "Examples:\n"
    "  id=$(gorctl submit --shell 'sha256sum big.iso >&$GOR_RESULT_FD')\n"
    "  gorctl wait \"$id\" && gorctl result \"$id\"\n";

struct arguments {
    struct gorctl *ctl;
    uint64_t id;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 1);
        return 0;
    case ARGP_KEY_ARG:
        arguments->id = gorctl_option_job(state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "of which job? `gorctl history` lists them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int show(const Gor__V1__Job *job)
{
    if (job->has_result && job->result.len < job->result_bytes) {
        gorctl_say("job %" PRIu64
                   " is another user's, and it takes an operator or admin to read its "
                   "result",
                   job->id);
        return GORCTL_EXIT_DENIED;
    }
    if (job->has_result) {
        (void)fwrite(job->result.data, 1, job->result.len, stdout);
        return GORCTL_EXIT_OK;
    }
    if (job->state == GOR__V1__JOB_STATE__TERMINATED) {
        gorctl_say("job %" PRIu64 " has ended without a result", job->id);
    } else {
        gorctl_say("job %" PRIu64 " has not ended; `gorctl wait %" PRIu64 "` waits for that",
                   job->id, job->id);
    }
    return GORCTL_EXIT_NOT_FOUND;
}

int gorctl_cmd_result(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse, .args_doc = "ID", .doc = doc, .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    request.id = arguments.id;
    request.with_result = 1;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Get",
                               .request = &request.base,
                               .reply = &gor__v1__get_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_OK) {
        code = show(((const Gor__V1__GetReply *)reply)->job);
        wire_decoded_free(reply);
    }
    return code;
}
