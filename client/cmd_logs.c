/* SPDX-License-Identifier: MIT */
/* cmd_logs.c - `gorctl logs`: what a job wrote, so far or until it ends. */
#include <stdbool.h>
#include <stdint.h>

#include "client/exits.h"
#include "client/follow.h"
#include "client/gorctl.h"
#include "client/options.h"

enum { KEY_STDOUT = 0x3000, KEY_STDERR, KEY_RAW, KEY_OFFSET };

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "Go on until the job has ended, and end with its exit code", 0},
    {"stdout", KEY_STDOUT, NULL, 0, "Only what it wrote to stdout", 0},
    {"stderr", KEY_STDERR, NULL, 0, "Only what it wrote to stderr; it comes out on our stdout", 0},
    {"raw", KEY_RAW, NULL, 0, "Do not make the output safe for a terminal", 0},
    {"offset", KEY_OFFSET, "N", 0, "Begin at a next_offset that --json told", 0},
    {0},
};

static const char doc[] =
    "What a job wrote: its stdout comes out on stdout, its stderr on stderr.\v"
    "On a terminal, control characters other than colours are shown as \\x1b and\n"
    "the like; into a pipe or a file go the very bytes.\n"
    "\n"
    "Examples:\n"
    "  gorctl logs 12\n"
    "  gorctl logs -f 12\n"
    "  gorctl logs --stderr 12 | less\n"
    "  gorctl logs --json 12 | jq -r 'select(.stream == \"STDERR\") | .at_ns'\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_follow follow;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct gorctl_follow *follow = &arguments->follow;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case 'f':
        follow->follow = true;
        return 0;
    case KEY_STDOUT:
        follow->only_stdout = true;
        return 0;
    case KEY_STDERR:
        follow->only_stderr = true;
        return 0;
    case KEY_RAW:
        follow->raw = true;
        return 0;
    case KEY_OFFSET:
        follow->offset = gorctl_option_number(state, "--offset", arg);
        return 0;
    case ARGP_KEY_ARG:
        follow->id = gorctl_option_job(state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "whose output? `gorctl ls -a` lists the jobs");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int gorctl_cmd_logs(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "ID",
                                     .doc = doc,
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.follow.only_stdout && arguments.follow.only_stderr) {
        /* Both "only"s together mean everything. */
        arguments.follow.only_stdout = arguments.follow.only_stderr = false;
    }
    int code = gorctl_follow(ctl, &arguments.follow);
    if (code == GORCTL_EXIT_OK && arguments.follow.follow) {
        code = gorctl_await_code(ctl, arguments.follow.id);
    }
    return code;
}
