/* SPDX-License-Identifier: MIT */
/* cmd_cron.c - `gorctl cron`: the calendar's entries, listed, shown, steered. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/answer.h"
#include "client/channel.h"
#include "client/cron.h"
#include "client/exits.h"
#include "client/list.h"
#include "client/options.h"
#include "client/screen.h"
#include "client/table.h"
#include "client/text.h"
#include "client/verbs.h"
#include "client/when.h"

/* ---------------------------------------------------------------- showing */

static void line(const char *title, const char *text)
{
    if (text[0] != '\0') {
        char *clean = gorctl_text_escape(text, strlen(text));
        printf("%-10s  %s\n", title, clean);
        free(clean);
    }
}

static void line_time(const char *title, int64_t ns)
{
    char text[GORCTL_WHEN_ROOM];
    if (ns != 0) {
        gorctl_time_exact(ns, text);
        line(title, text);
    }
}

static void line_number(const char *title, uint64_t number)
{
    printf("%-10s  %" PRIu64 "\n", title, number);
}

static const char *word_of(const char *const *words, int number)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (i == number) {
            return words[i];
        }
    }
    return "?";
}

static void show_spec(const Gor__V1__CronSpec *spec)
{
    char text[GORCTL_WHEN_ROOM];
    line("Cron", spec->name);
    line("When", spec->expr);
    line("Zone", spec->zone[0] != '\0' ? spec->zone : "UTC");
    line("Missed", word_of(gorctl_cron_missed_words, (int)spec->missed));
    line("Overlap", word_of(gorctl_cron_overlap_words, (int)spec->overlap));
    line("Gap", word_of(gorctl_cron_gap_words, (int)spec->gap));
    line("Repeat", word_of(gorctl_cron_repeat_words, (int)spec->repeat));
    if (spec->jitter_ns != 0) {
        gorctl_duration_text(spec->jitter_ns, text);
        line("Jitter", text);
    }
    line_time("From", spec->start_ns);
    line_time("Until", spec->end_ns);
    if (spec->job != NULL) {
        char *command = gorctl_command_text(spec->job);
        line("Command", command);
        free(command);
    }
}

void gorctl_cron_show(const ProtobufCMessage *reply, void *arg)
{
    const Gor__V1__Cron *cron = (const Gor__V1__Cron *)reply;
    (void)arg;
    if (cron->spec != NULL) {
        show_spec(cron->spec);
    }
    line("State", cron->paused ? "paused" : cron->next_ns == 0 ? "over" : "active");
    line("Why", cron->why);
    line_time("Made", cron->made_ns);
    line_time("Next", cron->next_ns);
    line_time("Last", cron->last_ns);
    if (cron->last_job != 0) {
        line_number("Last job", cron->last_job);
    }
    line_number("Fired", cron->fired);
    line_number("Skipped", cron->skipped);
    line_number("Missed", cron->missed);
    line_number("User", cron->uid);
}

static void add_number(struct gorctl_table *table, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, number);
    gorctl_table_cell(table, number != 0 ? text : "-", NULL);
}

static void add_row(struct gorctl_table *table, const Gor__V1__Cron *cron, int64_t now_ns)
{
    char next[GORCTL_WHEN_ROOM];
    gorctl_table_text(table, cron->spec->name);
    gorctl_table_text(table, cron->spec->expr);
    gorctl_table_text(table, cron->spec->zone);
    gorctl_time_text(cron->next_ns, now_ns, next);
    gorctl_table_cell(table, cron->paused ? "paused" : cron->next_ns == 0 ? "over" : next, NULL);
    add_number(table, cron->last_job);
    add_number(table, cron->fired);
    add_number(table, cron->skipped);
    add_number(table, cron->missed);
    char *command = gorctl_command_text(cron->spec->job);
    gorctl_table_cell(table, command, NULL);
    free(command);
}

static void show_list(const Gor__V1__ListCronsReply *reply)
{
    static const struct gorctl_column columns[] = {
        {"NAME", false, false},   {"WHEN", false, false},    {"ZONE", false, false},
        {"NEXT", false, false},   {"LAST JOB", true, false}, {"FIRED", true, false},
        {"SKIPPED", true, false}, {"MISSED", true, false},   {"COMMAND", false, true}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_crons; i++) {
        if (reply->crons[i]->spec != NULL && reply->crons[i]->spec->job != NULL) {
            add_row(table, reply->crons[i], gorctl_now());
        }
    }
    gorctl_table_show(table);
}

/* ---------------------------------------------------------------- words about one entry */

struct arguments {
    struct gorctl *ctl;
    const char *name;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->name != NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected; one name is", arg);
        }
        arguments->name = arg;
        return 0;
    case ARGP_KEY_END:
        if (arguments->name == NULL) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "the name of an entry is needed; `gorctl cron ls` lists them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_none(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    if (key == ARGP_KEY_INIT) {
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected", arg);
    }
    return ARGP_ERR_UNKNOWN;
}

static char *name_of(struct gorctl *ctl, int argc, char **argv, const char *doc)
{
    const struct argp argp = {
        .parser = parse, .args_doc = "NAME", .doc = doc, .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    return (char *)(uintptr_t)arguments.name;
}

static int call(struct gorctl *ctl, const char *path, const ProtobufCMessage *request,
                const ProtobufCMessageDescriptor *reply_type,
                void (*show)(const ProtobufCMessage *reply, void *arg))
{
    struct gorctl_call what = {
        .path = path, .request = request, .reply = reply_type, .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &what, show, NULL);
}

static void show_all(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__ListCronsReply *reply = (const Gor__V1__ListCronsReply *)message;
    (void)arg;
    if (reply->n_crons > 0) {
        show_list(reply);
    } else {
        gorctl_say("There are no cron entries; `gorctl cron add` makes one.");
    }
}

static void show_run(const ProtobufCMessage *reply, void *arg)
{
    (void)arg;
    printf("%" PRIu64 "\n", ((const Gor__V1__RunCronReply *)reply)->id);
}

static int list(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.parser = parse_none,
                                     .doc = "List the entries of the calendar, by name.",
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__ListCronsRequest request = GOR__V1__LIST_CRONS_REQUEST__INIT;
    return call(ctl, "/gor.v1.Crons/List", &request.base, &gor__v1__list_crons_reply__descriptor,
                show_all);
}

static int show(struct gorctl *ctl, int argc, char **argv)
{
    Gor__V1__ShowCronRequest request = GOR__V1__SHOW_CRON_REQUEST__INIT;
    request.name = name_of(ctl, argc, argv, "Everything about one entry of the calendar.");
    return call(ctl, "/gor.v1.Crons/Show", &request.base, &gor__v1__cron__descriptor,
                gorctl_cron_show);
}

static int remove_entry(struct gorctl *ctl, int argc, char **argv)
{
    Gor__V1__DeleteCronRequest request = GOR__V1__DELETE_CRON_REQUEST__INIT;
    request.name =
        name_of(ctl, argc, argv, "Remove an entry of the calendar; jobs that it has made stay.");
    return call(ctl, "/gor.v1.Crons/Delete", &request.base, &gor__v1__delete_cron_reply__descriptor,
                NULL);
}

static int pause_entry(struct gorctl *ctl, int argc, char **argv)
{
    Gor__V1__PauseCronRequest request = GOR__V1__PAUSE_CRON_REQUEST__INIT;
    request.name = name_of(ctl, argc, argv,
                           "Let an entry rest until `gorctl cron resume`; what it would have fired "
                           "meanwhile is passed over.");
    return call(ctl, "/gor.v1.Crons/Pause", &request.base, &gor__v1__cron__descriptor,
                gorctl_cron_show);
}

static int resume_entry(struct gorctl *ctl, int argc, char **argv)
{
    Gor__V1__ResumeCronRequest request = GOR__V1__RESUME_CRON_REQUEST__INIT;
    request.name = name_of(ctl, argc, argv, "Let a paused entry fire again, from now on.");
    return call(ctl, "/gor.v1.Crons/Resume", &request.base, &gor__v1__cron__descriptor,
                gorctl_cron_show);
}

static int run(struct gorctl *ctl, int argc, char **argv)
{
    Gor__V1__RunCronRequest request = GOR__V1__RUN_CRON_REQUEST__INIT;
    request.name = name_of(ctl, argc, argv,
                           "Make an entry's job now, and print its id. If one of it has not ended, "
                           "what --overlap says holds.");
    return call(ctl, "/gor.v1.Crons/Run", &request.base, &gor__v1__run_cron_reply__descriptor,
                show_run);
}

/* ---------------------------------------------------------------- which word */

int gorctl_cmd_cron(struct gorctl *ctl, int argc, char **argv)
{
    static const struct gorctl_verb verbs[] = {
        {"add", "make an entry, or replace one", gorctl_cron_add},
        {"ls", "list them", list},
        {"show", "everything about one", show},
        {"next", "when one fires, or an expression would", gorctl_cron_next},
        {"run", "make one's job now", run},
        {"pause", "let one rest", pause_entry},
        {"resume", "let it fire again", resume_entry},
        {"rm", "remove one", remove_entry},
        {0},
    };
    static const struct gorctl_verbs cron = {.command = "cron",
                                             .about = "Hand in jobs again and again, by the "
                                                      "calendar.",
                                             .verbs = verbs,
                                             .without = list};
    return gorctl_verbs_run(ctl, &cron, argc, argv);
}
