/* SPDX-License-Identifier: MIT */
/* cmd_profile.c - `gorctl profile`: profiles of the daemon's goroutines, in pprof's form. */
#include <stdio.h>
#include <string.h>

#include "client/exits.h"
#include "client/gorctl.h"
#include "client/inspect.h"
#include "client/options.h"

static const struct argp_option options[] = {
    {"for", 'f', "TIME", 0, "Watch for so long; 10s without it, an hour at most", 0},
    {"output", 'o', "FILE", 0, "Write to FILE; - for stdout", 0},
    {0},
};

static const char doc[] =
    "A profile of the daemon, for `go tool pprof` and whatever else reads "
    "its form. KIND is one of\n"
    "\n"
    "  cpu        where CPU time goes: watches for a while\n"
    "  block      where goroutines wait for others: likewise\n"
    "  mutex      who keeps others waiting by a lock: likewise\n"
    "  goroutine  where all goroutines are now\n"
    "\n"
    "Samples of cpu and goroutine have the label \"job\": the id of the job they belong to.\v"
    "Examples:\n"
    "  gorctl profile cpu --for 30s -o cpu.pb.gz\n"
    "  gorctl profile goroutine | go tool pprof -top /dev/stdin\n"
    "  gorctl -H tls://build1:7070 profile cpu\n"
    "\n"
    "Without -o, and on a terminal, the file gets a name of its own.\n";

static const struct profile {
    const char *name;
    Gor__V1__InspectRequest__Kind kind;
    const char *suffix;
    bool watches;
} profiles[] = {
    {"cpu", GOR__V1__INSPECT_REQUEST__KIND__CPU_PROFILE, ".cpu.pb.gz", true},
    {"block", GOR__V1__INSPECT_REQUEST__KIND__BLOCK_PROFILE, ".block.pb.gz", true},
    {"mutex", GOR__V1__INSPECT_REQUEST__KIND__MUTEX_PROFILE, ".mutex.pb.gz", true},
    {"goroutine", GOR__V1__INSPECT_REQUEST__KIND__GOROUTINE_PROFILE, ".goroutine.pb.gz", false},
};

struct arguments {
    struct gorctl *ctl;
    const struct profile *profile;
    struct gorctl_inspection inspection; /* its duration is 0 while none was told */
};

static const struct profile *find_profile(const char *name)
{
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

static void check_whole(struct argp_state *state, const struct arguments *arguments)
{
    if (arguments->profile == NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "which profile: cpu, block, mutex or goroutine?");
    } else if (arguments->inspection.request.duration_ns != 0 && !arguments->profile->watches) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--for: a %s profile is of one moment",
                     arguments->profile->name);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (arguments->profile != NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "one profile at a time");
        }
        arguments->profile = find_profile(arg);
        if (arguments->profile == NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "'%s' is no profile; cpu, block, mutex and goroutine are", arg);
        }
        return 0;
    case ARGP_KEY_END:
        check_whole(state, arguments);
        return 0;
    default:
        return gorctl_inspection_parse(key, arg, state, arguments->ctl, &arguments->inspection);
    }
}

int gorctl_cmd_profile(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "KIND",
                                     .doc = doc,
                                     .children = gorctl_connection_children};
    struct arguments arguments = {
        .ctl = ctl,
        .inspection = {.request = GOR__V1__INSPECT_REQUEST__INIT, .hint = "go tool pprof"}};
    struct gorctl_inspection *inspection = &arguments.inspection;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    inspection->suffix = arguments.profile->suffix;
    inspection->request.kind = arguments.profile->kind;
    if (arguments.profile->watches && inspection->request.duration_ns == 0) {
        inspection->request.duration_ns = GORCTL_WATCH_NS;
    }
    return gorctl_inspect(ctl, inspection);
}
