/* SPDX-License-Identifier: MIT */
/* The service Tokens: its methods, answered once what they do is on disk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/service/keeping.h"
#include "daemon/service/roles.h"
#include "daemon/service/state.h"
#include "daemon/service/whom.h"
#include "gor/v1/tokens.pb-c.h"

_Static_assert((int)GORD_ROLE_ADMIN == (int)GOR__V1__TOKEN__ROLE__ADMIN &&
                   (int)GORD_ROLE_ADMIN == (int)GORD_TOKEN_ROLES,
               "the numbers of roles on the wire and on disk");

/* ------------------------------------------------------------------ answers */

/* A token for the wire; it borrows all but the list of its queues. */
struct shown {
    Gor__V1__Token token;
    char queues[GORD_TOKEN_QUEUE_BYTES + 1];
    char *words[GORD_TOKEN_QUEUES];
};

static void show(const struct gord_token_row *row, bool revoked, struct shown *out)
{
    char *rest = NULL;

    gor__v1__token__init(&out->token);
    out->token.id = (char *)(uintptr_t)row->id;
    out->token.name = (char *)(uintptr_t)row->name;
    out->token.role = (Gor__V1__Token__Role)row->role;
    out->token.owned = row->uid != (uint32_t)-1;
    out->token.uid = out->token.owned ? row->uid : 0;
    out->token.made_ns = row->made_ns;
    out->token.expires_ns = row->expires_ns;
    out->token.used_ns = row->used_ns;
    out->token.expired = row->expires_ns != 0 && row->expires_ns <= gord_event_clock();
    out->token.revoked = revoked;
    memcpy(out->queues, row->queues, sizeof(out->queues));
    for (char *word = strtok_r(out->queues, ",", &rest);
         word != NULL && out->token.n_queues < GORD_TOKEN_QUEUES;
         word = strtok_r(NULL, ",", &rest)) {
        out->words[out->token.n_queues++] = word;
    }
    out->token.queues = out->words;
}

/* ------------------------------------------------------------------ make */

/* A token on its way to the disk, or its removal. */
struct change {
    struct gord_service *service;
    struct gord_keeping keeping;
    struct gord_token_row row;
    char text[GORD_TOKEN_TEXT + 1]; /* of one that is made */
};

static void free_change(struct change *change)
{
    explicit_bzero(change->text, sizeof(change->text));
    free(change);
}

static void answer_made(struct rpc_call *call, struct change *change)
{
    Gor__V1__CreateTokenReply reply = GOR__V1__CREATE_TOKEN_REPLY__INIT;
    struct shown shown;

    show(&change->row, false, &shown);
    reply.token = &shown.token;
    reply.secret = change->text;
    rpc_call_reply(call, &reply.base);
}

static void made(void *arg, int error)
{
    struct change *change = arg;
    struct gord_tokens *tokens = &change->service->tokens;
    struct rpc_call *call = gord_keeping_done(&change->keeping);
    struct gord_token *token = gord_tokens_find(tokens, change->row.id);

    if (error == 0) {
        gord_tokens_settle(tokens, token);
    } else {
        gord_tokens_drop(tokens, token);
    }
    if (call != NULL && error == 0) {
        answer_made(call, change);
    } else if (call != NULL) {
        gord_fail(call, gord_store_status_code(error), "no token was made: the store refuses: %s",
                  strerror(-error));
    }
    free_change(change);
}

static void make(struct gord_service *service, struct rpc_call *call,
                 const struct gord_token_row *row)
{
    struct change *change = calloc(1, sizeof(*change));
    struct gord_token *token =
        change != NULL ? gord_tokens_make(&service->tokens, row, change->text) : NULL;

    if (token == NULL) {
        free(change);
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "no token was made: out of memory");
        return;
    }
    change->service = service;
    change->row = token->row;
    int result = gord_store_put_token(gord_bus_store(service->bus), &change->row, GORD_TOKEN_MADE,
                                      made, change);
    if (result != 0) {
        gord_tokens_drop(&service->tokens, token);
        free_change(change);
        gord_fail(call, wire_status_from_errno(result), "no token was made: %s", strerror(-result));
        return;
    }
    gord_keeping_begin(service, &change->keeping, call);
}

/* ------------------------------------------------------------------ checks */

static bool is_id(const char *name)
{
    return strlen(name) == GORD_TOKEN_ID && strspn(name, "0123456789abcdef") == GORD_TOKEN_ID;
}

/* The words in one text, each once. False: the call has been answered. */
static bool take_queues(struct rpc_call *call, const Gor__V1__CreateTokenRequest *request,
                        char out[GORD_TOKEN_QUEUE_BYTES + 1])
{
    size_t used = 0;

    if (request->n_queues > GORD_TOKEN_QUEUES) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "queues has %zu entries; it takes at most %d",
                  request->n_queues, GORD_TOKEN_QUEUES);
        return false;
    }
    if (request->n_queues > 0 && request->role > GOR__V1__TOKEN__ROLE__SUBMITTER) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "queues is for viewers and submitters: an operator or admin steers the whole "
                  "daemon");
        return false;
    }
    out[0] = '\0';
    for (size_t i = 0; i < request->n_queues; i++) {
        if (!gord_word_ok(request->queues[i])) {
            gord_fail(call, WIRE_INVALID_ARGUMENT,
                      "queues[%zu]: a queue's name has 1 to 63 of a-z, 0-9, '.', '_', '-' and "
                      "begins with a letter or digit",
                      i);
            return false;
        }
        used += (size_t)snprintf(out + used, GORD_TOKEN_QUEUE_BYTES + 1 - used, "%s%s",
                                 i > 0 ? "," : "", request->queues[i]);
    }
    return true;
}

static bool is_named_well(struct gord_service *service, struct rpc_call *call, const char *name)
{
    if (name[0] == '\0') {
        return true;
    }
    if (!gord_word_ok(name) || is_id(name)) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "name: it has 1 to 63 of a-z, 0-9, '.', '_', '-', begins with a letter or digit, "
                  "and is not 8 hexadecimal digits, which would be an id");
        return false;
    }
    if (gord_tokens_find(&service->tokens, name) != NULL) {
        gord_fail(call, WIRE_ALREADY_EXISTS,
                  "there is a token '%s' already; choose another name, or revoke that", name);
        return false;
    }
    return true;
}

/* Whose jobs would they be, and until when? */
static bool makes_sense(struct gord_service *service, struct rpc_call *call,
                        const Gor__V1__CreateTokenRequest *request)
{
    if ((int)request->role < GORD_ROLE_VIEWER || (int)request->role > GORD_ROLE_ADMIN) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "role is %d; it is VIEWER, SUBMITTER, OPERATOR or ADMIN", (int)request->role);
    } else if (request->role == GOR__V1__TOKEN__ROLE__SUBMITTER && !request->owned) {
        gord_fail(call, WIRE_INVALID_ARGUMENT,
                  "uid: whose would a submitter's jobs be? Name a user (--user)");
    } else if (request->owned && request->uid == (uint32_t)-1) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "uid: 4294967295 is no user");
    } else if (request->expires_ns != 0 && request->expires_ns <= gord_event_clock()) {
        gord_fail(call, WIRE_INVALID_ARGUMENT, "expires_ns is in the past");
    } else if (service->tokens.count >= GORD_TOKENS_LIMIT) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED,
                  "there are %d tokens, which is the most; revoke some (`gorctl token ls`)",
                  GORD_TOKENS_LIMIT);
    } else {
        return true;
    }
    return false;
}

static bool is_open(struct gord_service *service, struct rpc_call *call)
{
    if (service->draining) {
        gord_fail(call, WIRE_UNAVAILABLE, "the daemon is stopping; try again when it is back");
    }
    return !service->draining;
}

GORD_METHOD(gord_tokens_create)
{
    struct gord_service *service = user;
    const Gor__V1__CreateTokenRequest *request = (const Gor__V1__CreateTokenRequest *)message;
    struct gord_token_row row = {.role = (uint8_t)request->role,
                                 .uid = request->owned ? request->uid : (uint32_t)-1,
                                 .expires_ns = request->expires_ns};

    if (!is_open(service, call) || !makes_sense(service, call, request) ||
        !is_named_well(service, call, request->name) || !take_queues(call, request, row.queues)) {
        return;
    }
    snprintf(row.name, sizeof(row.name), "%s", request->name);
    make(service, call, &row);
}

/* ------------------------------------------------------------------ revoke */

/* The one that is meant; NULL: the call has been answered. */
static struct gord_token *find(struct gord_service *service, struct rpc_call *call,
                               const char *word)
{
    struct gord_token *token = gord_tokens_find(&service->tokens, word);

    if (token == NULL || token->fresh) {
        gord_fail(call, WIRE_NOT_FOUND, "there is no token '%s'; `gorctl token ls` lists them",
                  word);
        return NULL;
    }
    return token;
}

static void removed(void *arg, int error)
{
    struct change *change = arg;
    struct rpc_call *call = gord_keeping_done(&change->keeping);
    struct gord_token *token = gord_tokens_find(&change->service->tokens, change->row.id);

    if (error == 0 && token != NULL) {
        gord_tokens_drop(&change->service->tokens, token);
    } else if (error != 0) {
        gord_log(GORD_LOG_ERROR, 0,
                 "token %s is revoked, but will be good again after a restart: %s", change->row.id,
                 strerror(-error));
    }
    if (call != NULL && error == 0) {
        struct shown shown;
        show(&change->row, false, &shown);
        rpc_call_reply(call, &shown.token.base);
    } else if (call != NULL) {
        gord_fail(call, gord_store_status_code(error),
                  "revoked for now, but good again after a restart: the store refuses: %s; revoke "
                  "it again when that is over",
                  strerror(-error));
    }
    free_change(change);
}

static void tell_revoked(struct rpc_call *call, const struct gord_token *token)
{
    char who[GORD_BY_WHOM];

    gord_by_whom(call, "", who);
    gord_log(GORD_LOG_NOTICE, 0, "token '%s' revoked %s", gord_token_label(token), who);
}

/* Gone here first: it is good for nothing even while the disk is slow. One that revokes itself hears
 * of it all the same, for its call has another end. */
GORD_METHOD(gord_tokens_revoke)
{
    struct gord_service *service = user;
    const char *word = ((const Gor__V1__RevokeTokenRequest *)message)->token;
    struct gord_token *token = is_open(service, call) ? find(service, call, word) : NULL;
    struct change *change = token != NULL ? calloc(1, sizeof(*change)) : NULL;

    if (token == NULL) {
        return;
    }
    if (change != NULL) {
        change->service = service;
        change->row = token->row;
    }
    int result = change == NULL ? -ENOMEM
                                : gord_store_put_token(gord_bus_store(service->bus), &change->row,
                                                       GORD_TOKEN_GONE, removed, change);
    if (result != 0) {
        free(change);
        gord_fail(call, wire_status_from_errno(result), "not revoked: %s", strerror(-result));
        return;
    }
    tell_revoked(call, token);
    rpc_call_set_credential(call, 0);
    gord_token_revoke(&service->tokens, token);
    gord_keeping_begin(service, &change->keeping, call);
}

/* ------------------------------------------------------------------ look */

GORD_METHOD(gord_tokens_show)
{
    struct gord_token *token =
        find(user, call, ((const Gor__V1__ShowTokenRequest *)message)->token);
    struct shown shown;

    if (token != NULL) {
        show(&token->row, token->revoked, &shown);
        rpc_call_reply(call, &shown.token.base);
    }
}

struct listing {
    struct shown *shown;
    Gor__V1__Token **list;
    size_t count;
};

static void list_one(void *arg, const struct gord_token *token)
{
    struct listing *listing = arg;

    if (!token->fresh) {
        show(&token->row, token->revoked, &listing->shown[listing->count]);
        listing->list[listing->count] = &listing->shown[listing->count].token;
        listing->count++;
    }
}

static int compare(const void *left, const void *right)
{
    const Gor__V1__Token *a = *(Gor__V1__Token *const *)left;
    const Gor__V1__Token *b = *(Gor__V1__Token *const *)right;

    return a->made_ns != b->made_ns ? (a->made_ns < b->made_ns ? -1 : 1) : strcmp(a->id, b->id);
}

GORD_METHOD(gord_tokens_list)
{
    struct gord_service *service = user;
    Gor__V1__ListTokensReply reply = GOR__V1__LIST_TOKENS_REPLY__INIT;
    size_t room = service->tokens.count + 1;
    struct listing listing = {.shown = calloc(room, sizeof(*listing.shown)),
                              .list = calloc(room, sizeof(Gor__V1__Token *))};

    (void)message;
    if (listing.shown == NULL || listing.list == NULL) {
        gord_fail(call, WIRE_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        gord_tokens_each(&service->tokens, list_one, &listing);
        qsort(listing.list, listing.count, sizeof(Gor__V1__Token *), compare);
        reply.n_tokens = listing.count;
        reply.tokens = listing.list;
        rpc_call_reply(call, &reply.base);
    }
    free(listing.shown);
    free(listing.list);
}
