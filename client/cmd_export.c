/* SPDX-License-Identifier: MIT */
/* cmd_export.c - `gorctl export`: every job with its whole history, what jobs ask for and the calendar,
 * one JSON document a line; what `gorctl import` takes.
 *
 * Queues come before the jobs that are in them, entries of the calendar after the jobs they made.
 * Ids are read first, page by page, and are few bytes each; then the jobs, one by one, in the order in
 * which they came, but for those that wait for later ones (export_order.h). One that was removed meanwhile
 * is left out.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/export_order.h"
#include "client/gorctl.h"
#include "client/json.h"
#include "client/options.h"
#include "gor/v1/crons.pb-c.h"
#include "gor/v1/jobs.pb-c.h"
#include "gor/v1/queues.pb-c.h"
#include "proto/decode.h"

enum { KEY_FROM_ID = 0x3000, KEY_WITH_OUTPUT, KEY_REVEAL, KEY_JOBS_ONLY, PAGE = 1000 };

static const struct argp_option options[] = {
    {"from-id", KEY_FROM_ID, "ID", 0, "Leave out jobs below this id, exported earlier", 0},
    {"with-output", KEY_WITH_OUTPUT, NULL, 0,
     "What each ended job wrote as well, in lines \"output\" after its own", 0},
    {"reveal", KEY_REVEAL, NULL, 0,
     "The values of secrets in environments, which are hidden else; over the Unix socket only, "
     "for root, or for jobs that are all yours",
     0},
    {"jobs-only", KEY_JOBS_ONLY, NULL, 0,
     "No queues, pools and rates, and no entries of the calendar", 0},
    {0},
};

static const char doc[] =
    "Every job with its whole history, as one JSON document a line, oldest first; a job that "
    "still waits for others comes after them. \"job\" is as in "
    "`gorctl show --json`, and \"events\" is each step of its life. Before them come the queues, "
    "pools and rates (\"queue\", \"pool\", \"rate\"), after them the entries of the calendar "
    "(\"cron\"). "
    "`gorctl import` takes it into another daemon; for a copy of all as it is, tokens included, "
    "see "
    "`gorctl backup`.\v"
    "Jobs that have not ended, and entries of the calendar, can run elsewhere only with their "
    "secrets: --reveal.\n"
    "\n"
    "Examples:\n"
    "  gorctl export > jobs.ndjson\n"
    "  gorctl export --reveal --with-output | gorctl -H tls://build2:7070 import -\n"
    "  gorctl export | jq -r 'select(.job.outcome == \"FAILED\") | .job.id'\n"
    "  gorctl export --jobs-only --from-id 5000 >> jobs.ndjson\n";

struct arguments {
    struct gorctl *ctl;
    uint64_t from_id;
    bool with_output;
    bool reveal;
    uint64_t hidden_jobs, hidden_crons; /* that cannot run elsewhere, for values are hidden */
    bool jobs_only;
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
    case KEY_JOBS_ONLY:
        arguments->jobs_only = true;
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

/* Whether a value is hidden that it needs to run. */
static bool hides(const Gor__V1__JobSpec *spec)
{
    static const char mark[] = "=(hidden)"; /* see gor/v1/jobs.proto */
    if (spec != NULL && strstr(spec->on_finish_url, mark + 1) != NULL) {
        return true;
    }
    if (spec == NULL || spec->kind_case != GOR__V1__JOB_SPEC__KIND_EXEC) {
        return false;
    }
    for (size_t i = 0; i < spec->exec->n_env; i++) {
        const ProtobufCBinaryData *env = &spec->exec->env[i];
        const uint8_t *value = env->len > 0 ? memchr(env->data, '=', env->len) : NULL;
        if (value != NULL && env->data + env->len - value == (ptrdiff_t)sizeof(mark) - 1 &&
            memcmp(value, mark, sizeof(mark) - 1) == 0) {
            return true;
        }
    }
    return false;
}

static void say_hidden(const struct arguments *arguments)
{
    if (arguments->hidden_jobs + arguments->hidden_crons > 0) {
        gorctl_say("values of secrets are hidden, and import refuses what needs them to run (jobs: "
                   "%" PRIu64 ", entries of the calendar: %" PRIu64 "); --reveal exports them",
                   arguments->hidden_jobs, arguments->hidden_crons);
    }
}

static int export_job(struct arguments *arguments, struct gorctl_export_order *order, uint64_t id)
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
        gorctl_export_done(order, id);
        return GORCTL_EXIT_OK;
    }
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__Job *job = ((Gor__V1__GetReply *)reply)->job;
    if (gorctl_export_is_due(order, job)) {
        gorctl_json_print(stdout, gorctl_json_message(reply), false);
        arguments->hidden_jobs += job->state != GOR__V1__JOB_STATE__TERMINATED && hides(job->spec);
        code = arguments->with_output ? export_output(arguments->ctl, job) : code;
        gorctl_export_done(order, id);
    }
    wire_decoded_free(reply);
    return code;
}

static int export_jobs(struct arguments *arguments)
{
    struct ids ids = {0};
    int code = read_ids(arguments, &ids);
    struct gorctl_export_order order = {.ids = ids.items, .count = ids.count};
    uint64_t id;
    while (code == GORCTL_EXIT_OK && !ferror(stdout) && (id = gorctl_export_next(&order)) != 0) {
        code = export_job(arguments, &order, id);
    }
    gorctl_export_order_fini(&order);
    free(ids.items);
    return code;
}

/* -------------------------------------------------- what is no job */

static void print_one(const char *key, const ProtobufCMessage *message)
{
    json_t *line = json_pack("{s:o}", key, gorctl_json_message(message));

    if (line == NULL) {
        gorctl_out_of_memory();
    }
    gorctl_json_print(stdout, line, false);
}

/* The one that is always there, with nothing set about it. */
static bool is_plain(const Gor__V1__Queue *queue)
{
    return strcmp(queue->name, "default") == 0 && queue->slots == 0 && !queue->paused &&
           queue->rate == NULL && queue->fair[0] == '\0';
}

/* What is set, and not how things stand. */
static void print_queues(const Gor__V1__ListQueuesReply *reply)
{
    for (size_t i = 0; i < reply->n_queues; i++) {
        Gor__V1__Queue queue = *reply->queues[i];
        queue.used = queue.queued = queue.running = 0;
        queue.rate_tokens = 0;
        if (!is_plain(&queue)) {
            print_one("queue", &queue.base);
        }
    }
    for (size_t i = 0; i < reply->n_pools; i++) {
        Gor__V1__Pool pool = *reply->pools[i];
        pool.used = pool.queued = pool.running = 0;
        print_one("pool", &pool.base);
    }
    for (size_t i = 0; i < reply->n_rates; i++) {
        Gor__V1__Rate rate = *reply->rates[i];
        rate.queued = rate.running = 0;
        rate.tokens = 0;
        print_one("rate", &rate.base);
    }
}

static int export_queues(struct gorctl *ctl)
{
    Gor__V1__ListQueuesRequest request = GOR__V1__LIST_QUEUES_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Queues/List",
                               .request = &request.base,
                               .reply = &gor__v1__list_queues_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *reply;
    int code = gorctl_call(ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_OK) {
        print_queues((const Gor__V1__ListQueuesReply *)reply);
        wire_decoded_free(reply);
    }
    return code;
}

/* One that was removed meanwhile is left out. */
static int export_cron(struct arguments *arguments, char *name)
{
    Gor__V1__ShowCronRequest request = GOR__V1__SHOW_CRON_REQUEST__INIT;
    request.name = name;
    request.reveal = arguments->reveal;
    struct gorctl_call call = {.path = "/gor.v1.Crons/Show",
                               .request = &request.base,
                               .reply = &gor__v1__cron__descriptor,
                               .timeout_ns = GORCTL_CALL_NS,
                               .quiet_missing = true};
    ProtobufCMessage *reply;
    int code = gorctl_call(arguments->ctl, &call, NULL, &reply);
    if (code == GORCTL_EXIT_OK) {
        print_one("cron", reply);
        const Gor__V1__CronSpec *spec = ((const Gor__V1__Cron *)reply)->spec;
        arguments->hidden_crons += spec != NULL && hides(spec->job);
        wire_decoded_free(reply);
    }
    return code == GORCTL_EXIT_NOT_FOUND ? GORCTL_EXIT_OK : code;
}

static int export_crons(struct arguments *arguments)
{
    Gor__V1__ListCronsRequest request = GOR__V1__LIST_CRONS_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Crons/List",
                               .request = &request.base,
                               .reply = &gor__v1__list_crons_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message;
    int code = gorctl_call(arguments->ctl, &call, NULL, &message);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    const Gor__V1__ListCronsReply *reply = (const Gor__V1__ListCronsReply *)message;
    for (size_t i = 0; i < reply->n_crons && code == GORCTL_EXIT_OK && !ferror(stdout); i++) {
        code = export_cron(arguments, reply->crons[i]->spec->name);
    }
    wire_decoded_free(message);
    return code;
}

int gorctl_cmd_export(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .options = options, .parser = parse, .doc = doc, .children = gorctl_connection_children};
    struct arguments arguments = {.ctl = ctl};
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    int code = arguments.jobs_only ? GORCTL_EXIT_OK : export_queues(ctl);
    code = code == GORCTL_EXIT_OK ? export_jobs(&arguments) : code;
    code = code != GORCTL_EXIT_OK || arguments.jobs_only ? code : export_crons(&arguments);
    say_hidden(&arguments);
    return code;
}
