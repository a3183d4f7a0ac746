/* SPDX-License-Identifier: MIT */
/* cmd_signal.c - `gorctl signal`: send a signal to running jobs. */
#include "client/control.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/selector.h"
#include "client/signals.h"
#include "gor/v1/jobs.pb-c.h"

static const char doc[] =
    "Send a signal to the process group of running jobs. SIGNAL is a name (INT, SIGUSR1, RTMIN+1) "
    "or a number.\v"
    "It is kept in the history of each job. A job that ends by it has ended by\n"
    "that signal; to have a job end as cancelled there is `gorctl cancel`.\n"
    "CONT lets a job go on that was paused.\n"
    "\n"
    "Examples:\n"
    "  gorctl signal HUP 12\n"
    "  gorctl signal USR1 20-29\n"
    "  gorctl signal HUP --name server --mine\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
    int signal;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->signal != 0) {
            return ARGP_ERR_UNKNOWN; /* the selector's */
        }
        arguments->signal = gorctl_signal_parse(arg);
        if (arguments->signal < 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "'%s' is no signal; write a name such as INT, or a number from 1 to 64",
                         arg);
        }
        return 0;
    case ARGP_KEY_END:
        if (arguments->signal == 0 || gorctl_selector_is_empty(&arguments->selector)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "which signal to which jobs? `gorctl signal INT 12`");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int gorctl_cmd_signal(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse,
                                     .args_doc = "SIGNAL ID...",
                                     .doc = doc,
                                     .children = gorctl_selector_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__SignalRequest request = GOR__V1__SIGNAL_REQUEST__INIT;
    struct gorctl_selection selection = gorctl_selector_select(&arguments.selector, false);
    struct gorctl_control control = {
        .path = "/gor.v1.Jobs/Signal", .request = &request.base, .done = "signal sent"};
    request.signal = arguments.signal;
    request.ids = selection.ids;
    request.n_ids = selection.count;
    request.selector = selection.message;
    int code = gorctl_control(ctl, &control);
    gorctl_selection_fini(&selection);
    gorctl_selector_fini(&arguments.selector);
    return code;
}
