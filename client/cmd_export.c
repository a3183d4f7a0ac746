/* SPDX-License-Identifier: MIT */
/* cmd_export.c - `gorctl export`: every job with its whole history, one JSON document a line.
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

enum { KEY_FROM_ID = 0x3000, PAGE = 1000 };

static const struct argp_option options[] = {
    {"from-id", KEY_FROM_ID, "ID", 0, "Leave out jobs below this id, exported earlier", 0},
    {0},
};

static const char doc[] =
    "Every job with its whole history, oldest first, as one JSON document a line: \"job\" as in "
    "`gorctl show --json`, and \"events\", each step of its life. For what jobs wrote, and to "
    "restore, see `gorctl backup`.\v"
    "Examples:\n"
    "  gorctl export > jobs.ndjson\n"
    "  gorctl export | jq -r 'select(.job.outcome == \"FAILED\") | .job.id'\n"
    "  gorctl export --from-id 5000 >> jobs.ndjson\n";

struct arguments {
    struct gorctl *ctl;
    uint64_t from_id;
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

static int export_job(struct gorctl *ctl, uint64_t id)
{
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    request.id = id;
    request.with_events = true;
    struct gorctl_call call = {.path = "/gor.v1.Jobs/Get",
                               .request = &request.base,
                               .reply = &gor__v1__get_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS,
                               .quiet_missing = true};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_NOT_FOUND) {
        return GORCTL_EXIT_OK;
    }
    if (code == GORCTL_EXIT_OK) {
        gorctl_json_print(stdout, gorctl_json_message(reply), false);
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
        code = export_job(ctl, ids.items[--ids.count]);
    }
    free(ids.items);
    return code;
}
