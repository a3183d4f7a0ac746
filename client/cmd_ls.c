/* SPDX-License-Identifier: MIT */
/* cmd_ls.c - `gorctl ls`: jobs that have not ended, or all of them. */
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/list.h"
#include "client/options.h"

static const char doc[] =
    "List jobs, newest first: those that have not ended, with the reason why they wait. With "
    "ids, --all, --state or what only jobs that have ended can have, those as well.\v"
    "Examples:\n"
    "  gorctl ls\n"
    "  gorctl ls -a --name backup --since yesterday\n"
    "  gorctl ls --state runnable,waiting\n"
    "  gorctl ls -l team=x --mine\n"
    "  gorctl ls --format '{id}\\t{spec.queue}\\t{spec.name}\\n'\n"
    "  gorctl ls --json | jq -r '.jobs[] | [.id, .state, .reason] | @tsv'\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_list list;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->list;
        state->child_inputs[3] = &arguments->list.selector;
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
                                                 {&gorctl_selector_argp, 0, "Which jobs:", 1},
                                                 {0}};
    static const struct argp argp = {
        .parser = parse, .args_doc = "[ID...]", .doc = doc, .children = children};
    struct arguments arguments = {.ctl = ctl,
                                  .list = {.most = 50,
                                           .columns = gorctl_columns_live,
                                           .format = {ctl, &gor__v1__job__descriptor, NULL}}};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct gorctl_selector *selector = &arguments.list.selector;
    bool chosen = selector->all || selector->ids.count > 0 || selector->state_count > 0 ||
                  selector->outcome_count > 0 || selector->exit_code_count > 0 ||
                  selector->ended_since_ns != 0 || selector->ended_until_ns != 0;
    for (size_t i = 0; !chosen && i < sizeof(live) / sizeof(live[0]); i++) {
        selector->states[selector->state_count++] = live[i];
    }
    int code = gorctl_list_show(ctl, &arguments.list);
    gorctl_template_free(arguments.list.format.chosen);
    gorctl_selector_fini(selector);
    return code;
}
