/* SPDX-License-Identifier: MIT */
/* cmd_why.c - `gorctl why`: the one reason why a job does not run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/rest.h"
#include "client/selector.h"
#include "client/text.h"
#include "client/when.h"
#include "gor/v1/jobs.pb-c.h"

static const char doc[] =
    "Tell why a job does not run: what it lacks, how much of that there is, and "
    "who is before it.\v"
    "Examples:\n"
    "  gorctl why 12\n"
    "  gorctl why -q build --name nightly --state runnable\n"
    "  gorctl why --json 12 | jq .before_id\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        return 0;
    case ARGP_KEY_END:
        if (gorctl_selector_is_empty(&arguments->selector)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "of which job? `gorctl ls` lists them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void show_deadline(const Gor__V1__WhyReply *reply)
{
    char text[GORCTL_WHEN_ROOM];
    gorctl_time_exact(reply->deadline_ns, text);
    if (reply->deadline_of != 0) {
        printf("it must be over by %s, the deadline of job %" PRIu64 "\n", text,
               reply->deadline_of);
    } else {
        printf("it must be over by %s\n", text);
    }
}

static void show(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__WhyReply *reply = (const Gor__V1__WhyReply *)message;
    uint64_t id = *(const uint64_t *)arg;
    static const char *const states[] = {"is in no state", "is not queued yet", "is queued", "runs",
                                         "waits",          "has ended"};
    size_t state = (size_t)reply->state < sizeof(states) / sizeof(states[0]) ? reply->state : 0;
    char *text = gorctl_text_first_line(reply->text);
    if (text[0] != '\0') {
        printf("job %" PRIu64 " %s: %s\n", id, states[state], text);
    } else {
        printf("job %" PRIu64 " %s%s\n", id, states[state],
               state == GOR__V1__JOB_STATE__RUNNABLE ? "; nothing keeps it, it starts now" : "");
    }
    free(text);
    if (reply->deadline_ns != 0) {
        show_deadline(reply);
    }
    gorctl_rest_print(reply->text);
}

static int ask(struct gorctl *ctl, uint64_t id)
{
    Gor__V1__WhyRequest request = GOR__V1__WHY_REQUEST__INIT;
    request.id = id;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Why",
                               .request = &request.base,
                               .reply = &gor__v1__why_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, show, &id);
}

int gorctl_cmd_why(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 0},
                                                 {&gorctl_selector_argp, 0, "Which job:", 1},
                                                 {0}};
    static const struct argp argp = {
        .parser = parse, .args_doc = "ID", .doc = doc, .children = children};
    struct arguments arguments = {.ctl = ctl};
    uint64_t id;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = gorctl_selector_one(ctl, &arguments.selector, &id);
    gorctl_selector_fini(&arguments.selector);
    return code != GORCTL_EXIT_OK ? code : ask(ctl, id);
}
