/* SPDX-License-Identifier: MIT */
/* cmd_dump.c - `gorctl dump`: every goroutine of the daemon with its stack. */
#include <stdlib.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/inspect.h"
#include "client/options.h"

enum { OPTION_MIN_WAIT = 256 };

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "Write to FILE", 0},
    {"merge", 'm', NULL, 0, "Each stack once, with how many goroutines stand there", 0},
    {"state", 's', "STATE", 0, "Those that are runnable, running or waiting; may be repeated", 0},
    {"wait", 'w', "REASON", 0,
     "Those that wait for this: 'sleep', 'chan receive', ...; may be repeated", 0},
    {"name", 'n', "NAME", 0, "Those of this name, such as 'job 7'", 0},
    {"goroutine", 'g', "ID", 0, "This one", 0},
    {"min-wait", OPTION_MIN_WAIT, "DURATION", 0, "Those that have waited for as long", 0},
    {"limit", 'l', "N", 0, "N at most: goroutines, or with --merge stacks", 0},
    {0},
};

static const char doc[] = "Every goroutine of the daemon with its stack, in the form Go prints.\v"
                          "Examples:\n"
                          "  gorctl dump | less\n"
                          "  gorctl dump --merge --limit 10\n"
                          "  gorctl dump --wait 'chan receive' --min-wait 1m\n"
                          "  gorctl -H tls://build1:7070 dump -o build1.txt\n"
                          "\n"
                          "`gorctl goroutines` has them as a table, or as JSON.\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_inspection inspection;
    Gor__V1__DumpOptions filter;
};

/* One more in a list of the message's. */
static void append(char ***list, size_t *count, char *text)
{
    *list = gorctl_grow(*list, *count + 1, sizeof(**list));
    (*list)[(*count)++] = text;
}

static error_t parse_filter(int key, char *arg, struct argp_state *state,
                            Gor__V1__DumpOptions *filter)
{
    switch (key) {
    case 'm':
        filter->merged = true;
        return 0;
    case 's':
        append(&filter->states, &filter->n_states, arg);
        return 0;
    case 'w':
        append(&filter->wait_reasons, &filter->n_wait_reasons, arg);
        return 0;
    case 'n':
        filter->name = arg;
        return 0;
    case 'g':
        filter->goroutine = gorctl_option_number(state, "--goroutine", arg);
        if (filter->goroutine == 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--goroutine: there is no goroutine 0; they are numbered from 1");
        }
        return 0;
    case OPTION_MIN_WAIT:
        filter->min_wait_ns = gorctl_option_duration(state, "--min-wait", arg);
        return 0;
    case 'l':
        filter->limit = gorctl_option_number(state, "--limit", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    if (key == ARGP_KEY_ARG) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected here", arg);
        return 0;
    }
    error_t result = parse_filter(key, arg, state, &arguments->filter);
    return result != ARGP_ERR_UNKNOWN
               ? result
               : gorctl_inspection_parse(key, arg, state, arguments->ctl, &arguments->inspection);
}

int gorctl_cmd_dump(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl,
                                  .inspection = {.request = GOR__V1__INSPECT_REQUEST__INIT},
                                  .filter = GOR__V1__DUMP_OPTIONS__INIT};
    arguments.inspection.request.kind = GOR__V1__INSPECT_REQUEST__KIND__DUMP;
    arguments.inspection.request.dump = &arguments.filter;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = gorctl_inspect(ctl, &arguments.inspection);
    free(arguments.filter.states);
    free(arguments.filter.wait_reasons);
    return code;
}
