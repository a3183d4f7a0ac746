/* SPDX-License-Identifier: MIT */
/* cmd_history.c - `gorctl history`: jobs that have ended. */
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/list.h"
#include "client/options.h"

static const char doc[] =
    "List jobs that have ended, newest first: how, when, how long they took, and why.\v"
    "Examples:\n"
    "  gorctl history -n 10\n"
    "  gorctl history --outcome failed,timed-out --since today\n"
    "  gorctl history --before 1200\n"
    "  gorctl history --long --name build\n"
    "  gorctl history -o id,outcome,user,system,memory,command\n"
    "  gorctl history -n 0 --json > history.json\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_list list;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->list;
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "'%s' is not expected here; `gorctl show ID` tells about one job", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int gorctl_cmd_history(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 0},
                                                 {&gorctl_list_argp, 0, NULL, 1},
                                                 {0}};
    static const struct argp argp = {.parser = parse, .doc = doc, .children = children};
    struct arguments arguments = {.ctl = ctl,
                                  .list = {.most = 50, .columns = gorctl_columns_ended}};
    arguments.list.states[0] = GOR__V1__JOB_STATE__TERMINATED;
    arguments.list.state_count = 1;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    return gorctl_list_show(ctl, &arguments.list);
}
