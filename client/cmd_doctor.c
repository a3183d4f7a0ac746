/* SPDX-License-Identifier: MIT */
/* cmd_doctor.c - `gorctl doctor`: look for what is usually wrong, and say what to type. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/doctor.h"
#include "client/exits.h"
#include "client/json.h"
#include "client/options.h"
#include "client/text.h"

enum { KEY_STRICT = 0x3000, EXIT_FAULT = 1 };

static const char doc[] =
    "Look for what is usually wrong between us and the daemon, with the daemon and around it. For "
    "each thing there is a line: ok, warning, fault, or skipped where it cannot be looked at; "
    "under "
    "what is wrong stands what to type. Nothing is changed.\v"
    "Exit status: 0 without a fault, 1 with one or more; with --strict warnings count as well.\n"
    "\n"
    "Examples:\n"
    "  gorctl doctor\n"
    "  gorctl --context build doctor\n"
    "  gorctl doctor --json | jq -r '.checks[] | select(.result == \"fault\") | .text'\n";

static const struct argp_option options[] = {
    {"strict", KEY_STRICT, NULL, 0, "Let warnings count as faults do", 0},
    {0},
};

struct arguments {
    struct gorctl *ctl;
    bool strict;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case KEY_STRICT:
        arguments->strict = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected here", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ------------------------------------------------------------- findings */

static const struct {
    const char *word;
    const char *style;
} healths[] = {
    [GORCTL_HEALTH_OK] = {"ok", "\x1b[32m"},
    [GORCTL_HEALTH_SKIPPED] = {"skipped", "\x1b[2m"},
    [GORCTL_HEALTH_WARNING] = {"warning", "\x1b[33m"},
    [GORCTL_HEALTH_FAULT] = {"fault", "\x1b[31m"},
};

static void print_finding(const struct gorctl_doctor *doctor, enum gorctl_health health,
                          const char *check, const char *advice, const char *text)
{
    bool colour = doctor->screen.colour;
    printf("%s%-8s%s %-14s %s\n", colour ? healths[health].style : "", healths[health].word,
           colour ? "\x1b[0m" : "", check, text);
    while (advice != NULL && advice[0] != '\0') {
        size_t length = strcspn(advice, "\n");
        char *line = gorctl_text_escape(advice, length);
        printf("%-23s %s\n", "", line);
        free(line);
        advice += length + (advice[length] == '\n');
    }
}

void gorctl_finding(struct gorctl_doctor *doctor, enum gorctl_health health, const char *check,
                    const char *advice, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) {
        gorctl_out_of_memory();
    }
    va_end(args);
    char *clean = gorctl_text_escape(text, strlen(text));
    doctor->faults += health == GORCTL_HEALTH_FAULT;
    doctor->warnings += health == GORCTL_HEALTH_WARNING;
    if (doctor->ctl->json) {
        json_array_append_new(doctor->findings,
                              json_pack("{s:s,s:s,s:s,s:s?}", "check", check, "result",
                                        healths[health].word, "text", clean, "advice", advice));
    } else {
        print_finding(doctor, health, check, advice, clean);
        (void)fflush(stdout); /* the next may take its time */
    }
    free(clean);
    free(text);
}

static void print_sum(const struct gorctl_doctor *doctor)
{
    if (doctor->ctl->json) {
        json_t *sum = json_pack("{s:O,s:i,s:i}", "checks", doctor->findings, "faults",
                                (int)doctor->faults, "warnings", (int)doctor->warnings);
        gorctl_json_print(stdout, sum, true);
    } else if (doctor->faults + doctor->warnings == 0) {
        puts("\nNothing is wrong.");
    } else {
        printf("\n%u %s, %u %s.\n", doctor->faults, doctor->faults == 1 ? "fault" : "faults",
               doctor->warnings, doctor->warnings == 1 ? "warning" : "warnings");
    }
}

/* --------------------------------------------------------------- checks */

/* In this order; the later ones only ask a daemon that answers. */
static const struct {
    void (*run)(struct gorctl_doctor *doctor);
    bool asks;
} checks[] = {
    {gorctl_doctor_address, false},     {gorctl_doctor_socket, false}, {gorctl_doctor_token, false},
    {gorctl_doctor_connection, false},  {gorctl_doctor_unit, false},   {gorctl_doctor_state, true},
    {gorctl_doctor_surroundings, true}, {gorctl_doctor_queues, true},  {gorctl_doctor_crons, true},
    {gorctl_doctor_lost, true},
};

int gorctl_cmd_doctor(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    struct gorctl_doctor doctor = {
        .ctl = ctl, .screen = gorctl_screen_of(1), .findings = json_array()};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        if (!checks[i].asks || doctor.reached) {
            checks[i].run(&doctor);
        }
    }
    if (!doctor.reached) {
        gorctl_finding(&doctor, GORCTL_HEALTH_SKIPPED, "daemon", NULL,
                       "what only a daemon that answers can tell");
    }
    print_sum(&doctor);
    json_decref(doctor.findings);
    free(doctor.socket);
    return doctor.faults > 0 || (arguments.strict && doctor.warnings > 0) ? EXIT_FAULT
                                                                          : GORCTL_EXIT_OK;
}
