/* SPDX-License-Identifier: MIT */
/* cmd_history.c - `gorctl history`: jobs that have ended. */
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/list.h"
#include "client/options.h"

enum { KEY_ATTEMPTS = 0x3000 };

static const struct argp_option options[] = {
    {"attempts", KEY_ATTEMPTS, NULL, 0,
     "Show each run of a job by itself: how it ended, how long it took, and why", 1},
    {0},
};

static const char doc[] =
    "List jobs that have ended, newest first: how, when, how long they took, and why.\v"
    "Examples:\n"
    "  gorctl history -n 10\n"
    "  gorctl history --outcome bad --since today      # whatever failed\n"
    "  gorctl history -l team=x --exit-code 2,3 --ended-since 2h\n"
    "  gorctl history --before 1200\n"
    "  gorctl history --long --name build\n"
    "  gorctl history --attempts 12\n"
    "  gorctl history -o id,outcome,user,system,memory,command\n"
    "  gorctl history --format '{id} {exit_code} {use.user_ns}\\n'\n"
    "  gorctl history -n 0 --json > history.json\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_list list;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case KEY_ATTEMPTS:
        arguments->list.attempts = true;
        arguments->list.columns = gorctl_columns_runs;
        return 0;
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->list;
        state->child_inputs[3] = &arguments->list.selector;
        return 0;
    case ARGP_KEY_END:
        if (arguments->list.selector.state_count > 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--state: history is about jobs that have ended; use `gorctl ls`");
        }
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
                                                 {&gorctl_selector_argp, 0, "Which jobs:", 1},
                                                 {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "[ID...]",
                                     .doc = doc,
                                     .children = children};
    struct arguments arguments = {.ctl = ctl,
                                  .list = {.most = 50,
                                           .columns = gorctl_columns_ended,
                                           .format = {ctl, &gor__v1__job__descriptor, NULL}}};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct gorctl_selector *selector = &arguments.list.selector;
    selector->states[selector->state_count++] = GOR__V1__JOB_STATE__TERMINATED;
    int code = gorctl_list_show(ctl, &arguments.list);
    gorctl_template_free(arguments.list.format.chosen);
    gorctl_selector_fini(selector);
    return code;
}
