/* SPDX-License-Identifier: MIT */
/* cmd_quota.c - `gorctl quota`: how many jobs each owner has, and may have. */
#include <stdio.h>

#include "client/alloc.h"
#include "client/answer.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/table.h"
#include "client/whom.h"
#include "gor/v1/queues.pb-c.h"

enum { OWNER_ROOM = 256 };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_options_share(state, state->input, 2);
        return 0;
    case ARGP_KEY_ARG:
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "'%s' is not expected: it lists all owners", arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* By the daemon's name for him, else by this machine's. */
static void add_owner(struct gorctl_table *table, const Gor__V1__OwnerQuota *owner)
{
    char text[OWNER_ROOM];
    if (owner->name[0] != '\0' && (owner->name[0] < '0' || owner->name[0] > '9')) {
        gorctl_table_text(table, owner->name);
        return;
    }
    gorctl_user_text(owner->uid, text, sizeof(text));
    gorctl_table_cell(table, text, NULL);
}

static void add_limit(struct gorctl_table *table, uint64_t limit)
{
    if (limit == 0) {
        gorctl_table_cell(table, "-", NULL);
    } else {
        gorctl_table_number(table, limit);
    }
}

static void show(const ProtobufCMessage *message, void *arg)
{
    const Gor__V1__ListOwnersReply *reply = (const Gor__V1__ListOwnersReply *)message;
    static const struct gorctl_column columns[] = {{"OWNER", false, false},  {"UID", true, false},
                                                   {"QUEUED", true, false},  {"MAX", true, false},
                                                   {"RUNNING", true, false}, {"MAX", true, false}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    (void)arg;
    for (size_t i = 0; i < reply->n_owners; i++) {
        const Gor__V1__OwnerQuota *owner = reply->owners[i];
        add_owner(table, owner);
        gorctl_table_number(table, owner->uid);
        gorctl_table_number(table, owner->queued);
        add_limit(table, owner->queued_limit);
        gorctl_table_number(table, owner->running);
        add_limit(table, owner->running_limit);
    }
    gorctl_table_show(table);
}

int gorctl_cmd_quota(struct gorctl *ctl, int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .doc = "How many jobs of each owner wait and run, and how many may (gord "
               "--max-owner-queued, --max-owner-running, --owner-limits).\v"
               "Listed is whoever has jobs that have not ended, or limits of his own. A\n"
               "submission beyond the first limit is refused, with exit code 75; beyond the\n"
               "second one jobs wait until others of the same owner have ended, and `gorctl\n"
               "why` says so.\n",
        .children = gorctl_read_children};
    Gor__V1__ListOwnersRequest request = GOR__V1__LIST_OWNERS_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Queues/ListOwners",
                               .request = &request.base,
                               .reply = &gor__v1__list_owners_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    (void)argp_parse(&argp, argc, argv, 0, NULL, ctl);
    return gorctl_call_show(ctl, &call, show, NULL);
}
