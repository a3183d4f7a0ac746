/* SPDX-License-Identifier: MIT */
/* cmd_export.c - `gorctl export`: every job with its whole history, one JSON document a line; what
 * `gorctl import` takes.
 *
 * Ids are read first, page by page, and are few bytes each; then the jobs, one by one, in the order in
 * which they came. One that was removed meanwhile is left out.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"

enum { KEY_FROM_ID = 0x3000, KEY_WITH_OUTPUT, KEY_REVEAL, PAGE = 1000 };

static const struct argp_option options[] = {
    {"from-id", KEY_FROM_ID, "ID", 0, "Leave out jobs below this id, exported earlier", 0},
    {"with-output", KEY_WITH_OUTPUT, NULL, 0,
     "What each ended job wrote as well, in lines \"output\" after its own", 0},
    {"reveal", KEY_REVEAL, NULL, 0,
     "The values of secrets in environments, which are hidden else; for root, or for jobs that are "
     "all "
     "yours",
     0},
    {0},
};

static const char doc[] =
    "Every job with its whole history, oldest first, as one JSON document a line: \"job\" as in "
    "`gorctl show --json`, and \"events\", each step of its life. `gorctl import` takes it into "
    "another daemon; for a copy of all as it is see `gorctl backup`.\v"
    "Jobs that have not ended can run elsewhere only with their secrets: --reveal.\n"
    "\n"
    "Examples:\n"
    "  gorctl export > jobs.ndjson\n"
    "  gorctl export --reveal --with-output | gorctl -H build2:7070 import -\n"
    "  gorctl export | jq -r 'select(.job.outcome == \"FAILED\") | .job.id'\n"
    "  gorctl export --from-id 5000 >> jobs.ndjson\n";

struct arguments {
    struct gorctl *ctl;
    uint64_t from_id;
    bool with_output;
    bool reveal;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, arguments->ctl, 1);
        return 0;
    case KEY_FROM_ID:
        arguments->from_id = gorctl_option_number(state, "--from-id", arg);
        return 0;
    case KEY_WITH_OUTPUT:
        arguments->with_output = true;
        return 0;
    case KEY_REVEAL:
        arguments->reveal = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected here", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Ids, newest first. */
struct ids {
    uint64_t *items; /* owned */
    size_t count;
};

static int read_page(struct gorctl *ctl, uint64_t before, Gor__V1__ListReply **out_reply)
{
    Gor__V1__ListRequest request = GOR__V1__LIST_REQUEST__INIT;
    request.before_id = before;
    request.limit = PAGE;
    request.without_env = true;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/List",
                               .request = &request.base,
                               .reply = &gor__v1__list_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_OK) {
        *out_reply = (Gor__V1__ListReply *)reply;
    }
    return code;
}

static int read_ids(const struct arguments *arguments, struct ids *ids)
{
    uint64_t before = 0;
    do {
        Gor__V1__ListReply *reply;
        int code = read_page(arguments->ctl, before, &reply);
        if (code != GORCTL_EXIT_OK) {
            return code;
        }
        ids->items = gorctl_grow(ids->items, ids->count + reply->n_jobs, sizeof(*ids->items));
        before = reply->next_before_id;
        for (size_t i = 0; i < reply->n_jobs; i++) {
            if (reply->jobs[i]->id >= arguments->from_id) {
                ids->items[ids->count++] = reply->jobs[i]->id;
            } else {
                before = 0;
            }
        }
        wire_decoded_free(&reply->base);
    } while (before != 0);
    return GORCTL_EXIT_OK;
}

static bool print_chunk(const ProtobufCMessage *chunk, void *user)
{
    json_t *line = json_pack("{s:o}", "output", gorctl_json_message(chunk));
    (void)user;
    if (line == NULL) {
        gorctl_out_of_memory();
    }
    gorctl_json_print(stdout, line, false);
    return !ferror(stdout);
}

static int export_output(struct gorctl *ctl, const Gor__V1__Job *job)
{
    Gor__V1__LogsRequest request = GOR__V1__LOGS_REQUEST__INIT;
    request.id = job->id;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Logs",
                               .request = &request.base,
                               .reply = &gor__v1__log_chunk__descriptor,
                               .quiet_missing = true};
    if (job->state != GOR__V1__JOB_STATE__TERMINATED ||
        (job->spec != NULL && job->spec->kind_case == GOR__V1__JOB_SPEC__KIND_GROUP)) {
        return GORCTL_EXIT_OK; /* an array writes nothing itself */
    }
    int code = gorctl_stream(ctl, &call, print_chunk, NULL);
    return code == GORCTL_EXIT_NOT_FOUND ? GORCTL_EXIT_OK : code;
}

static int export_job(const struct arguments *arguments, uint64_t id)
{
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    request.id = id;
    request.with_events = true;
    request.with_result = true;
    request.reveal = arguments->reveal;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Get",
                               .request = &request.base,
                               .reply = &gor__v1__get_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS,
                               .quiet_missing = true};
    ProtobufCMessage *reply;
    int code = gorctl_call(arguments->ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_NOT_FOUND) {
        return GORCTL_EXIT_OK;
    }
    if (code == GORCTL_EXIT_OK) {
        gorctl_json_print(stdout, gorctl_json_message(reply), false);
        if (arguments->with_output) {
            code = export_output(arguments->ctl, ((Gor__V1__GetReply *)reply)->job);
        }
        wire_decoded_free(reply);
    }
    return code;
}

int gorctl_cmd_export(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl};
    struct ids ids = {0};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = read_ids(&arguments, &ids);
    while (code == GORCTL_EXIT_OK && ids.count > 0 && !ferror(stdout)) {
        code = export_job(&arguments, ids.items[--ids.count]);
    }
    free(ids.items);
    return code;
}
