/* SPDX-License-Identifier: MIT */
/* list.c - see list.h.
 *
 * Pages are asked for one after the other and printed as they come, so a list of a million jobs
 * needs the memory of a thousand, on both sides.
 */
#include "client/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/exits.h"
#include "client/json.h"
#include "client/options.h"
#include "client/progress.h"
#include "client/row.h"
#include "client/screen.h"
#include "client/table.h"
#include "client/when.h"
#include "proto/decode.h"

enum { PAGE = 1000, KEY_NAME = 0x2000, KEY_BEFORE, KEY_SINCE, KEY_UNTIL, KEY_OUTCOME, KEY_LONG };

/* --------------------------------------------------------------- options */

static const struct argp_option options[] = {
    {NULL, 'n', "COUNT", 0, "Show at most COUNT jobs, newest first; 0: all (default: 50)", 1},
    {"name", KEY_NAME, "TEXT", 0, "Only jobs whose names contain TEXT", 2},
    {"outcome", KEY_OUTCOME, "LIST", 0,
     "Only jobs that ended so: succeeded, failed, signaled, timed-out, cancelled, lost, "
     "spawn-error, panicked, oom-killed",
     2},
    {"since", KEY_SINCE, "TIME", 0, "Only jobs handed in at TIME or later (today, 2h, 2026-03-01)",
     2},
    {"until", KEY_UNTIL, "TIME", 0, "Only jobs handed in before TIME", 2},
    {"long", KEY_LONG, NULL, 0, "Show what jobs used, too: CPU time, memory, faults", 1},
    {"columns", 'o', "LIST", 0, "Show these columns, with commas between; `-o help` lists them", 1},
    {"before", KEY_BEFORE, "ID", 0, "Only jobs with ids below ID: the next page", 2},
    {0},
};

static void add_outcomes(struct argp_state *state, struct gorctl_list *list, char *words)
{
    char *rest;
    for (char *word = strtok_r(words, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        Gor__V1__Outcome outcome = GOR__V1__OUTCOME__OUTCOME_UNSPECIFIED;
        if (!gorctl_outcome_parse(word, &outcome) || list->outcome_count == GORCTL_LIST_FILTERS) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--outcome: '%s' is no outcome; they are succeeded, failed, signaled, "
                         "timed-out, cancelled, lost, spawn-error, panicked, oom-killed, "
                         "dependency-failed, expired",
                         word);
        }
        list->outcomes[list->outcome_count++] = outcome;
    }
}

void gorctl_list_add_states(struct argp_state *state, struct gorctl_list *list, char *words)
{
    char *rest;
    for (char *word = strtok_r(words, ",", &rest); word != NULL;
         word = strtok_r(NULL, ",", &rest)) {
        Gor__V1__JobState job_state = GOR__V1__JOB_STATE__JOB_STATE_UNSPECIFIED;
        if (!gorctl_state_parse(word, &job_state) || list->state_count == GORCTL_LIST_FILTERS) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--state: '%s' is no state; they are created, runnable, running, waiting, "
                         "terminated",
                         word);
        }
        list->states[list->state_count++] = job_state;
    }
}

static void choose_columns(struct argp_state *state, struct gorctl_list *list, const char *names)
{
    if (strcmp(names, "help") == 0) {
        gorctl_columns_help(stdout);
        exit(GORCTL_EXIT_OK);
    }
    char *wrong = gorctl_columns_parse(names, &list->columns);
    if (wrong != NULL) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "-o: there is no column '%s'; `-o help` lists them, and each goes in once",
                     wrong);
        free(wrong);
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct gorctl_list *list = state->input;
    switch (key) {
    case KEY_LONG:
        list->columns = gorctl_columns_long;
        return 0;
    case 'o':
        choose_columns(state, list, arg);
        return 0;
    case 'n':
        list->most = gorctl_option_number(state, "-n", arg);
        return 0;
    case KEY_NAME:
        list->name = arg;
        return 0;
    case KEY_OUTCOME:
        add_outcomes(state, list, arg);
        return 0;
    case KEY_SINCE:
        list->since_ns = gorctl_option_time(state, "--since", arg);
        return 0;
    case KEY_UNTIL:
        list->until_ns = gorctl_option_time(state, "--until", arg);
        return 0;
    case KEY_BEFORE:
        list->before = gorctl_option_number(state, "--before", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp gorctl_list_argp = {.options = options, .parser = parse};

/* ----------------------------------------------------------------- pages */

struct listing {
    struct gorctl *ctl;
    const struct gorctl_list *list;
    struct gorctl_screen screen;
    struct gorctl_table *table;    /* owned; made for the first page; NULL with JSON */
    struct gorctl_columns columns; /* once the first page is there */
    uint64_t shown;
    uint64_t before; /* of the next page; 0: there is none */
};

static int fetch_page(struct listing *listing, Gor__V1__ListReply **out_reply)
{
    const struct gorctl_list *list = listing->list;
    uint64_t left = list->most == 0 ? PAGE : list->most - listing->shown;
    Gor__V1__ListRequest request = GOR__V1__LIST_REQUEST__INIT;
    request.states = (Gor__V1__JobState *)list->states;
    request.n_states = list->state_count;
    request.outcomes = (Gor__V1__Outcome *)list->outcomes;
    request.n_outcomes = list->outcome_count;
    if (list->name != NULL) {
        request.name_contains = (char *)list->name;
    }
    request.before_id = listing->before;
    request.limit = (uint32_t)(left < PAGE ? left : PAGE);
    request.created_from_ns = list->since_ns;
    request.created_to_ns = list->until_ns;
    request.without_env = true;
    request.with_use = listing->ctl->json || gorctl_columns_need_use(&list->columns);
    struct gorctl_call call = {.path = "/gor.v1.Jobs/List",
                               .request = &request.base,
                               .reply = &gor__v1__list_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    int code = gorctl_call(listing->ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_OK) {
        *out_reply = (Gor__V1__ListReply *)reply;
    }
    return code;
}

/* What ls shows when it is not told, with how far jobs are if some job on the first page says it. */
static struct gorctl_table *make_table(struct listing *listing, const Gor__V1__ListReply *reply)
{
    bool progress = false;
    for (size_t i = 0; i < reply->n_jobs; i++) {
        progress |= reply->jobs[i]->progress != NULL;
    }
    listing->columns = listing->list->columns;
    if (progress && gorctl_columns_are_live(&listing->columns)) {
        listing->columns = gorctl_columns_progress;
    }
    return gorctl_columns_table(&listing->columns);
}

static void show_rows(struct listing *listing, const Gor__V1__ListReply *reply)
{
    int64_t now = gorctl_now();
    for (size_t i = 0; i < reply->n_jobs; i++) {
        gorctl_columns_row(&listing->columns, listing->table, reply->jobs[i], now);
    }
    gorctl_table_print(listing->table, stdout, listing->screen.width, listing->screen.colour);
}

/* One document over all pages, written as it comes: the array now, the rest after the last page. */
static void show_json(struct listing *listing, const Gor__V1__ListReply *reply)
{
    for (size_t i = 0; i < reply->n_jobs; i++) {
        fputs(listing->shown + i == 0 ? "{\"jobs\": [\n" : ",\n", stdout);
        json_t *job = gorctl_json_message(&reply->jobs[i]->base);
        json_dumpf(job, stdout, JSON_COMPACT);
        json_decref(job);
    }
}

static void end_json(const struct listing *listing, const Gor__V1__ListReply *reply)
{
    fputs(listing->shown == 0 ? "{\"jobs\": [" : "\n", stdout);
    printf("], \"next_before_id\": %" PRIu64 ", \"total_live\": %" PRIu64
           ", \"total_terminated\": %" PRIu64 "}\n",
           reply->next_before_id, reply->total_live, reply->total_terminated);
}

static void say_more(const struct listing *listing)
{
    fprintf(stderr, "There are more: --before %" PRIu64 " shows the next page, -n 0 all of them.\n",
            listing->before);
}

static int show_pages(struct listing *listing)
{
    const struct gorctl_list *list = listing->list;
    for (;;) {
        Gor__V1__ListReply *reply;
        int code = fetch_page(listing, &reply);
        if (code != GORCTL_EXIT_OK) {
            return code;
        }
        if (listing->ctl->json) {
            show_json(listing, reply);
        } else {
            listing->table = listing->table != NULL ? listing->table : make_table(listing, reply);
            show_rows(listing, reply);
        }
        listing->shown += reply->n_jobs;
        listing->before = reply->next_before_id;
        bool last = listing->before == 0 || (list->most != 0 && listing->shown >= list->most);
        if (last && listing->ctl->json) {
            end_json(listing, reply);
        }
        wire_decoded_free(&reply->base);
        if (last) {
            return GORCTL_EXIT_OK;
        }
    }
}

int gorctl_list_show(struct gorctl *ctl, const struct gorctl_list *list)
{
    struct listing listing = {.ctl = ctl, .list = list, .before = list->before};
    listing.screen = gorctl_screen_of(STDOUT_FILENO);
    int code = show_pages(&listing);
    if (code == GORCTL_EXIT_OK && listing.before != 0 && listing.screen.terminal && !ctl->json) {
        (void)fflush(stdout);
        say_more(&listing);
    }
    gorctl_table_free(listing.table);
    return code;
}
