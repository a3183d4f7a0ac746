/* SPDX-License-Identifier: MIT */
/* act.c - see act.h. */
#include "client/act.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/fields.h"
#include "client/json.h"
#include "client/options.h"
#include "client/selector.h"
#include "client/text.h"
#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"

enum { KEY_CAUSE = 0x3000, KEY_DELAY };

static const struct argp_option options[] = {
    {"cause", KEY_CAUSE, "TEXT", 0, "Why; it is kept in the history", 0},
    {0},
};

static const struct argp_option options_with_yes[] = {
    {"cause", KEY_CAUSE, "TEXT", 0, "Why; it is kept in the history", 0},
    {"yes", 'y', NULL, 0, "Do not ask, however many jobs it is about", 0},
    {0},
};

static const struct argp_option options_with_delay[] = {
    {"cause", KEY_CAUSE, "TEXT", 0, "Why; it is kept in the history", 0},
    {"delay", KEY_DELAY, "DURATION", 0, "Not before that has passed, such as 90s", 0},
    {0},
};

struct arguments {
    struct gorctl *ctl;
    const struct gorctl_act *act;
    struct gorctl_selector selector;
    bool has_all;
    bool yes;
    const char *cause;
    int64_t delay_ns;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        if (arguments->act->options != NULL) {
            state->child_inputs[3] = arguments->act->arguments;
        }
        return 0;
    case 'y':
        arguments->yes = true;
        return 0;
    case KEY_DELAY:
        arguments->delay_ns = gorctl_option_duration(state, "--delay", arg);
        return 0;
    case KEY_CAUSE:
        arguments->cause = gorctl_option_cause(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (gorctl_selector_is_empty(&arguments->selector)) {
            argp_failure(
                state, GORCTL_EXIT_USAGE, 0, "which jobs? Name them%s say what they are like%s",
                arguments->has_all ? "," : ", or", arguments->has_all ? ", or say --all" : "");
        }
        if (arguments->selector.all && !arguments->has_all) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--all is not for this: say which jobs, such as --since today");
        }
        if (arguments->selector.all && arguments->selector.ids.count > 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "name jobs, or say --all; not both");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Say what became of one job; the exit code that comes of it. */
static int show_result(const struct gorctl *ctl, const struct gorctl_act *act,
                       const Gor__V1__ActResult *result)
{
    char *said = gorctl_fields_as_options(ctl->command, result->message);
    const char *text = said != NULL ? said : result->message;
    char *message = gorctl_text_escape(text, strlen(text));
    int code = GORCTL_EXIT_OK;
    switch (result->status) {
    case GOR__V1__ACT_RESULT__STATUS__DONE:
        if (!ctl->json) {
            printf("%" PRIu64 "  %s%s%s\n", result->id, act->done, message[0] != '\0' ? ": " : "",
                   message);
        }
        break;
    case GOR__V1__ACT_RESULT__STATUS__UNCHANGED:
        if (!ctl->json) {
            printf("%" PRIu64 "  %s\n", result->id, message);
        }
        break;
    case GOR__V1__ACT_RESULT__STATUS__REFUSED:
        gorctl_say("job %" PRIu64 ": %s", result->id, message);
        code = result->for_now ? GORCTL_EXIT_REFUSED : GORCTL_EXIT_USAGE;
        break;
    default:
        gorctl_say("there is no job %" PRIu64, result->id);
        code = GORCTL_EXIT_NOT_FOUND;
    }
    free(message);
    free(said);
    return code;
}

/* That nothing is left to do is what --all is for. */
static int nothing(const struct arguments *arguments, const struct gorctl_act *act)
{
    if (!gorctl_selector_is_all(&arguments->selector)) {
        return gorctl_selector_nothing(act->none != NULL);
    }
    fprintf(stderr, "%s\n", act->none);
    return GORCTL_EXIT_OK;
}

static int act_and_show(const struct arguments *arguments, const struct gorctl_act *act)
{
    Gor__V1__ActRequest request = GOR__V1__ACT_REQUEST__INIT;
    struct gorctl_selection selection = gorctl_selector_select(&arguments->selector, true);
    request.ids = selection.ids;
    request.n_ids = selection.count;
    request.all = selection.all;
    request.selector = selection.message;
    request.delay_ns = arguments->delay_ns;
    if (arguments->cause != NULL) {
        request.cause = (char *)arguments->cause;
    }
    const ProtobufCMessage *whole = &request.base;
    int code =
        act->request != NULL ? act->request(act->arguments, &request, &whole) : GORCTL_EXIT_OK;
    if (code != GORCTL_EXIT_OK) {
        gorctl_selection_fini(&selection);
        return code;
    }
    struct gorctl_call call = {.path = act->path,
                               .request = whole,
                               .reply = &gor__v1__act_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message;
    code = gorctl_call(arguments->ctl, &call, NULL, &message);
    gorctl_selection_fini(&selection);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__ActReply *reply = (const Gor__V1__ActReply *)message;
    if (arguments->ctl->json) {
        gorctl_json_show(message);
    }
    for (size_t i = 0; i < reply->n_results; i++) {
        int of_this = show_result(arguments->ctl, act, reply->results[i]);
        code = code == GORCTL_EXIT_OK ? of_this : code;
    }
    if (reply->n_results == 0) {
        code = nothing(arguments, act);
    }
    wire_decoded_free(message);
    return code;
}

/* Of those that are chosen by what they are like. */
static void leave_out_live(struct gorctl_selector *selector)
{
    if (selector->ids.count == 0 && selector->state_count == 0) {
        selector->states[selector->state_count++] = GOR__V1__JOB_STATE__TERMINATED;
    }
}

int gorctl_act_run(struct gorctl *ctl, int argc, char **argv, const struct gorctl_act *act)
{
    /* Without options of its own the list ends where they would be. */
    const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                          {&gorctl_format_argp, 0, NULL, 0},
                                          {&gorctl_selector_argp, 0, "Which jobs:", 2},
                                          {act->options, 0, NULL, 1},
                                          {0}};
    struct argp argp = {.options = act->confirm != NULL ? options_with_yes
                                   : act->delays        ? options_with_delay
                                                        : options,
                        .parser = parse,
                        .args_doc = act->none != NULL ? "ID...\n--all" : "ID...",
                        .doc = act->doc,
                        .children = children};
    struct arguments arguments = {.ctl = ctl, .act = act, .has_all = act->none != NULL};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (act->ended) {
        leave_out_live(&arguments.selector);
    }
    int code = arguments.yes || act->confirm == NULL
                   ? GORCTL_EXIT_OK
                   : gorctl_selector_confirm(ctl, &arguments.selector, act->confirm, !act->ended);
    code = code != GORCTL_EXIT_OK ? code : act_and_show(&arguments, act);
    gorctl_selector_fini(&arguments.selector);
    return code;
}
