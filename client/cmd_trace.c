/* SPDX-License-Identifier: MIT */
/* cmd_trace.c - `gorctl trace`: what the daemon's scheduler does, event by event, for Perfetto. */
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/inspect.h"
#include "client/options.h"

static const struct argp_option options[] = {
    {"for", 'f', "TIME", 0, "Trace for so long; 10s without it, an hour at most", 0},
    {"output", 'o', "FILE", 0, "Write to FILE; - for stdout", 0},
    {0},
};

static const char doc[] =
    "What the daemon's scheduler does, event by event: which goroutine runs on which processor and "
    "thread, what it stops for, who wakes it. The file is opened at https://ui.perfetto.dev, which "
    "keeps it in the browser.\n"
    "\n"
    "Goroutines of jobs have the job's id in their names.\v"
    "Examples:\n"
    "  gorctl trace --for 5s -o gord.pftrace\n"
    "  gorctl -H tls://build1:7070 trace\n"
    "\n"
    "Without -o, and on a terminal, the file gets a name of its own.\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_inspection inspection;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    return gorctl_inspection_parse(key, arg, state, arguments->ctl, &arguments->inspection);
}

int gorctl_cmd_trace(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl,
                                  .inspection = {.request = GOR__V1__INSPECT_REQUEST__INIT,
                                                 .suffix = ".pftrace",
                                                 .hint = "https://ui.perfetto.dev, which opens"}};
    arguments.inspection.request.kind = GOR__V1__INSPECT_REQUEST__KIND__TRACE;
    arguments.inspection.request.duration_ns = GORCTL_WATCH_NS;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    return gorctl_inspect(ctl, &arguments.inspection);
}
