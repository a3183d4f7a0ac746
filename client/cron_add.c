/* SPDX-License-Identifier: MIT */
/* cron_add.c - `gorctl cron add`: make an entry of the calendar, or replace one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/answer.h"
#include "client/channel.h"
#include "client/cron.h"
#include "client/exits.h"
#include "client/options.h"
#include "client/spec.h"
#include "client/text.h"
#include "client/when.h"

enum { KEY_MISSED = 0x3000, KEY_OVERLAP, KEY_REPLACE, KEY_PAUSED };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "The entry:", 6},
    {"missed", KEY_MISSED, "POLICY", 0,
     "What to do about missed times (gord was down for more than a minute): once (one job for all "
     "of them; default), skip, all (a job each, 100 at most)",
     6},
    {"overlap", KEY_OVERLAP, "POLICY", 0,
     "If a job of it has not ended: allow (both run; default), skip, queue (one at a time), "
     "replace "
     "(cancel that one)",
     6},
    {"replace", KEY_REPLACE, NULL, 0, "Take the place of the entry of that name", 6},
    {"paused", KEY_PAUSED, NULL, 0, "Not before `gorctl cron resume`", 6},
    {0},
};

static const char doc[] =
    "Make an entry of the calendar: a job that is handed in again and again. EXPRESSION is one "
    "word "
    "in quotes: minute hour day month weekday, or six fields with the second before them, or "
    "@daily and the like, or 'every 15m'.\v"
    "What is after it is as in `gorctl submit`; environment and directory are those of now.\n"
    "\n"
    "Examples:\n"
    "  gorctl cron add nightly '0 3 * * *' -- backup --all\n"
    "  gorctl cron add poll 'every 90s' --overlap skip --timeout 1m -- ./poll\n"
    "  gorctl cron add report '0 9 * * mon-fri' --zone Europe/Berlin --shell 'make report'\n"
    "  gorctl cron add nightly @daily --replace --missed skip -- backup --all\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_spec job;
    struct gorctl_cron_when when;
    const char *name;
    const char *expr;
    Gor__V1__CronSpec__Missed missed;
    Gor__V1__CronSpec__Overlap overlap;
    bool replace;
    bool paused;
};

/* The first two words are ours, the rest is the job's. */
static error_t take_word(struct arguments *arguments, const char *arg)
{
    if (arguments->name == NULL) {
        arguments->name = arg;
        return 0;
    }
    if (arguments->expr == NULL) {
        arguments->expr = arg;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->job;
        state->child_inputs[3] = &arguments->when;
        return 0;
    case KEY_MISSED:
        arguments->missed = (Gor__V1__CronSpec__Missed)gorctl_cron_word(state, "--missed", arg,
                                                                        gorctl_cron_missed_words);
        return 0;
    case KEY_OVERLAP:
        arguments->overlap = (Gor__V1__CronSpec__Overlap)gorctl_cron_word(
            state, "--overlap", arg, gorctl_cron_overlap_words);
        return 0;
    case KEY_REPLACE:
        arguments->replace = true;
        return 0;
    case KEY_PAUSED:
        arguments->paused = true;
        return 0;
    case ARGP_KEY_ARG:
        return take_word(arguments, arg);
    case ARGP_KEY_END:
        if (arguments->expr == NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "a name, an expression in quotes and a command are needed: gorctl cron "
                         "add nightly '0 3 * * *' -- backup");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int put(struct gorctl *ctl, Gor__V1__CronSpec *spec, const struct arguments *arguments)
{
    Gor__V1__PutCronRequest request = GOR__V1__PUT_CRON_REQUEST__INIT;
    request.spec = spec;
    request.replace = arguments->replace;
    request.paused = arguments->paused;
    struct gorctl_call call = {.path = "/gor.v1.Crons/Put",
                               .request = &request.base,
                               .reply = &gor__v1__cron__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, gorctl_cron_show, NULL);
}

/* --jitter is an option of both: a bare number is a retry's, in percent; a duration the entry's. */
static int take_jitter(struct arguments *arguments)
{
    const char *jitter = arguments->job.retry.spread;
    if (jitter == NULL) {
        return GORCTL_EXIT_OK;
    }
    if (gorctl_duration_parse(jitter, &arguments->when.jitter_ns) != 0) {
        gorctl_say(
            "--jitter: '%s' is neither a duration, as 10m, by which the entry may be later, nor a "
            "number, of percent by which --retries may wait longer",
            jitter);
        return GORCTL_EXIT_USAGE;
    }
    arguments->job.retry.spread = NULL;
    return GORCTL_EXIT_OK;
}

/* What both a job's options and an entry's could say is the entry's. */
static int add(struct arguments *arguments)
{
    Gor__V1__CronSpec spec = GOR__V1__CRON_SPEC__INIT;
    char *zone = NULL;
    if (arguments->job.request.set) {
        gorctl_say("--request-id is about one job; an entry makes many");
        return GORCTL_EXIT_USAGE;
    }
    if (arguments->when.zone == NULL) {
        arguments->when.zone = arguments->job.gates.zone;
    }
    if (arguments->job.gates.at == NULL && arguments->job.gates.start_before == NULL) {
        arguments->job.gates.zone = NULL;
    }
    int code = take_jitter(arguments);
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_cron_when_fill(&arguments->when, &spec, &zone);
    }
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_spec_build(&arguments->job, &spec.job);
    }
    if (code == GORCTL_EXIT_OK) {
        spec.name = (char *)(uintptr_t)arguments->name;
        spec.expr = (char *)(uintptr_t)arguments->expr;
        spec.missed = arguments->missed;
        spec.overlap = arguments->overlap;
        code = put(arguments->ctl, &spec, arguments);
        gor__v1__job_spec__free_unpacked(spec.job, NULL);
    }
    free(zone);
    return code;
}

int gorctl_cron_add(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp_child children[] = {{&gorctl_connection_argp, 0, "Connection:", 10},
                                                 {&gorctl_format_argp, 0, NULL, 10},
                                                 {&gorctl_spec_argp, 0, NULL, 1},
                                                 {&gorctl_cron_when_argp, 0, NULL, 1},
                                                 {0}};
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "NAME EXPRESSION [--] COMMAND [ARGUMENT...]",
                                     .doc = doc,
                                     .children = children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &arguments);
    int code = gorctl_utf8_valid(arguments.name, strlen(arguments.name)) &&
                       gorctl_utf8_valid(arguments.expr, strlen(arguments.expr))
                   ? add(&arguments)
                   : GORCTL_EXIT_USAGE;
    if (code == GORCTL_EXIT_USAGE && arguments.name[0] == '\0') {
        gorctl_say("the entry needs a name");
    }
    gorctl_spec_fini(&arguments.job);
    return code;
}
