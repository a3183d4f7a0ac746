/* SPDX-License-Identifier: MIT */
/* cmd_queue.c - `gorctl queue`, `gorctl pool` and `gorctl rate`: make, change, remove, list. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/queues.h"
#include "client/rate.h"
#include "client/shares.h"
#include "client/text.h"
#include "gor/v1/queues.pb-c.h"

enum verb { NONE, CREATE, SET, REMOVE, LIST };

struct arguments;

/* Where the three differ. */
struct noun {
    const char *amount; /* "slots" */
    bool needs_amount;  /* to be made */
    enum gorctl_queues list;
    const char *remove_path;
    const ProtobufCMessageDescriptor *remove_reply;
    int (*set)(struct arguments *arguments, Gor__V1__SetMode mode);
};

struct arguments {
    struct gorctl *ctl;
    const struct noun *noun;
    enum verb verb;
    const char *name;
    const char *amount; /* slots, tokens, or how often */
    Gor__V1__RateLimit limit;
    bool has_rate; /* a queue's */
    bool has_burst;
    const char *fair; /* whose jobs take turns; NULL: as it is */
    struct gorctl_shares shares;
};

static enum verb verb_of(struct argp_state *state, const char *text)
{
    static const struct {
        const char *name;
        enum verb verb;
    } verbs[] = {{"create", CREATE}, {"set", SET}, {"rm", REMOVE}, {"ls", LIST}};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(text, verbs[i].name) == 0) {
            return verbs[i].verb;
        }
    }
    argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not create, set, rm or ls", text);
    return NONE;
}

static void check_end(const struct arguments *arguments, struct argp_state *state)
{
    bool wants_amount = (arguments->verb == SET && !arguments->has_rate &&
                         arguments->fair == NULL && arguments->shares.count == 0) ||
                        (arguments->verb == CREATE && arguments->noun->needs_amount);
    if (arguments->verb == NONE) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "say create, set, rm or ls");
    } else if (arguments->verb != LIST && arguments->name == NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "give the name");
    } else if (wants_amount && arguments->amount == NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "give %s", arguments->noun->amount);
    } else if (arguments->verb == LIST && arguments->name != NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected: it lists all",
                     arguments->name);
    } else if (arguments->verb == REMOVE && arguments->amount != NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected: one at a time",
                     arguments->amount);
    } else if (arguments->has_burst && arguments->noun->list == GORCTL_QUEUES &&
               !arguments->has_rate) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--burst goes with --rate");
    }
}

enum { KEY_RATE = 0x3200, KEY_BURST, KEY_FAIR, KEY_SHARE };

static void read_rate(struct arguments *arguments, const char *text, struct argp_state *state)
{
    if (gorctl_rate_parse(text, &arguments->limit) != 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "'%s' is no rate: 1 to 1000000, a slash, and s, m, h or d, as 10/s or 3/10m",
                     text);
    }
}

/* What only queues and rates have. */
static error_t parse_limit(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    uint64_t burst;
    switch (key) {
    case KEY_RATE:
        read_rate(arguments, arg, state);
        arguments->has_rate = true;
        return 0;
    case KEY_FAIR:
        arguments->fair = arg;
        return 0;
    case KEY_SHARE:
        if (gorctl_shares_add(&arguments->shares, arg) != 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--share: '%s' is not KEY=WEIGHT with 1 to 1000, or KEY=none", arg);
        }
        return 0;
    case KEY_BURST:
        burst = gorctl_option_number(state, "--burst", arg);
        if (burst == 0 || burst > 1000000) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "--burst: %s is not 1 to 1000000", arg);
        }
        arguments->limit.burst = (uint32_t)burst;
        arguments->has_burst = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            arguments->verb = verb_of(state, arg);
        } else if (state->arg_num == 1) {
            arguments->name = arg;
        } else if (state->arg_num == 2) {
            arguments->amount = arg;
        } else {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is one word too many", arg);
        }
        return 0;
    case ARGP_KEY_END:
        check_end(arguments, state);
        return 0;
    default:
        return parse_limit(key, arg, state);
    }
}

/* ---------------------------------------------------------------- change */

/* What was given as a number of slots or tokens; an exit code. */
static int read_amount(const struct arguments *arguments, uint64_t *out_amount)
{
    *out_amount = 0;
    if (arguments->amount != NULL && gorctl_number_parse(arguments->amount, out_amount) != 0) {
        gorctl_say("'%s' is not %s", arguments->amount, arguments->noun->amount);
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

static int set_queue(struct arguments *arguments, Gor__V1__SetMode mode)
{
    struct gorctl_shares *shares = &arguments->shares;
    Gor__V1__SetQueueRequest request = GOR__V1__SET_QUEUE_REQUEST__INIT;
    Gor__V1__RateLimit limit = arguments->limit;
    int code = read_amount(arguments, &request.slots);
    request.name = (char *)(uintptr_t)arguments->name;
    request.mode = mode;
    request.keep_slots = arguments->amount == NULL;
    request.rate = arguments->has_rate ? &limit : NULL;
    if (arguments->fair != NULL) {
        request.fair = (char *)(uintptr_t)arguments->fair;
    }
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_shares_resolve(arguments->ctl, shares, arguments->name, arguments->fair);
    }
    request.shares = shares->items;
    request.n_shares = shares->count;
    struct gorctl_call call = {.path = "/gor.v1.Queues/SetQueue",
                               .request = &request.base,
                               .reply = &gor__v1__queue__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return code != GORCTL_EXIT_OK ? code : gorctl_call_show(arguments->ctl, &call, NULL, NULL);
}

static int set_pool(struct arguments *arguments, Gor__V1__SetMode mode)
{
    Gor__V1__SetPoolRequest request = GOR__V1__SET_POOL_REQUEST__INIT;
    int code = read_amount(arguments, &request.tokens);
    request.name = (char *)(uintptr_t)arguments->name;
    request.mode = mode;
    struct gorctl_call call = {.path = "/gor.v1.Queues/SetPool",
                               .request = &request.base,
                               .reply = &gor__v1__pool__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return code != GORCTL_EXIT_OK ? code : gorctl_call_show(arguments->ctl, &call, NULL, NULL);
}

static int set_rate(struct arguments *arguments, Gor__V1__SetMode mode)
{
    Gor__V1__SetRateRequest request = GOR__V1__SET_RATE_REQUEST__INIT;
    Gor__V1__RateLimit limit = arguments->limit;
    request.name = (char *)(uintptr_t)arguments->name;
    request.limit = &limit;
    request.mode = mode;
    struct gorctl_call call = {.path = "/gor.v1.Queues/SetRate",
                               .request = &request.base,
                               .reply = &gor__v1__rate__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(arguments->ctl, &call, NULL, NULL);
}

static int remove_one(const struct arguments *arguments)
{
    /* All three requests are a name. */
    Gor__V1__RemoveQueueRequest request = GOR__V1__REMOVE_QUEUE_REQUEST__INIT;
    request.name = (char *)(uintptr_t)arguments->name;
    struct gorctl_call call = {.path = arguments->noun->remove_path,
                               .request = &request.base,
                               .reply = arguments->noun->remove_reply,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(arguments->ctl, &call, NULL, NULL);
}

static int run(struct arguments *arguments)
{
    if (arguments->verb == LIST) {
        return gorctl_queues_list(arguments->ctl, arguments->noun->list);
    }
    if (!gorctl_utf8_valid(arguments->name, strlen(arguments->name)) ||
        (arguments->fair != NULL && !gorctl_utf8_valid(arguments->fair, strlen(arguments->fair)))) {
        gorctl_say("names must be UTF-8 text");
        return GORCTL_EXIT_USAGE;
    }
    return arguments->verb == REMOVE
               ? remove_one(arguments)
               : arguments->noun->set(arguments, arguments->verb == CREATE
                                                     ? GOR__V1__SET_MODE__CREATE
                                                     : GOR__V1__SET_MODE__CHANGE);
}

/* -------------------------------------------------------------- commands */

static int run_noun(struct gorctl *ctl, int argc, char **argv, const struct noun *noun,
                    const struct argp *argp)
{
    struct arguments arguments = {.ctl = ctl, .noun = noun, .limit = GOR__V1__RATE_LIMIT__INIT};
    (void)argp_parse(argp, argc, argv, 0, NULL, &arguments);
    int code = run(&arguments);
    gorctl_shares_fini(&arguments.shares);
    return code;
}

int gorctl_cmd_queue(struct gorctl *ctl, int argc, char **argv)
{
    static const struct noun noun = {.amount = "the number of slots",
                                     .list = GORCTL_QUEUES,
                                     .remove_path = "/gor.v1.Queues/RemoveQueue",
                                     .remove_reply = &gor__v1__remove_queue_reply__descriptor,
                                     .set = set_queue};
    static const struct argp_option options[] = {
        {NULL, 0, NULL, 0, "How often its jobs start:", 1},
        {"rate", KEY_RATE, "N/UNIT", 0,
         "At most N of its jobs start in a second (10/s), minute (m), hour (h) or day (d), or in "
         "several (3/10m), evenly; none: as often as they can",
         1},
        {"fair", KEY_FAIR, "WHOSE", 0,
         "Have the jobs of the same priority of each owner, or of each value of a label "
         "(label:KEY), take turns; off: first come, first served",
         1},
        {"share", KEY_SHARE, "KEY=WEIGHT", 0,
         "Of many turns give KEY, an owner or a value of the label, WEIGHT times as many as those "
         "have who are not named (1 to 1000, may be repeated); none: as many",
         1},
        {"burst", KEY_BURST, "N", 0, "N may start at once after a while without (default: 1)", 1},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "create QUEUE [SLOTS]\nset QUEUE [SLOTS]\nrm QUEUE\nls",
        .doc =
            "Make, change, remove or list queues. A job waits in one queue (submit -q) and takes "
            "one of its slots, or as many as it asks for, while it runs; 0 slots is no limit.\v"
            "Examples:\n"
            "  gorctl queue create build 4\n"
            "  gorctl submit -q build make\n"
            "  gorctl queue set build 8\n"
            "  gorctl queue set build --rate 10/s --burst 20\n"
            "  gorctl queue set build --fair owner\n"
            "  gorctl queue set build --share ann=3\n",
        .children = gorctl_read_children};
    return run_noun(ctl, argc, argv, &noun, &argp);
}

int gorctl_cmd_pool(struct gorctl *ctl, int argc, char **argv)
{
    static const struct noun noun = {.amount = "the number of tokens",
                                     .needs_amount = true,
                                     .list = GORCTL_POOLS,
                                     .remove_path = "/gor.v1.Queues/RemovePool",
                                     .remove_reply = &gor__v1__remove_pool_reply__descriptor,
                                     .set = set_pool};
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "create POOL TOKENS\nset POOL TOKENS\nrm POOL\nls",
        .doc = "Make, change, remove or list pools of tokens: things that jobs in any queue share, "
               "such "
               "as licences or devices. A job holds those it asks for (submit --token) while it "
               "runs.\v"
               "Examples:\n"
               "  gorctl pool create gpu 2\n"
               "  gorctl submit --token gpu train\n",
        .children = gorctl_read_children};
    return run_noun(ctl, argc, argv, &noun, &argp);
}

static error_t parse_rate(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    if (key == ARGP_KEY_ARG && state->arg_num == 2) {
        read_rate(arguments, arg, state);
        if (arguments->limit.count == 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "a rate without a limit is none: say rm");
        }
    }
    return parse(key, arg, state);
}

int gorctl_cmd_rate(struct gorctl *ctl, int argc, char **argv)
{
    static const struct noun noun = {.amount = "how often, as 10/s",
                                     .needs_amount = true,
                                     .list = GORCTL_RATES,
                                     .remove_path = "/gor.v1.Queues/RemoveRate",
                                     .remove_reply = &gor__v1__remove_rate_reply__descriptor,
                                     .set = set_rate};
    static const struct argp_option options[] = {
        {"burst", KEY_BURST, "N", 0, "N may start at once after a while without (default: 1)", 1},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_rate,
        .args_doc = "create RATE N/UNIT\nset RATE N/UNIT\nrm RATE\nls",
        .doc =
            "Make, change, remove or list rates: how often jobs start that name one (submit "
            "--rate), in whatever queue. N are started in a second (10/s), minute (m), hour (h) or "
            "day (d), or in several (3/10m), evenly. A job that names a rate with a key (--rate "
            "mail/ann) counts with those of the same key only: each key may start as often.\v"
            "Examples:\n"
            "  gorctl rate create api 10/s --burst 20\n"
            "  gorctl submit --rate api -- curl https://example.org\n"
            "  gorctl submit --rate api/ann=5 -- ./import\n",
        .children = gorctl_read_children};
    return run_noun(ctl, argc, argv, &noun, &argp);
}
