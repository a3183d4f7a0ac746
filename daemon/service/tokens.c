/* SPDX-License-Identifier: MIT */
#include "daemon/service/tokens.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/base/log.h"
#include "daemon/event/clock.h"
#include "daemon/event/event.h"
#include "rpc/digest.h"
#include "runtime/gor.h"

/* The clock may be set, so its time is looked at again and again. */
#define LOOK_MS 30000

/* A use is kept on disk when the one that is there is so old: no write for each call. */
#define USE_NS (600 * GOR_SECOND)

/* ------------------------------------------------------------------ the list */

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

/* `id` has at least two digits. */
static size_t bucket_of(const char *id)
{
    return 16 * digit(id[0]) + digit(id[1]);
}

static struct gord_token *find_id(const struct gord_tokens *tokens, const char *id)
{
    struct gord_token *token = tokens->buckets[bucket_of(id)];

    while (token != NULL && memcmp(token->row.id, id, GORD_TOKEN_ID) != 0) {
        token = token->next;
    }
    return token;
}

static struct gord_token *find_name(const struct gord_tokens *tokens, const char *name)
{
    for (size_t i = 0; i < GORD_TOKEN_BUCKETS; i++) {
        for (struct gord_token *token = tokens->buckets[i]; token != NULL; token = token->next) {
            if (strcmp(token->row.name, name) == 0) {
                return token;
            }
        }
    }
    return NULL;
}

struct gord_token *gord_tokens_find(const struct gord_tokens *tokens, const char *word)
{
    if (word[0] == '\0') {
        return NULL;
    }
    return strlen(word) == GORD_TOKEN_ID && is_hex(word, GORD_TOKEN_ID) ? find_id(tokens, word)
                                                                        : find_name(tokens, word);
}

const struct gord_token *gord_tokens_of(const struct gord_tokens *tokens, uint64_t credential)
{
    const struct gord_token *token = tokens->buckets[credential % GORD_TOKEN_BUCKETS];

    while (token != NULL && token->credential != credential) {
        token = token->next;
    }
    return token != NULL && !token->revoked ? token : NULL;
}

void gord_tokens_each(const struct gord_tokens *tokens,
                      void (*visit)(void *arg, const struct gord_token *token), void *arg)
{
    for (size_t i = 0; i < GORD_TOKEN_BUCKETS; i++) {
        for (const struct gord_token *token = tokens->buckets[i]; token != NULL;
             token = token->next) {
            visit(arg, token);
        }
    }
}

static struct gord_token *insert(struct gord_tokens *tokens, const struct gord_token_row *row)
{
    struct gord_token *token = calloc(1, sizeof(*token));

    if (token != NULL) {
        size_t bucket = bucket_of(row->id);
        tokens->last_credential += GORD_TOKEN_BUCKETS;
        token->row = *row;
        token->saved_ns = row->used_ns;
        token->credential = tokens->last_credential + bucket;
        token->next = tokens->buckets[bucket];
        tokens->buckets[bucket] = token;
        tokens->count++;
    }
    return token;
}

void gord_token_revoke(struct gord_tokens *tokens, struct gord_token *token)
{
    token->revoked = true;
    rpc_server_end_calls(tokens->server, token->credential, WIRE_UNAUTHENTICATED,
                         "the token that this call was made with is revoked");
}

void gord_tokens_drop(struct gord_tokens *tokens, struct gord_token *token)
{
    struct gord_token **place = &tokens->buckets[bucket_of(token->row.id)];

    while (*place != token) {
        place = &(*place)->next;
    }
    *place = token->next;
    tokens->count--;
    free(token);
}

/* ------------------------------------------------------------------ time */

bool gord_token_is_expired(const struct gord_token *token)
{
    return token->row.expires_ns != 0 && token->row.expires_ns <= gord_event_clock();
}

static void on_timer(uv_timer_t *timer);

/* Look again when the next one ends. One whose time is over may be used again if the clock was put
 * back; what was open with it has ended. */
static void set_timer(struct gord_tokens *tokens)
{
    int64_t now = gord_event_clock();
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < GORD_TOKEN_BUCKETS; i++) {
        for (const struct gord_token *token = tokens->buckets[i]; token != NULL;
             token = token->next) {
            if (token->row.expires_ns > now && token->row.expires_ns < next) {
                next = token->row.expires_ns;
            }
        }
    }
    if (!tokens->open || next == INT64_MAX) {
        return;
    }
    int64_t wait_ms = (next - now) / GOR_MILLISECOND + 1;
    uv_timer_start(&tokens->timer, on_timer, (uint64_t)(wait_ms < LOOK_MS ? wait_ms : LOOK_MS), 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct gord_tokens *tokens = timer->data;

    for (size_t i = 0; i < GORD_TOKEN_BUCKETS; i++) {
        for (struct gord_token *token = tokens->buckets[i]; token != NULL; token = token->next) {
            if (gord_token_is_expired(token)) {
                rpc_server_end_calls(tokens->server, token->credential, WIRE_UNAUTHENTICATED,
                                     "the token that this call was made with has expired");
            }
        }
    }
    set_timer(tokens);
}

/* ------------------------------------------------------------------ checking */

bool gord_tokens_looks_like(const char *bearer)
{
    return strncmp(bearer, GORD_TOKEN_PREFIX, strlen(GORD_TOKEN_PREFIX)) == 0;
}

/* That a use is not kept is no reason to refuse it. */
static void used_saved(void *arg, int error)
{
    (void)arg;
    (void)error;
}

static void note_use(struct gord_tokens *tokens, struct gord_token *token)
{
    token->row.used_ns = gord_event_clock();
    if (token->row.used_ns - token->saved_ns >= USE_NS) {
        token->saved_ns = token->row.used_ns;
        (void)gord_store_put_token(tokens->store, &token->row, GORD_TOKEN_USED, used_saved, NULL);
    }
}

struct gord_token *gord_tokens_check(struct gord_tokens *tokens, const char *bearer,
                                     bool *out_expired)
{
    const char *id = bearer + strlen(GORD_TOKEN_PREFIX);
    uint8_t digest[RPC_DIGEST_BYTES];

    *out_expired = false;
    if (strlen(bearer) != GORD_TOKEN_TEXT || !is_hex(id, GORD_TOKEN_ID) ||
        id[GORD_TOKEN_ID] != '_') {
        return NULL;
    }
    struct gord_token *token = find_id(tokens, id);
    if (token == NULL || token->fresh || token->revoked) {
        return NULL;
    }
    rpc_digest(bearer, GORD_TOKEN_TEXT, digest);
    if (!rpc_digest_equal(digest, token->row.digest)) {
        return NULL;
    }
    if (gord_token_is_expired(token)) {
        *out_expired = true;
        return NULL;
    }
    note_use(tokens, token);
    return token;
}

const char *gord_token_label(const struct gord_token *token)
{
    return token->row.name[0] != '\0' ? token->row.name : token->row.id;
}

bool gord_token_is_for(const struct gord_token *token, const char *queue)
{
    const char *word = token->row.queues;
    size_t length = strlen(queue);

    for (; *word != '\0'; word += strcspn(word, ","), word += *word == ',') {
        if (strcspn(word, ",") == length && memcmp(word, queue, length) == 0) {
            return true;
        }
    }
    return token->row.queues[0] == '\0';
}

/* ------------------------------------------------------------------ making */

static void put_hex(const uint8_t *bytes, size_t count, char *out)
{
    for (size_t i = 0; i < count; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

struct gord_token *gord_tokens_make(struct gord_tokens *tokens, const struct gord_token_row *row,
                                    char out_text[GORD_TOKEN_TEXT + 1])
{
    uint8_t random[(GORD_TOKEN_ID + GORD_TOKEN_SECRET) / 2];
    struct gord_token_row made = *row;
    char secret[GORD_TOKEN_SECRET + 1];

    do {
        if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
            return NULL;
        }
        put_hex(random, GORD_TOKEN_ID / 2, made.id);
    } while (find_id(tokens, made.id) != NULL);
    put_hex(random + GORD_TOKEN_ID / 2, GORD_TOKEN_SECRET / 2, secret);
    snprintf(out_text, GORD_TOKEN_TEXT + 1, GORD_TOKEN_PREFIX "%s_%s", made.id, secret);
    /* A plain digest will do: nobody finds 256 random bits by trying, which is what the slow ones
     * for passwords, that people choose, are against. */
    rpc_digest(out_text, GORD_TOKEN_TEXT, made.digest);
    explicit_bzero(random, sizeof(random));
    explicit_bzero(secret, sizeof(secret));
    made.made_ns = gord_event_clock();
    struct gord_token *token = insert(tokens, &made);
    if (token != NULL) {
        token->fresh = true;
    }
    return token;
}

void gord_tokens_settle(struct gord_tokens *tokens, struct gord_token *token)
{
    token->fresh = false;
    set_timer(tokens);
}

/* ------------------------------------------------------------------ life cycle */

static int take_back(void *arg, const struct gord_token_row *row)
{
    if (!is_hex(row->id, GORD_TOKEN_ID)) {
        return -EBADMSG;
    }
    return insert(arg, row) != NULL ? 0 : -ENOMEM;
}

int gord_tokens_open(struct gord_tokens *tokens, struct gord_store *store,
                     struct gord_reader *reader, struct rpc_server *server)
{
    tokens->store = store;
    tokens->server = server;
    int result = gord_reader_tokens(reader, take_back, tokens);
    if (result != 0) {
        gord_log(GORD_LOG_ERROR, 0, "cannot read the tokens back: %s%s", strerror(-result),
                 result == -EBADMSG ? "; gord --check-store --repair removes what cannot be one"
                                    : "");
    }
    return result;
}

void gord_tokens_start(struct gord_tokens *tokens, uv_loop_t *loop)
{
    uv_timer_init(loop, &tokens->timer);
    tokens->timer.data = tokens;
    tokens->open = true;
    set_timer(tokens);
}

void gord_tokens_close(struct gord_tokens *tokens)
{
    if (tokens->open) {
        tokens->open = false;
        uv_close((uv_handle_t *)&tokens->timer, NULL);
    }
}

void gord_tokens_fini(struct gord_tokens *tokens)
{
    for (size_t i = 0; i < GORD_TOKEN_BUCKETS; i++) {
        for (struct gord_token *token = tokens->buckets[i], *next; token != NULL; token = next) {
            next = token->next;
            free(token);
        }
        tokens->buckets[i] = NULL;
    }
}
