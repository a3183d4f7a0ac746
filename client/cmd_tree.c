/* SPDX-License-Identifier: MIT */
/* cmd_tree.c - `gorctl tree`: a job and those submitted below it, as lines that branch. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "client/row.h"
#include "client/selector.h"
#include "client/table.h"
#include "client/text.h"
#include "client/when.h"
#include "proto/decode.h"

/* Each is looked for in all that was shown. */
enum { JOBS_MOST = 1000 };

static const struct argp_option options[] = {
    {"below", 'b', NULL, 0, "Only the job itself and what is below it", 0},
    {0},
};

static const char doc[] =
    "Show the tree of jobs that a job stands in: its parents up to the topmost, and whatever was "
    "submitted below them (--parent), ended or not. A cancellation flows down such a tree. A tree "
    "that "
    "several of the jobs stand in is shown once.\v"
    "Examples:\n"
    "  gorctl tree 12\n"
    "  gorctl tree --name deploy --since today\n"
    "  gorctl tree --below 12 --json | jq '.jobs[].id'\n";

struct arguments {
    struct gorctl *ctl;
    struct gorctl_selector selector;
    bool below;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    (void)arg;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        state->child_inputs[2] = &arguments->selector;
        return 0;
    case 'b':
        arguments->below = true;
        return 0;
    case ARGP_KEY_END:
        if (gorctl_selector_is_empty(&arguments->selector)) {
            argp_failure(state, GORCTL_EXIT_USAGE, 0, "of which job? `gorctl ls -a` lists them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Does another child of the same parent follow? Between the two are only those deeper. */
static bool has_younger_sibling(const Gor__V1__TreeReply *reply, size_t at, uint32_t depth)
{
    for (size_t i = at + 1; i < reply->n_depths && reply->depths[i] >= depth; i++) {
        if (reply->depths[i] == depth) {
            return true;
        }
    }
    return false;
}

/* "│  ├─ 14", or "|  |- 14" */
static char *branch_text(const Gor__V1__TreeReply *reply, size_t at)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = gorctl_memory_stream(&text, &size);
    uint32_t depth = reply->depths[at];
    bool plain = gorctl_text_is_plain();
    for (uint32_t level = 1; level < depth; level++) {
        fputs(!has_younger_sibling(reply, at, level) ? "   " : plain ? "|  " : "│  ", out);
    }
    if (depth > 0 && has_younger_sibling(reply, at, depth)) {
        fputs(plain ? "|- " : "├─ ", out);
    } else if (depth > 0) {
        fputs(plain ? "`- " : "└─ ", out);
    }
    fprintf(out, "%" PRIu64, reply->jobs[at]->id);
    fclose(out);
    return text;
}

static void add_row(struct gorctl_table *table, const Gor__V1__TreeReply *reply, size_t at,
                    uint64_t asked_for)
{
    const Gor__V1__Job *job = reply->jobs[at];
    char *branch = branch_text(reply, at);
    gorctl_table_cell(table, branch, job->id == asked_for ? "\x1b[1m" : NULL);
    free(branch);
    gorctl_row_status(table, job);
    gorctl_row_took(table, job, gorctl_now());
    gorctl_row_what(table, job);
}

static void show(const Gor__V1__TreeReply *reply, uint64_t asked_for)
{
    static const struct gorctl_column columns[] = {
        {"JOB", false, false}, {"STATE", false, false},  {"TIME", true, false},
        {"NAME", false, true}, {"COMMAND", false, true}, {"WHY", false, true}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_jobs && i < reply->n_depths; i++) {
        add_row(table, reply, i, asked_for);
    }
    gorctl_table_show(table);
    if (reply->truncated) {
        (void)fflush(stdout);
        fprintf(stderr, "There are more than these %zu; --below ID shows the part below a job.\n",
                reply->n_jobs);
    }
}

static bool is_in(const struct gorctl_ids *ids, uint64_t id)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (ids->ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* What was shown need not be shown again. */
static void note_shown(struct gorctl_ids *shown, const Gor__V1__TreeReply *reply)
{
    shown->ids = gorctl_grow(shown->ids, shown->count + reply->n_jobs + 1, sizeof(*shown->ids));
    for (size_t i = 0; i < reply->n_jobs; i++) {
        shown->ids[shown->count++] = reply->jobs[i]->id;
    }
}

static int show_tree(const struct arguments *arguments, uint64_t id, bool one_of_many,
                     struct gorctl_ids *shown)
{
    Gor__V1__TreeRequest request = GOR__V1__TREE_REQUEST__INIT;
    request.id = id;
    request.from_top = !arguments->below;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Tree",
                               .request = &request.base,
                               .reply = &gor__v1__tree_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message;
    int code = gorctl_call(arguments->ctl, &call, NULL, &message);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__TreeReply *reply = (const Gor__V1__TreeReply *)message;
    if (arguments->ctl->json) {
        gorctl_json_print(stdout, gorctl_json_message(message), !one_of_many);
    } else {
        if (shown->count > 0) {
            putchar('\n');
        }
        show(reply, id);
    }
    note_shown(shown, reply);
    wire_decoded_free(message);
    return GORCTL_EXIT_OK;
}

/* Each tree once, whichever of its jobs are meant. The code of the first failure. */
static int show_trees(const void *arg, const struct gorctl_ids *ids)
{
    const struct arguments *arguments = arg;
    struct gorctl_ids shown = {0};
    int code = GORCTL_EXIT_OK;
    if (ids->count > JOBS_MOST) {
        gorctl_say("that selects %zu jobs, at most %d are taken; say more about them", ids->count,
                   JOBS_MOST);
        return GORCTL_EXIT_USAGE;
    }
    for (size_t i = 0; i < ids->count && !ferror(stdout); i++) {
        if (!is_in(&shown, ids->ids[i])) {
            int result = show_tree(arguments, ids->ids[i], ids->count > 1, &shown);
            code = code == GORCTL_EXIT_OK ? result : code;
        }
    }
    gorctl_ids_fini(&shown);
    return code;
}

int gorctl_cmd_tree(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "ID...",
                                     .doc = doc,
                                     .children = gorctl_selector_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    return gorctl_selector_run(ctl, &arguments.selector, show_trees, &arguments);
}
