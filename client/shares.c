/* SPDX-License-Identifier: MIT */
/* shares.c - see shares.h. */
#include "client/shares.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/channel.h"
#include "client/exits.h"
#include "client/options.h"
#include "client/table.h"
#include "client/text.h"
#include "client/whom.h"
#include "proto/decode.h"

enum { WEIGHT_MAX = 1000 };

/* --------------------------------------------------------------- options */

int gorctl_shares_add(struct gorctl_shares *shares, const char *text)
{
    const char *equals = strrchr(text, '=');
    uint64_t weight = 0;
    if (equals == NULL || !gorctl_utf8_valid(text, strlen(text))) {
        return -EINVAL;
    }
    if (strcmp(equals + 1, "none") != 0 &&
        (gorctl_number_parse(equals + 1, &weight) != 0 || weight == 0 || weight > WEIGHT_MAX)) {
        return -EINVAL;
    }
    Gor__V1__Share *share = gorctl_alloc(sizeof *share);
    gor__v1__share__init(share);
    share->key = gorctl_format("%.*s", (int)(equals - text), text);
    share->weight = (uint32_t)weight;
    shares->items = gorctl_grow(shares->items, shares->count + 1, sizeof(Gor__V1__Share *));
    shares->items[shares->count++] = share;
    return 0;
}

static bool is_number(const char *key)
{
    return key[0] != '\0' && key[strspn(key, "0123456789")] == '\0';
}

/* Does the queue go by owner, as the daemon says? An exit code. */
static int ask(struct gorctl *ctl, const char *queue, bool *out_by_owner)
{
    Gor__V1__ListQueuesRequest request = GOR__V1__LIST_QUEUES_REQUEST__INIT;
    struct gorctl_call call = {.path = "/gor.v1.Queues/List",
                               .request = &request.base,
                               .reply = &gor__v1__list_queues_reply__descriptor,
                               .timeout_ns = GORCTL_CALL_NS};
    ProtobufCMessage *message = NULL;
    int code = gorctl_call(ctl, &call, NULL, &message);
    const Gor__V1__ListQueuesReply *reply = (const Gor__V1__ListQueuesReply *)message;
    for (size_t i = 0; code == GORCTL_EXIT_OK && i < reply->n_queues; i++) {
        *out_by_owner = *out_by_owner || (strcmp(reply->queues[i]->name, queue) == 0 &&
                                          strcmp(reply->queues[i]->fair, "owner") == 0);
    }
    if (message != NULL) {
        wire_decoded_free(message);
    }
    return code;
}

static int put_number(Gor__V1__Share *share)
{
    const struct passwd *found = getpwnam(share->key);
    if (found == NULL) {
        gorctl_say("--share: '%s' is no user of this machine; give the number that the user has "
                   "where the daemon runs",
                   share->key);
        return GORCTL_EXIT_USAGE;
    }
    free(share->key);
    share->key = gorctl_format("%u", found->pw_uid);
    return GORCTL_EXIT_OK;
}

int gorctl_shares_resolve(struct gorctl *ctl, struct gorctl_shares *shares, const char *queue,
                          const char *fair)
{
    bool by_owner = fair != NULL && strcmp(fair, "owner") == 0;
    int code = GORCTL_EXIT_OK;
    size_t names = 0;
    for (size_t i = 0; i < shares->count; i++) {
        names += !is_number(shares->items[i]->key);
    }
    if (names > 0 && fair == NULL) {
        code = ask(ctl, queue, &by_owner);
    }
    for (size_t i = 0; i < shares->count && by_owner && code == GORCTL_EXIT_OK; i++) {
        if (!is_number(shares->items[i]->key)) {
            code = put_number(shares->items[i]);
        }
    }
    return code;
}

void gorctl_shares_fini(struct gorctl_shares *shares)
{
    for (size_t i = 0; i < shares->count; i++) {
        free(shares->items[i]->key);
        free(shares->items[i]);
    }
    free(shares->items);
    *shares = (struct gorctl_shares){0};
}

/* ---------------------------------------------------------------- tables */

size_t gorctl_shares_count(const Gor__V1__ListQueuesReply *reply)
{
    size_t count = 0;
    for (size_t i = 0; i < reply->n_queues; i++) {
        count += reply->queues[i]->n_shares;
    }
    return count;
}

static void add_share(struct gorctl_table *table, const Gor__V1__Queue *queue,
                      const Gor__V1__Share *share)
{
    char user[256];
    const char *shown = share->key[0] != '\0' ? share->key : "-";
    if (strcmp(queue->fair, "owner") == 0 && is_number(share->key)) {
        gorctl_user_text((uint32_t)strtoul(share->key, NULL, 10), user, sizeof user);
        shown = user;
    }
    gorctl_table_cell(table, queue->name, NULL);
    gorctl_table_cell(table, shown, NULL);
    gorctl_table_number(table, share->weight);
    gorctl_table_number(table, share->queued);
}

void gorctl_shares_show(const Gor__V1__ListQueuesReply *reply)
{
    static const struct gorctl_column columns[] = {{"QUEUE", false, false},
                                                   {"SHARE", false, false},
                                                   {"WEIGHT", true, false},
                                                   {"QUEUED", true, false}};
    struct gorctl_table *table = gorctl_table_new(columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < reply->n_queues; i++) {
        for (size_t j = 0; j < reply->queues[i]->n_shares; j++) {
            add_share(table, reply->queues[i], reply->queues[i]->shares[j]);
        }
    }
    gorctl_table_show(table);
}
