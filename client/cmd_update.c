/* SPDX-License-Identifier: MIT */
/* cmd_update.c - `gorctl update`: change jobs that have not started.
 *
 * -q, -l and --name say which jobs, as with every command, so what they become has words of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "client/act.h"
#include "client/after.h"
#include "client/alloc.h"
#include "client/ask.h"
#include "client/exits.h"
#include "client/gates.h"
#include "client/options.h"
#include "client/policies.h"
#include "client/retry.h"
#include "client/spec_pieces.h"
#include "client/text.h"

enum {
    KEY_TO_QUEUE = 0x3100,
    KEY_PRIORITY,
    KEY_SLOTS,
    KEY_TOKEN,
    KEY_NO_TOKENS,
    KEY_RATE,
    KEY_NO_RATES,
    KEY_TIMEOUT,
    KEY_GRACE,
    KEY_HEARTBEAT,
    KEY_ON_STUCK,
    KEY_AT,
    KEY_IN,
    KEY_TZ,
    KEY_START_BEFORE,
    KEY_AFTER,
    KEY_NO_AFTER,
    KEY_RETRIES,
    KEY_NEW_NAME,
    KEY_SET_LABEL,
    KEY_UNSET_LABEL,
    KEY_IF_VERSION
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "What they become:", 1},
    {"to-queue", KEY_TO_QUEUE, "QUEUE", 0, "Wait in QUEUE", 1},
    {"priority", KEY_PRIORITY, "N", 0, "Higher comes first (-10000 to 10000)", 1},
    {"slots", KEY_SLOTS, "N", 0, "Take N slots while they run", 1},
    {"token", KEY_TOKEN, "POOL[=N]", 0,
     "Hold these tokens, and no others, while they run; may be repeated", 1},
    {"no-tokens", KEY_NO_TOKENS, NULL, 0, "Hold no tokens", 1},
    {"rate", KEY_RATE, "RATE[/KEY][=N]", 0,
     "Start no oftener than these rates say, and no others; may be repeated", 1},
    {"no-rates", KEY_NO_RATES, NULL, 0, "Keep to no rate", 1},
    {"timeout", KEY_TIMEOUT, "DURATION", 0, "End the run after this long; 0s: never", 1},
    {"grace", KEY_GRACE, "DURATION", 0, "Time between SIGTERM and SIGKILL", 1},
    {"heartbeat", KEY_HEARTBEAT, "DURATION", 0,
     "The run is stuck once it gives no sign of life for this long (1s or more); 0s: never", 1},
    {"on-stuck", KEY_ON_STUCK, "POLICY", 0,
     "When it is stuck, report: record it and let it run; or kill: end the run as failed", 1},
    {"at", KEY_AT, "TIME", 0, "Not before this time", 1},
    {"in", KEY_IN, "DURATION", 0, "Not before so much time has passed from now on; 0s: at once", 1},
    {"tz", KEY_TZ, "ZONE", 0, "The zone that times are meant in (default: yours)", 1},
    {"start-before", KEY_START_BEFORE, "TIME", 0, "Give up if they have not started by then", 1},
    {"after", KEY_AFTER, "[HOW:]ID...", 0,
     "Not before job ID has succeeded (any:ID, notok:ID, start:ID: has ended, failed, started), "
     "and "
     "after no others; as with `gorctl submit`",
     1},
    {"no-after", KEY_NO_AFTER, NULL, 0, "Wait for no other jobs", 1},
    {"retries", KEY_RETRIES, "N", 0, "Run them again when they fail, up to N times in all", 1},
    {"new-name", KEY_NEW_NAME, "TEXT", 0, "A name for people", 1},
    {"set-label", KEY_SET_LABEL, "KEY=VALUE", 0, "Attach or change a label; may be repeated", 1},
    {"unset-label", KEY_UNSET_LABEL, "KEY", 0, "Take a label off; may be repeated", 1},
    {"if-version", KEY_IF_VERSION, "N", 0,
     "Only if they have been changed N times before, as `gorctl show` tells", 1},
    {0},
};

struct arguments {
    Gor__V1__UpdateRequest message;
    Gor__V1__JobSpec *spec; /* owned by the program, as what hangs on it */
    struct gorctl_gates gates;
    bool no_after;
};

/* This field counts. */
static void name_field(struct arguments *arguments, const char *name)
{
    Gor__V1__UpdateRequest *message = &arguments->message;
    for (size_t i = 0; i < message->n_fields; i++) {
        if (strcmp(message->fields[i], name) == 0) {
            return;
        }
    }
    message->fields = gorctl_grow(message->fields, message->n_fields + 1, sizeof(char *));
    message->fields[message->n_fields++] = (char *)(uintptr_t)name;
}

static void set_label(struct arguments *arguments, const char *text, struct argp_state *state)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || !gorctl_utf8_valid(text, strlen(text))) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--set-label: '%s' is not KEY=VALUE", text);
        return;
    }
    gorctl_spec_add_label(arguments->spec, text, (size_t)(equals - text), equals + 1);
    name_field(arguments, "labels");
}

static void unset_label(struct arguments *arguments, char *text)
{
    Gor__V1__UpdateRequest *message = &arguments->message;
    message->unset_labels =
        gorctl_grow(message->unset_labels, message->n_unset_labels + 1, sizeof(char *));
    message->unset_labels[message->n_unset_labels++] = text;
}

static const char *text_of(struct argp_state *state, const char *option, const char *text)
{
    if (!gorctl_utf8_valid(text, strlen(text))) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "%s must be UTF-8 text", option);
    }
    return text;
}

static void add_after(struct arguments *arguments, const char *text)
{
    struct gorctl_gates *gates = &arguments->gates;
    gates->after = gorctl_grow(gates->after, gates->after_count + 1, sizeof(*gates->after));
    gates->after[gates->after_count++] = text;
    name_field(arguments, "after");
}

/* What says how long it may take, and be silent. */
static error_t parse_length(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_TIMEOUT:
        arguments->spec->timeout_ns = gorctl_option_duration(state, "--timeout", arg);
        name_field(arguments, "timeout_ns");
        return 0;
    case KEY_GRACE:
        arguments->spec->grace_ns = gorctl_option_duration(state, "--grace", arg);
        name_field(arguments, "grace_ns");
        return 0;
    case KEY_HEARTBEAT:
        arguments->spec->heartbeat_ns = gorctl_option_duration(state, "--heartbeat", arg);
        name_field(arguments, "heartbeat_ns");
        return 0;
    case KEY_ON_STUCK:
        if (!gorctl_on_stuck_parse(arg, &arguments->spec->on_stuck)) {
            argp_error(state, "--on-stuck is '%s'; it must be report or kill", arg);
        }
        name_field(arguments, "on_stuck");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What says when. */
static error_t parse_time(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_AT:
        arguments->gates.at = arg;
        name_field(arguments, "not_before_ns");
        return 0;
    case KEY_IN:
        arguments->gates.delay_ns = gorctl_option_duration(state, "--in", arg);
        name_field(arguments, "delay_ns");
        return 0;
    case KEY_TZ:
        arguments->gates.zone = arg;
        return 0;
    case KEY_START_BEFORE:
        arguments->gates.start_before = arg;
        name_field(arguments, "start_before_ns");
        return 0;
    case KEY_AFTER:
        add_after(arguments, arg);
        return 0;
    case KEY_NO_AFTER:
        arguments->no_after = true;
        name_field(arguments, "after");
        return 0;
    case KEY_RETRIES: {
        uint64_t retries = gorctl_option_number(state, "--retries", arg);
        gorctl_retry_policy(arguments->spec)->retries =
            retries > UINT32_MAX ? UINT32_MAX : (uint32_t)retries;
        name_field(arguments, "retry.retries");
        return 0;
    }
    default:
        return parse_length(key, arg, state);
    }
}

/* What says where it waits, and for what. */
static error_t parse_turn(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_TO_QUEUE:
        arguments->spec->queue = gorctl_strdup(text_of(state, "--to-queue", arg));
        name_field(arguments, "queue");
        return 0;
    case KEY_PRIORITY:
        arguments->spec->priority = gorctl_ask_priority(state, arg);
        name_field(arguments, "priority");
        return 0;
    case KEY_SLOTS:
        arguments->spec->slots = gorctl_ask_slots(state, arg);
        name_field(arguments, "slots");
        return 0;
    case KEY_TOKEN:
        if (gorctl_ask_token(arg, arguments->spec) != GORCTL_EXIT_OK) {
            exit(GORCTL_EXIT_USAGE);
        }
        name_field(arguments, "tokens");
        return 0;
    case KEY_NO_TOKENS:
        name_field(arguments, "tokens");
        return 0;
    case KEY_RATE:
        if (gorctl_ask_rate(arg, arguments->spec) != GORCTL_EXIT_OK) {
            exit(GORCTL_EXIT_USAGE);
        }
        name_field(arguments, "rates");
        return 0;
    case KEY_NO_RATES:
        name_field(arguments, "rates");
        return 0;
    default:
        return parse_time(key, arg, state);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case KEY_NEW_NAME:
        arguments->spec->name = gorctl_strdup(text_of(state, "--new-name", arg));
        name_field(arguments, "name");
        return 0;
    case KEY_SET_LABEL:
        set_label(arguments, arg, state);
        return 0;
    case KEY_UNSET_LABEL:
        (void)text_of(state, "--unset-label", arg);
        unset_label(arguments, arg);
        return 0;
    case KEY_IF_VERSION:
        arguments->message.if_version = true;
        arguments->message.version = (uint32_t)gorctl_option_number(state, "--if-version", arg);
        return 0;
    case ARGP_KEY_END:
        if (arguments->message.n_fields + arguments->message.n_unset_labels == 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "what is to change? Say --priority, --at, "
                         "--to-queue, ...");
        } else if (arguments->no_after && arguments->gates.after_count > 0) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--after and --no-after exclude each other; give one of them");
        }
        return 0;
    default:
        return parse_turn(key, arg, state);
    }
}

static int make_request(void *input, const Gor__V1__ActRequest *common,
                        const ProtobufCMessage **out_request)
{
    struct arguments *arguments = input;
    Gor__V1__UpdateRequest *message = &arguments->message;
    int code = gorctl_gates_fill(&arguments->gates, arguments->spec);
    if (code == GORCTL_EXIT_OK && gorctl_after_misfit(arguments->spec) != NULL) {
        gorctl_say(
            "--after: corr: is for arrays as they are submitted, whose tasks are not changed "
            "later; ok: waits for all of the other");
        code = GORCTL_EXIT_USAGE;
    }
    message->ids = common->ids;
    message->n_ids = common->n_ids;
    message->all = common->all;
    message->cause = common->cause;
    message->selector = common->selector;
    message->spec = arguments->spec;
    *out_request = &message->base;
    return code;
}

int gorctl_cmd_update(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp own = {.options = options, .parser = parse};
    struct arguments arguments = {.message = GOR__V1__UPDATE_REQUEST__INIT};
    struct gorctl_act act = {
        .path = "/gor.v1.Jobs/Update",
        .done = "updated",
        .none = "There is no job that has not started.",
        .confirm = "change",
        .options = &own,
        .arguments = &arguments,
        .request = make_request,
        .doc =
            "Change jobs that have not started, or that wait for their next attempt: where and "
            "when they run, for how long, how they are called.\v"
            "-q, -l and --name say which jobs are meant; --to-queue, --set-label and --new-name "
            "what they become. A job that is changed goes to the end of its queue. One that has "
            "started or ended is refused (exit code 64), after the others have been changed.\n"
            "Each change counts a version up, which `gorctl show` tells. With --if-version a job "
            "that somebody else has changed meanwhile is left as it is.\n"
            "--after takes the place of all that a job was to run after. What has come already "
            "counts: "
            "it may let the job go, or end it. A job that would wait for itself is refused.\n"
            "More than 100 jobs are changed only when you agree: on a terminal it asks, "
            "elsewhere it needs --yes.\n"
            "\n"
            "Examples:\n"
            "  gorctl update 12 --priority 5\n"
            "  gorctl update -q build --to-queue night --at 22:00\n"
            "  gorctl update 12 --timeout 2h --if-version 1\n"
            "  gorctl update 12 --heartbeat 5m --on-stuck kill\n"
            "  gorctl update 12 --after 9,any:10\n"};
    arguments.spec = gorctl_alloc(sizeof(*arguments.spec));
    gor__v1__job_spec__init(arguments.spec);
    int code = gorctl_act_run(ctl, argc, argv, &act);
    free(arguments.message.fields);
    free(arguments.message.unset_labels);
    gorctl_gates_fini(&arguments.gates);
    gor__v1__job_spec__free_unpacked(arguments.spec, NULL);
    return code;
}
