/* SPDX-License-Identifier: MIT */
/* cmd_ls.c - `gorctl ls`: jobs that have not ended, or all of them. */
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/list.h"
#include "client/options.h"

enum { KEY_STATE = 0x3000 };

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Jobs that have ended as well", 0},
    {"state", KEY_STATE, "LIST", 0,
     "Only jobs in these states: created, runnable, running, waiting, terminated", 2},
    {0},
};

static const char doc[] =
    "List jobs, newest first: those that have not ended, with the reason why they wait.\v"
    "Examples:\n"
    "  gorctl ls\n"
    "  gorctl ls -a --name backup --since yesterday\n"
    "  gorctl ls --state runnable,waiting\n"
    "  gorctl ls --json | jq -r '.jobs[] | [.id, .state, .reason] | @tsv'\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_list list;
    bool all;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->list;
        return 0;
    case 'a':
        arguments->all = true;
        return 0;
    case KEY_STATE:
        gorctl_list_add_states(state, &arguments->list, arg);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "'%s' is not expected here; `gorctl show ID` tells about one job", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int gorctl_cmd_ls(struct gorctl *ctl, int argc, char **argv)
{
    static const Gor__V1__JobState live[] = {
        GOR__V1__JOB_STATE__CREATED, GOR__V1__JOB_STATE__RUNNABLE, GOR__V1__JOB_STATE__RUNNING,
        GOR__V1__JOB_STATE__WAITING};
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 0},
                                                 {&gorctl_list_argp, 0, NULL, 1},
                                                 {0}};
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = children};
    struct arguments arguments = {.ctl = ctl, .list = {.most = 50, .columns = gorctl_columns_live}};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct gorctl_list *list = &arguments.list;
    bool chosen = arguments.all || list->state_count > 0 || list->outcome_count > 0;
    for (size_t i = 0; !chosen && i < sizeof(live) / sizeof(live[0]); i++) {
        list->states[list->state_count++] = live[i];
    }
    return gorctl_list_show(ctl, list);
}
