/* SPDX-License-Identifier: MIT */
/* cmd_gomaxprocs.c - `gorctl gomaxprocs`: how many goroutines of the daemon run at once. */
#include <inttypes.h>
#include <stdio.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "gor/v1/runtime.pb-c.h"

static const char doc[] =
    "Show GOMAXPROCS of the daemon's runtime, or set it to N: how many goroutines run at the same "
    "time. It is the number of CPUs unless somebody said otherwise.\v"
    "Examples:\n"
    "  gorctl gomaxprocs\n"
    "  gorctl gomaxprocs 4\n"
    "  gorctl gomaxprocs --json | jq .num_cpu\n";

struct arguments {
    struct gorctl *ctl;
    uint64_t value; /* 0: only show */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case ARGP_KEY_ARG:
        arguments->value = gorctl_option_number(state, "N", arg);
        if (state->arg_num > 0 || arguments->value < 1 || arguments->value > 1024) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "N is one number from 1 to 1024");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void show(const ProtobufCMessage *message, void *arg)
{
    (void)arg;
    printf("%" PRIu32 "\n", ((const Gor__V1__Gomaxprocs *)message)->value);
}

static void show_set(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__Gomaxprocs *reply = (const Gor__V1__Gomaxprocs *)message;
    show(message, arg);
    (void)fflush(stdout);
    fprintf(stderr, "It was %" PRIu32 "; the machine has %" PRIu32 " CPUs for the daemon.\n",
            reply->former, reply->num_cpu);
}

int gorctl_cmd_gomaxprocs(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse, .args_doc = "[N]", .doc = doc, .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__GetGomaxprocsRequest get = GOR__V1__GET_GOMAXPROCS_REQUEST__INIT;
    Gor__V1__SetGomaxprocsRequest set = GOR__V1__SET_GOMAXPROCS_REQUEST__INIT;
    set.value = (uint32_t)arguments.value;
    bool setting = arguments.value != 0;
    struct gorctl_call call = {.path = setting ? "/gor.v1.Runtime/SetGomaxprocs"
                                               : "/gor.v1.Runtime/GetGomaxprocs",
                               .request = setting ? &set.base : &get.base,
                               .reply = &gor__v1__gomaxprocs__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, setting ? show_set : show, NULL);
}
