/* SPDX-License-Identifier: MIT */
/* cmd_completion.c - `gorctl completion`: the script by which a shell completes our words. */
#include <stdio.h>
#include <string.h>

#include "client/completion.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/shells.h"

static const char doc[] =
    "Print what makes a shell complete the words of gorctl: commands, options, and what the daemon "
    "has now, as ids of jobs and queues. Installed from a package it is in its place already.\v"
    "Examples:\n"
    "  source <(gorctl completion bash)        # in ~/.bashrc\n"
    "  source <(gorctl completion zsh)         # in ~/.zshrc, after compinit\n"
    "  gorctl completion fish | source         # in ~/.config/fish/config.fish\n"
    "\n"
    "A daemon that does not answer within 300ms ($GOR_COMPLETE_TIMEOUT) adds nothing.\n";

struct arguments {
    struct gorctl *ctl;
    const struct gorctl_shell *shell;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_completion_offer(arguments->ctl, state);
        return 0;
    case ARGP_KEY_ARG:
        for (const struct gorctl_shell *shell = gorctl_shells; shell->name != NULL; shell++) {
            if (strcmp(arg, shell->name) == 0 && state->arg_num == 0) {
                arguments->shell = shell;
                return 0;
            }
        }
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not bash, zsh or fish", arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "for which shell? bash, zsh or fish");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int gorctl_cmd_completion(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse, .args_doc = "bash|zsh|fish", .doc = doc};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    fwrite(arguments.shell->begin, 1, (size_t)(arguments.shell->end - arguments.shell->begin),
           stdout);
    return GORCTL_EXIT_OK;
}
