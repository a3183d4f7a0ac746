/* SPDX-License-Identifier: MIT */
/* cmd_cancel.c - `gorctl cancel`: ask jobs to end. */
#include <inttypes.h>
#include <stdio.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/selector.h"
#include "client/text.h"
#include "proto/decode.h"

enum { KEY_CAUSE = 0x3000 };

static const struct argp_option options[] = {
    {"cause", KEY_CAUSE, "TEXT", 0, "Why; it is kept in the history", 0},
    {"yes", 'y', NULL, 0, "Do not ask, however many jobs it is about", 0},
    {0},
};

static const char doc[] =
    "Ask jobs to end. A queued job never starts; a process gets SIGTERM, and SIGKILL when its "
    "grace "
    "is over; a native job's context is cancelled.\v"
    "It does not wait: `gorctl wait ID` does. A job that has ended already is no error; a job that "
    "is not known is (exit code 66), after the others have been asked.\n"
    "More than 100 jobs are ended only when you agree: on a terminal it asks, elsewhere it "
    "needs --yes.\n"
    "\n"
    "Examples:\n"
    "  gorctl cancel 12 13\n"
    "  gorctl cancel 20-29 --cause 'wrong input'\n"
    "  gorctl cancel -l team=x --state runnable\n"
    "  gorctl cancel --all --yes\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
    bool yes;
    const char *cause;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        return 0;
    case 'y':
        arguments->yes = true;
        return 0;
    case KEY_CAUSE:
        arguments->cause = gorctl_option_cause(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (gorctl_selector_is_empty(&arguments->selector)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "which jobs? Name them, say what they are like, or say --all");
        }
        if (arguments->selector.all && arguments->selector.ids.count > 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "name jobs, or say --all; not both");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Say what became of each. */
static void show_results(const Gor__V1__CancelReply *reply)
{
    for (size_t i = 0; i < reply->n_results; i++) {
        const Gor__V1__CancelResult *result = reply->results[i];
        switch (result->status) {
        case GOR__V1__CANCEL_RESULT__STATUS__ASKED:
            printf("%" PRIu64 "  asked to end\n", result->id);
            break;
        case GOR__V1__CANCEL_RESULT__STATUS__ENDED_ALREADY:
            printf("%" PRIu64 "  had ended already\n", result->id);
            break;
        default:
            gorctl_say("there is no job %" PRIu64, result->id);
        }
    }
}

static bool all_known(const Gor__V1__CancelReply *reply)
{
    for (size_t i = 0; i < reply->n_results; i++) {
        if (reply->results[i]->status == GOR__V1__CANCEL_RESULT__STATUS__UNKNOWN) {
            return false;
        }
    }
    return true;
}

/* That nothing is left to end is what --all is for. */
static int nothing(const struct arguments *arguments)
{
    if (!gorctl_selector_is_all(&arguments->selector)) {
        return gorctl_selector_nothing(true);
    }
    fputs("There is no job that has not ended.\n", stderr);
    return GORCTL_EXIT_OK;
}

static int cancel(const struct arguments *arguments)
{
    Gor__V1__CancelRequest request = GOR__V1__CANCEL_REQUEST__INIT;
    struct gorctl_selection selection = gorctl_selector_select(&arguments->selector, true);
    request.ids = selection.ids;
    request.n_ids = selection.count;
    request.all = selection.all;
    request.selector = selection.message;
    if (arguments->cause != NULL) {
        request.cause = (char *)arguments->cause;
    }
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Cancel",
                               .request = &request.base,
                               .reply = &gor__v1__cancel_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message;
    int code = gorctl_call(arguments->ctl, &call, NULL, &message);
    gorctl_selection_fini(&selection);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__CancelReply *reply = (const Gor__V1__CancelReply *)message;
    code = all_known(reply) ? GORCTL_EXIT_OK : GORCTL_EXIT_NOT_FOUND;
    if (arguments->ctl->json) {
        gorctl_json_show(message);
    } else {
        show_results(reply);
    }
    if (reply->n_results == 0) {
        code = nothing(arguments);
    }
    wire_decoded_free(message);
    return code;
}

int gorctl_cmd_cancel(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "ID...\n--all",
                                     .doc = doc,
                                     .children = gorctl_selector_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = arguments.yes ? GORCTL_EXIT_OK
                             : gorctl_selector_confirm(ctl, &arguments.selector, "cancel", true);
    code = code != GORCTL_EXIT_OK ? code : cancel(&arguments);
    gorctl_selector_fini(&arguments.selector);
    return code;
}
