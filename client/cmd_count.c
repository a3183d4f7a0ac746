/* SPDX-License-Identifier: MIT */
/* cmd_count.c - `gorctl count`: how many jobs there are, by state and outcome. */
#include <inttypes.h>
#include <stdio.h>

#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/screen.h"
#include "client/selector.h"

static const char doc[] =
    "How many jobs there are, by state; those that have ended by how they ended.\v"
    "Without a word about which jobs the numbers come from counters, at once; else the\n"
    "jobs are looked at.\n"
    "\n"
    "Examples:\n"
    "  gorctl count\n"
    "  gorctl count -l team=x --since today\n"
    "  gorctl count --json --outcome failed | jq .total\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    if (key != ARGP_KEY_INIT) {
        return ARGP_ERR_UNKNOWN;
    }
    gorctl_options_share(state, arguments->ctl, 2);
    state->child_inputs[2] = &arguments->selector;
    return 0;
}

static void show_line(const char *what, uint64_t count)
{
    printf("%-17s  %10" PRIu64 "\n", what, count);
}

static void show(const Gor__V1__CountReply *reply)
{
    for (int state = GOR__V1__JOB_STATE__CREATED; state < GOR__V1__JOB_STATE__TERMINATED; state++) {
        for (size_t i = 0; i < reply->n_states; i++) {
            if (reply->states[i]->state == (Gor__V1__JobState)state) {
                show_line(gorctl_state_word(reply->states[i]->state), reply->states[i]->count);
            }
        }
    }
    for (size_t i = 0; i < reply->n_outcomes; i++) {
        show_line(gorctl_outcome_word(reply->outcomes[i]->outcome), reply->outcomes[i]->count);
    }
    show_line("total", reply->total);
}

int gorctl_cmd_count(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse, .args_doc = "[ID...]", .doc = doc, .children = gorctl_selector_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__CountReply *reply;
    int code = gorctl_selector_count(ctl, &arguments.selector, false, &reply);
    if (code == GORCTL_EXIT_OK) {
        if (ctl->json) {
            gorctl_json_show(&reply->base);
        } else {
            show(reply);
        }
        gor__v1__count_reply__free_unpacked(reply, NULL);
    }
    gorctl_selector_fini(&arguments.selector);
    return code;
}
