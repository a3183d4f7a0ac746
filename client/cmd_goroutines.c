/* SPDX-License-Identifier: MIT */
/* cmd_goroutines.c - `gorctl goroutines`: every goroutine of the daemon, and where it waits. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/screen.h"
#include "client/table.h"
#include "client/when.h"
#include "gor/v1/runtime.pb-c.h"

static const char doc[] =
    "Every goroutine of the daemon: its state, what it waits for and since when, its function and "
    "its stack.\v"
    "Examples:\n"
    "  gorctl goroutines\n"
    "  gorctl goroutines --json | jq -r .wait_reason | sort | uniq -c\n"
    "\n"
    "With --json, each goroutine is one line. `gorctl dump` shows their stacks as text.\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_screen screen;
    struct gorctl_table *table;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected here", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void add_row(struct gorctl_table *table, const Gor__V1__Goroutine *goroutine)
{
    char text[GORCTL_WHEN_ROOM];
    snprintf(text, sizeof(text), "%" PRIu64, goroutine->id);
    gorctl_table_cell(table, text, NULL);
    gorctl_table_text(table, goroutine->state);
    gorctl_table_text(table, goroutine->wait_reason);
    if (goroutine->waiting_ns > 0) {
        gorctl_duration_text(goroutine->waiting_ns, text);
    } else {
        strcpy(text, "-");
    }
    gorctl_table_cell(table, text, NULL);
    gorctl_table_text(table, goroutine->name);
    gorctl_table_text(table, goroutine->function);
    gorctl_bytes_text(goroutine->stack_used_bytes, text);
    gorctl_table_cell(table, text, NULL);
}

static bool on_reply(const ProtobufCMessage *message, void *user)
{
    const struct arguments *arguments = user;
    const Gor__V1__GoroutinesReply *reply = (const Gor__V1__GoroutinesReply *)message;
    for (size_t i = 0; i < reply->n_goroutines; i++) {
        if (arguments->ctl->json) {
            gorctl_json_print(stdout, gorctl_json_message(&reply->goroutines[i]->base), false);
        } else {
            add_row(arguments->table, reply->goroutines[i]);
        }
    }
    if (!arguments->ctl->json) {
        gorctl_table_print(arguments->table, stdout, arguments->screen.width,
                           arguments->screen.colour);
    }
    return fflush(stdout) == 0;
}

int gorctl_cmd_goroutines(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_column columns[] = {
        {"ID", true, false},    {"STATE", false, false}, {"WAITS FOR", false, true},
        {"SINCE", true, false}, {"NAME", false, true},   {"FUNCTION", false, true},
        {"STACK", true, false}};
    static const struct argp argp = {.parser = parse, .doc = doc, .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl, .screen = gorctl_screen_of(STDOUT_FILENO)};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    arguments.table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    Gor__V1__GoroutinesRequest request = GOR__V1__GOROUTINES_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Runtime/Goroutines",
                               .request = &request.base,
                               .reply = &gor__v1__goroutines_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    int code = gorctl_stream(ctl, &call, on_reply, &arguments);
    gorctl_table_free(arguments.table);
    return code;
}
