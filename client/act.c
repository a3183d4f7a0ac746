/* SPDX-License-Identifier: MIT */
/* act.c - see act.h. */
#include "client/act.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/ids.h"
#include "client/json.h"
#include "client/options.h"
#include "client/text.h"
#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"

enum { KEY_ALL = 0x3000, KEY_CAUSE };

static const struct argp_option options_with_all[] = {
    {"all", KEY_ALL, NULL, 0, "Every job that it fits", 0},
    {"cause", KEY_CAUSE, "TEXT", 0, "Why; it is kept in the history", 0},
    {0},
};

static const struct argp_option options_for_ids[] = {
    {"cause", KEY_CAUSE, "TEXT", 0, "Why; it is kept in the history", 0},
    {0},
};

struct arguments {
    struct gorctl *ctl;
    struct gorctl_ids ids;
    bool all;
    bool has_all;
    const char *cause;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case KEY_ALL:
        arguments->all = true;
        return 0;
    case KEY_CAUSE:
        arguments->cause = gorctl_option_cause(state, arg);
        return 0;
    case ARGP_KEY_ARG:
        gorctl_ids_argument(state, &arguments->ids, arg);
        return 0;
    case ARGP_KEY_END:
        if (arguments->all == (arguments->ids.count > 0)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         arguments->all       ? "name jobs, or say --all; not both"
                         : arguments->has_all ? "which jobs? Name them, or say --all"
                                              : "which jobs? Name them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Say what became of one job; the exit code that comes of it. */
static int show_result(const struct gorctl_act *act, const Gor__V1__ActResult *result, bool quiet)
{
    char *message = gorctl_text_escape(result->message, strlen(result->message));
    int code = GORCTL_EXIT_OK;
    switch (result->status) {
    case GOR__V1__ACT_RESULT__STATUS__DONE:
        if (!quiet) {
            printf("%" PRIu64 "  %s%s%s\n", result->id, act->done, message[0] != '\0' ? ": " : "",
                   message);
        }
        break;
    case GOR__V1__ACT_RESULT__STATUS__UNCHANGED:
        if (!quiet) {
            printf("%" PRIu64 "  %s\n", result->id, message);
        }
        break;
    case GOR__V1__ACT_RESULT__STATUS__REFUSED:
        gorctl_say("job %" PRIu64 ": %s", result->id, message);
        code = GORCTL_EXIT_USAGE;
        break;
    default:
        gorctl_say("there is no job %" PRIu64, result->id);
        code = GORCTL_EXIT_NOT_FOUND;
    }
    free(message);
    return code;
}

static int act_and_show(const struct arguments *arguments, const struct gorctl_act *act)
{
    Gor__V1__ActRequest request = GOR__V1__ACT_REQUEST__INIT;
    request.ids = arguments->ids.ids;
    request.n_ids = arguments->ids.count;
    request.all = arguments->all;
    if (arguments->cause != NULL) {
        request.cause = (char *)arguments->cause;
    }
    struct gorctl_call call = {.path = act->path,
                               .request = &request.base,
                               .reply = &gor__v1__act_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message;
    int code = gorctl_call(arguments->ctl, &call, NULL, &message);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__ActReply *reply = (const Gor__V1__ActReply *)message;
    if (arguments->ctl->json) {
        gorctl_json_show(message);
    }
    for (size_t i = 0; i < reply->n_results; i++) {
        int of_this = show_result(act, reply->results[i], arguments->ctl->json);
        code = code == GORCTL_EXIT_OK ? of_this : code;
    }
    if (reply->n_results == 0) {
        fprintf(stderr, "%s\n", act->none != NULL ? act->none : "There is no such job.");
    }
    wire_decoded_free(message);
    return code;
}

int gorctl_act_run(struct gorctl *ctl, int argc, char **argv, const struct gorctl_act *act)
{
    struct argp argp = {.options = act->none != NULL ? options_with_all : options_for_ids,
                        .parser = parse,
                        .args_doc = act->none != NULL ? "ID...\n--all" : "ID...",
                        .doc = act->doc,
                        .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .has_all = act->none != NULL};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = act_and_show(&arguments, act);
    gorctl_ids_fini(&arguments.ids);
    return code;
}
