/* SPDX-License-Identifier: MIT */
/* queues.c - see queues.h; and `gorctl queues`. */
#include "client/queues.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/options.h"
#include "client/rate.h"
#include "client/shares.h"
#include "client/table.h"
#include "client/when.h"
#include "gor/v1/queues.pb-c.h"

static void add_limit(struct gorctl_table *table, const Gor__V1__RateLimit *limit)
{
    char text[GORCTL_RATE_ROOM];
    gorctl_table_cell(table, limit != NULL ? gorctl_rate_text(limit, text) : "-", NULL);
}

static void add_queue(struct gorctl_table *table, const Gor__V1__Queue *queue)
{
    char text[GORCTL_WHEN_ROOM + 16] = "", until[GORCTL_WHEN_ROOM];
    gorctl_table_cell(table, queue->name, NULL);
    if (queue->slots == 0) {
        gorctl_table_cell(table, "-", NULL);
    } else {
        gorctl_table_number(table, queue->slots);
    }
    gorctl_table_number(table, queue->used);
    gorctl_table_number(table, queue->queued);
    gorctl_table_number(table, queue->running);
    add_limit(table, queue->rate);
    if (queue->rate != NULL) {
        gorctl_table_number(table, queue->rate_tokens);
    } else {
        gorctl_table_cell(table, "-", NULL);
    }
    gorctl_table_cell(table, queue->fair[0] != '\0' ? queue->fair : "-", NULL);
    if (queue->paused && queue->paused_until_ns != 0) {
        gorctl_time_text(queue->paused_until_ns, gorctl_now(), until);
        snprintf(text, sizeof(text), "paused until %s", until);
    } else if (queue->paused) {
        snprintf(text, sizeof(text), "paused");
    }
    gorctl_table_cell(table, text, NULL);
}

static void show_queues(const Gor__V1__ListQueuesReply *reply)
{
    static const struct gorctl_column columns[] = {
        {"QUEUE", false, false}, {"SLOTS", true, false},   {"USED", true, false},
        {"QUEUED", true, false}, {"RUNNING", true, false}, {"RATE", false, false},
        {"READY", true, false},  {"FAIR", false, false},   {"STATE", false, false}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_queues; i++) {
        add_queue(table, reply->queues[i]);
    }
    gorctl_table_show(table);
}

static void show_pools(const Gor__V1__ListQueuesReply *reply)
{
    static const struct gorctl_column columns[] = {{"POOL", false, false},
                                                   {"TOKENS", true, false},
                                                   {"USED", true, false},
                                                   {"QUEUED", true, false},
                                                   {"RUNNING", true, false}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_pools; i++) {
        const Gor__V1__Pool *pool = reply->pools[i];
        gorctl_table_cell(table, pool->name, NULL);
        gorctl_table_number(table, pool->tokens);
        gorctl_table_number(table, pool->used);
        gorctl_table_number(table, pool->queued);
        gorctl_table_number(table, pool->running);
    }
    gorctl_table_show(table);
}

static void show_rates(const Gor__V1__ListQueuesReply *reply)
{
    static const struct gorctl_column columns[] = {{"RATE", false, false},
                                                   {"LIMIT", false, false},
                                                   {"READY", true, false},
                                                   {"QUEUED", true, false},
                                                   {"RUNNING", true, false}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_rates; i++) {
        const Gor__V1__Rate *rate = reply->rates[i];
        gorctl_table_cell(table, rate->name, NULL);
        add_limit(table, rate->limit);
        gorctl_table_number(table, rate->tokens);
        gorctl_table_number(table, rate->queued);
        gorctl_table_number(table, rate->running);
    }
    gorctl_table_show(table);
}

/* One table and what belongs to it, or all of which there is something, with empty lines between. */
static void show(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__ListQueuesReply *reply = (const Gor__V1__ListQueuesReply *)message;
    enum gorctl_queues what = *(const enum gorctl_queues *)arg;
    static const struct {
        enum gorctl_queues what;
        bool always;
        void (*show)(const Gor__V1__ListQueuesReply *reply);
    } tables[] = {{GORCTL_QUEUES, true, show_queues},
                  {GORCTL_QUEUES, false, gorctl_shares_show},
                  {GORCTL_POOLS, true, show_pools},
                  {GORCTL_RATES, true, show_rates}};
    const size_t counts[] = {reply->n_queues, gorctl_shares_count(reply), reply->n_pools,
                             reply->n_rates};
    bool first = true;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        bool asked = what == tables[i].what && tables[i].always;
        if (asked || ((what == tables[i].what || what == GORCTL_ALL_QUEUES) && counts[i] > 0)) {
            fputs(first ? "" : "\n", stdout);
            tables[i].show(reply);
            first = false;
        }
    }
}

int gorctl_queues_list(struct gorctl *ctl, enum gorctl_queues what)
{
    Gor__V1__ListQueuesRequest request = GOR__V1__LIST_QUEUES_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Queues/List",
                               .request = &request.base,
                               .reply = &gor__v1__list_queues_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    return gorctl_call_show(ctl, &call, show, &what);
}

static error_t parse_none(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, state->input, 2);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected: it lists all", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int gorctl_cmd_queues(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_none,
        .doc = "List the queues, the weights of their shares, the pools of tokens and the "
               "rates.",
        .children = gorctl_read_children};
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    return gorctl_queues_list(ctl, GORCTL_ALL_QUEUES);
}
