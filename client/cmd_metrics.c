/* SPDX-License-Identifier: MIT */
/* cmd_metrics.c - `gorctl metrics`: what the daemon tells of itself, for Prometheus. */
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/inspect.h"
#include "client/options.h"

static const struct argp_option options[] = {
    {"output", 'o', "FILE", 0, "Write to FILE", 0},
    {0},
};

static const char doc[] =
    "Metrics of the daemon, its jobs and its runtime, in Prometheus' text format.\v"
    "Examples:\n"
    "  gorctl metrics | grep gord_jobs\n"
    "  gorctl metrics -o /var/lib/prometheus/node-exporter/gord.prom\n"
    "\n"
    "The second is for the textfile collector of the node exporter, which needs no port of "
    "gord's;\n"
    "gord --metrics-listen serves the same over HTTP.\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_inspection inspection;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    if (key == ARGP_KEY_ARG) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected here", arg);
        return 0;
    }
    return gorctl_inspection_parse(key, arg, state, arguments->ctl, &arguments->inspection);
}

int gorctl_cmd_metrics(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl,
                                  .inspection = {.request = GOR__V1__INSPECT_REQUEST__INIT}};
    arguments.inspection.request.kind = GOR__V1__INSPECT_REQUEST__KIND__METRICS;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    return gorctl_inspect(ctl, &arguments.inspection);
}
