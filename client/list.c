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

enum { PAGE = 1000, PAGE_WITH_ATTEMPTS = 100, KEY_BEFORE = 0x2000, KEY_LONG, KEY_NO_HEADER };

/* --------------------------------------------------------------- options */

static const struct argp_option options[] = {
    {NULL, 'n', "COUNT", 0, "Show at most COUNT jobs, newest first; 0: all (default: 50)", 1},
    {"long", KEY_LONG, NULL, 0, "Show what jobs used, too: CPU time, memory, faults", 1},
    {"columns", 'o', "LIST", 0, "Show these columns, with commas between; `-o help` lists them", 1},
    {"no-header", KEY_NO_HEADER, NULL, 0, "Show no heading above the columns", 1},
    {"before", KEY_BEFORE, "ID", 0, "Only jobs with ids below ID: the next page", 2},
    {0},
};

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
    list->as_table |= key == KEY_LONG || key == 'o' || key == KEY_NO_HEADER;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &list->format;
        return 0;
    case KEY_LONG:
        list->columns = gorctl_columns_long;
        return 0;
    case 'o':
        choose_columns(state, list, arg);
        return 0;
    case KEY_NO_HEADER:
        list->no_heading = true;
        return 0;
    case 'n':
        list->most = gorctl_option_number(state, "-n", arg);
        return 0;
    case KEY_BEFORE:
        list->before = gorctl_option_number(state, "--before", arg);
        return 0;
    case ARGP_KEY_END:
        if (list->format.chosen != NULL && list->as_table) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0,
                         "--format is instead of a table: leave out -o, --long and --no-header");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&gorctl_template_argp, 0, NULL, 1}, {0}};

const struct argp gorctl_list_argp = {.options = options, .parser = parse, .children = children};

/* ----------------------------------------------------------------- pages */

struct listing {
    struct gorctl *ctl;
    const struct gorctl_list *list;
    Gor__V1__Selector *selector; /* owned */
    struct gorctl_screen screen;
    struct gorctl_table *table; /* owned; made for the first page; NULL with --json and --format */
    struct gorctl_columns columns; /* once the first page is there */
    uint64_t shown;
    uint64_t before; /* of the next page; 0: there is none */
};

static int fetch_page(struct listing *listing, Gor__V1__ListReply **out_reply)
{
    const struct gorctl_list *list = listing->list;
    const struct gorctl_template *format = list->format.chosen;
    bool attempts = list->attempts || (format != NULL && gorctl_template_has(format, "attempts"));
    uint64_t page = attempts ? PAGE_WITH_ATTEMPTS : PAGE;
    uint64_t left = list->most == 0 ? page : list->most - listing->shown;
    Gor__V1__ListRequest request = GOR__V1__LIST_REQUEST__INIT;
    request.selector = listing->selector;
    request.before_id = listing->before;
    request.limit = (uint32_t)(left < page ? left : page);
    request.without_env = true;
    request.with_attempts = attempts;
    request.with_use =
        listing->ctl->json || (format != NULL ? gorctl_template_has(format, "use")
                                              : gorctl_columns_need_use(&list->columns));
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
    struct gorctl_table *table = gorctl_columns_table(&listing->columns);
    if (listing->list->no_heading) {
        gorctl_table_no_heading(table);
    }
    return table;
}

/* With --format there is no table. */
static void show_row(struct listing *listing, const Gor__V1__Job *job, int64_t now)
{
    if (listing->list->format.chosen != NULL) {
        gorctl_template_print(listing->list->format.chosen, &job->base, stdout);
    } else {
        gorctl_columns_row(&listing->columns, listing->table, job, now);
    }
}

/* A row for each run, of the job as if it were all there was of it. */
static void show_attempts(struct listing *listing, const Gor__V1__Job *job, int64_t now)
{
    for (size_t i = 0; i < job->n_attempts; i++) {
        const Gor__V1__Attempt *attempt = job->attempts[i];
        Gor__V1__Job run = *job;
        run.state = attempt->finished_ns != 0 ? GOR__V1__JOB_STATE__TERMINATED : job->state;
        run.outcome = attempt->outcome;
        run.exit_code = attempt->exit_code;
        run.signal = attempt->signal;
        run.core_dumped = attempt->core_dumped && attempt->finished_ns != 0;
        run.detail = attempt->detail;
        run.started_ns = attempt->started_ns;
        run.finished_ns = attempt->finished_ns;
        run.stdout_bytes = attempt->stdout_bytes;
        run.stderr_bytes = attempt->stderr_bytes;
        run.use = i + 1 == job->n_attempts ? job->use : NULL;
        run.attempt = attempt->number - 1;
        run.losses = 0;
        show_row(listing, &run, now);
    }
}

static void show_rows(struct listing *listing, const Gor__V1__ListReply *reply)
{
    int64_t now = gorctl_now();
    for (size_t i = 0; i < reply->n_jobs; i++) {
        if (listing->list->attempts) {
            show_attempts(listing, reply->jobs[i], now);
        } else {
            show_row(listing, reply->jobs[i], now);
        }
    }
    if (listing->table != NULL) {
        gorctl_table_print(listing->table, stdout, listing->screen.width, listing->screen.colour);
    }
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
            if (listing->table == NULL && list->format.chosen == NULL) {
                listing->table = make_table(listing, reply);
            }
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
    listing.selector = gorctl_selector_message(&list->selector);
    listing.screen = gorctl_screen_of(STDOUT_FILENO);
    int code = show_pages(&listing);
    if (code == GORCTL_EXIT_OK && listing.before != 0 && listing.screen.terminal && !ctl->json) {
        (void)fflush(stdout);
        say_more(&listing);
    }
    gorctl_table_free(listing.table);
    gor__v1__selector__free_unpacked(listing.selector, NULL);
    return code;
}
