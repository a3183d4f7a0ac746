/* SPDX-License-Identifier: MIT */
/* cmd_logs.c - `gorctl logs`: what a job wrote, so far or until it ends. */
#include <stdbool.h>
#include <stdint.h>

#include "client/exits.h"
#include "client/follow.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/selector.h"

enum { KEY_STDOUT = 0x3000, KEY_STDERR, KEY_RAW, KEY_OFFSET, KEY_FROM };

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "Go on until the job has ended, and end with its exit code", 0},
    {"stdout", KEY_STDOUT, NULL, 0, "Only what it wrote to stdout", 0},
    {"stderr", KEY_STDERR, NULL, 0, "Only what it wrote to stderr; it comes out on our stdout", 0},
    {"raw", KEY_RAW, NULL, 0, "Do not make the output safe for a terminal", 0},
    {"lines", 'n', "N", 0, "Begin with the last N lines of what is there", 0},
    {"from", KEY_FROM, "TIME", 0,
     "Begin with what was written at TIME or later (10m, today, 2026-03-01 12:30)", 0},
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
    "  gorctl logs -n 10 -f 12\n"
    "  gorctl logs --from 10m 12\n"
    "  gorctl logs --name backup --since today\n"
    "  gorctl logs --stderr 12 | less\n"
    "  gorctl logs --json 12 | jq -r 'select(.stream == \"STDERR\") | .at_ns'\n";

struct arguments {
    struct gorctl *ctl;
    bool no_lines; /* only what is written from now on */
    struct gorctl_follow follow;
    struct gorctl_selector selector;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct gorctl_follow *follow = &arguments->follow;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
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
    case 'n':
        follow->lines = gorctl_option_number(state, "--lines", arg);
        arguments->no_lines = follow->lines == 0;
        return 0;
    case KEY_FROM:
        follow->since_ns = gorctl_option_time(state, "--from", arg);
        return 0;
    case KEY_OFFSET:
        follow->offset = gorctl_option_number(state, "--offset", arg);
        return 0;
    case ARGP_KEY_END:
        if (follow->offset != 0 && (follow->lines != 0 || follow->since_ns != 0)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--offset says where to begin; --lines and --from do not go with it");
        }
        if (arguments->no_lines) {
            follow->since_ns =
                INT64_MAX; /* nothing that is there; what comes is told all the same */
        }
        if (gorctl_selector_is_empty(&arguments->selector)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "whose output? `gorctl ls -a` lists the jobs");
        }
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
                                     .children = gorctl_selector_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.follow.only_stdout && arguments.follow.only_stderr) {
        /* Both "only"s together mean everything. */
        arguments.follow.only_stdout = arguments.follow.only_stderr = false;
    }
    int code = gorctl_selector_one(ctl, &arguments.selector, &arguments.follow.id);
    gorctl_selector_fini(&arguments.selector);
    code = code != GORCTL_EXIT_OK ? code : gorctl_follow(ctl, &arguments.follow);
    if (code == GORCTL_EXIT_OK && arguments.follow.follow) {
        code = gorctl_await_code(ctl, arguments.follow.id);
    }
    return code;
}
