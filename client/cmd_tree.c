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
#include "client/screen.h"
#include "client/table.h"
#include "client/when.h"
#include "proto/decode.h"

static const struct argp_option options[] = {
    {"below", 'b', NULL, 0, "Only the job itself and what is below it", 0},
    {0},
};

static const char doc[] =
    "Show the tree of jobs that a job stands in: its parents up to the topmost, and whatever was "
    "submitted below them (--parent), ended or not. A cancellation flows down such a tree.\v"
    "Examples:\n"
    "  gorctl tree 12\n"
    "  gorctl tree --below 12 --json | jq '.jobs[].id'\n";

struct arguments {
    struct gorctl *ctl;
    uint64_t id;
    bool below;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 2);
        return 0;
    case 'b':
        arguments->below = true;
        return 0;
    case ARGP_KEY_ARG:
        arguments->id = gorctl_option_job(state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "of which job? `gorctl ls -a` lists them");
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

/* "│  ├─ 14" */
static char *branch_text(const Gor__V1__TreeReply *reply, size_t at)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        gorctl_out_of_memory();
    }
    uint32_t depth = reply->depths[at];
    for (uint32_t level = 1; level < depth; level++) {
        fputs(has_younger_sibling(reply, at, level) ? "│  " : "   ", out);
    }
    if (depth > 0) {
        fputs(has_younger_sibling(reply, at, depth) ? "├─ " : "└─ ", out);
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
    struct gorctl_screen screen = gorctl_screen_of(STDOUT_FILENO);
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_jobs && i < reply->n_depths; i++) {
        add_row(table, reply, i, asked_for);
    }
    gorctl_table_print(table, stdout, screen.width, screen.colour);
    gorctl_table_free(table);
    if (reply->truncated) {
        (void)fflush(stdout);
        fprintf(stderr, "There are more than these %zu; --below ID shows the part below a job.\n",
                reply->n_jobs);
    }
}

int gorctl_cmd_tree(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "ID",
                                     .doc = doc,
                                     .children = gorctl_read_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    Gor__V1__TreeRequest request = GOR__V1__TREE_REQUEST__INIT;
    request.id = arguments.id;
    request.from_top = !arguments.below;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Tree",
                               .request = &request.base,
                               .reply = &gor__v1__tree_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (ctl->json) {
        gorctl_json_show(reply);
    } else {
        show((const Gor__V1__TreeReply *)reply, arguments.id);
    }
    wire_decoded_free(reply);
    return GORCTL_EXIT_OK;
}
