/* SPDX-License-Identifier: MIT */
/* cmd_drain.c - `gorctl drain` and `gorctl undrain`: whether new jobs are taken. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/screen.h"
#include "gor/v1/jobs.pb-c.h"

enum { KEY_CAUSE = 0x3000 };

static const struct argp_option options[] = {
    {"wait", 'w', NULL, 0, "Until nothing is queued or runs any more", 0},
    {"cause", KEY_CAUSE, "TEXT", 0, "Why, for those whose jobs are refused", 0},
    {0},
};

static const char doc[] =
    "Take no new jobs. Those that are there go on, and may submit others below them; those that "
    "are "
    "held or for later stay. It holds until `gorctl undrain`, or a restart of the daemon.\v"
    "Examples:\n"
    "  gorctl drain --wait --cause 'new disks' && systemctl stop gord\n";

struct arguments {
    struct gorctl *ctl;
    const char *cause;
    bool wait;
    bool terminal;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case 'w':
        arguments->wait = true;
        return 0;
    case KEY_CAUSE:
        arguments->cause = gorctl_option_cause(state, arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected: this is about all jobs",
                     arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* On a terminal one line that changes, else a line each. */
static bool on_status(const ProtobufCMessage *message, void *user)
{
    const struct arguments *arguments = user;
    const Gor__V1__DrainStatus *status = (const Gor__V1__DrainStatus *)message;
    if (arguments->ctl->json) {
        gorctl_json_print(stdout, gorctl_json_message(message), false);
    } else {
        printf("%sno new jobs are taken; %" PRIu64 " running, %" PRIu64 " queued, %" PRIu64
               " held or for later%s",
               arguments->terminal ? "\r\x1b[K" : "", status->running, status->queued,
               status->created, arguments->terminal ? "" : "\n");
    }
    return fflush(stdout) == 0;
}

int gorctl_cmd_drain(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__DrainRequest request = GOR__V1__DRAIN_REQUEST__INIT;
    request.follow = arguments.wait;
    if (arguments.cause != NULL) {
        request.cause = (char *)arguments.cause;
    }
    arguments.terminal = gorctl_screen_of(STDOUT_FILENO).terminal && !ctl->json;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Drain",
                               .request = &request.base,
                               .reply = &gor__v1__drain_status__descriptor};
    int code = gorctl_stream(ctl, &call, on_status, &arguments);
    if (arguments.terminal) {
        putchar('\n');
    }
    return code;
}

static error_t parse_undrain(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, state->input, 2);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected here", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void show_undrained(const ProtobufCMessage *reply, void *arg)
{
    (void)arg;
    puts(((const Gor__V1__UndrainReply *)reply)->was_drained
             ? "new jobs are taken again"
             : "new jobs were taken already: nobody had drained the daemon");
}

int gorctl_cmd_undrain(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse_undrain,
                                     .doc = "Take new jobs again after `gorctl drain`.",
                                     .children = gorctl_read_children};
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    Gor__V1__UndrainRequest request = GOR__V1__UNDRAIN_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Undrain",
                               .request = &request.base,
                               .reply = &gor__v1__undrain_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, show_undrained, NULL);
}
