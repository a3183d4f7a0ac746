/* SPDX-License-Identifier: MIT */
/* ask.c - see ask.h. */
#include "daemon/event/ask.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

bool gord_word_ok(const char *word)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(word);
    return length >= 1 && length <= GORD_WORD_MAX && strspn(word, letters) == length &&
           strchr("._-", word[0]) == NULL;
}

bool gord_rate_name_ok(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@:";
    const char *slash = strchr(name, '/');
    size_t length = strlen(name);
    if (slash == NULL || length > GORD_WORD_MAX) {
        return gord_word_ok(name);
    }
    char word[GORD_WORD_MAX + 1];
    snprintf(word, sizeof word, "%.*s", (int)(slash - name), name);
    return gord_word_ok(word) && slash[1] != '\0' && slash[1 + strspn(slash + 1, letters)] == '\0';
}

const char *gord_share_name(const char *value, char *out)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@:";
    size_t length = strlen(value);
    if (length > 0 && length <= GORD_WORD_MAX && strspn(value, letters) == length) {
        memcpy(out, value, length + 1);
        return out;
    }
    snprintf(out, GORD_WORD_MAX + 1, "%016" PRIx64,
             hash_fnv1a64(HASH_FNV1A64_BASIS, value, length));
    return out;
}

static int compare_tokens(const void *left, const void *right)
{
    const struct gord_token_ask *a = left, *b = right;
    return strcmp(a->pool, b->pool);
}

void gord_ask_from_wire(const Gor__V1__JobSpec *wire, struct gord_ask *out_ask)
{
    memset(out_ask, 0, sizeof *out_ask);
    snprintf(out_ask->queue, sizeof out_ask->queue, "%s",
             wire->queue[0] != '\0' ? wire->queue : GORD_DEFAULT_QUEUE);
    out_ask->priority = wire->priority;
    out_ask->slots = wire->slots > 0 ? wire->slots : 1;
    for (size_t i = 0; i < wire->n_tokens && out_ask->token_count < GORD_TOKENS_MAX; i++) {
        struct gord_token_ask *token = &out_ask->tokens[out_ask->token_count];
        snprintf(token->pool, sizeof token->pool, "%s", wire->tokens[i]->key);
        token->amount = wire->tokens[i]->value;
        out_ask->token_count++;
    }
    for (size_t i = 0; i < wire->n_rates && out_ask->rate_count < GORD_RATES_MAX; i++) {
        struct gord_token_ask *rate = &out_ask->rates[out_ask->rate_count++];
        snprintf(rate->pool, sizeof rate->pool, "%s", wire->rates[i]->key);
        rate->amount = wire->rates[i]->value;
    }
    snprintf(out_ask->share, sizeof out_ask->share, "%s", wire->share);
    if (wire->task != NULL) {
        out_ask->array_id = wire->task->array_id;
        out_ask->array_limit = wire->task->at_once;
    }
    qsort(out_ask->tokens, out_ask->token_count, sizeof *out_ask->tokens, compare_tokens);
    qsort(out_ask->rates, out_ask->rate_count, sizeof *out_ask->rates, compare_tokens);
}

static int refuse(char *error, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(char *error, size_t bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, bytes, format, args);
    va_end(args);
    return -EINVAL;
}

static int check_tokens(const Gor__V1__JobSpec *wire, char *error, size_t bytes)
{
    if (wire->n_tokens > GORD_TOKENS_MAX) {
        return refuse(error, bytes, "spec.tokens names %zu pools, at most %d are taken",
                      wire->n_tokens, (int)GORD_TOKENS_MAX);
    }
    for (size_t i = 0; i < wire->n_tokens; i++) {
        const char *pool = wire->tokens[i]->key;
        if (!gord_word_ok(pool)) {
            return refuse(error, bytes,
                          "spec.tokens: '%.80s' is no name of a pool; that has 1 to 63 of a-z, "
                          "0-9, '.', '_', '-' and begins with a letter or digit",
                          pool);
        }
        if (wire->tokens[i]->value == 0 || wire->tokens[i]->value > GORD_SLOTS_MAX) {
            return refuse(error, bytes,
                          "spec.tokens: 1 to %d tokens of pool '%s' can be had, not %" PRIu32,
                          (int)GORD_SLOTS_MAX, pool, wire->tokens[i]->value);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(pool, wire->tokens[j]->key) == 0) {
                return refuse(error, bytes, "spec.tokens names pool '%s' twice", pool);
            }
        }
    }
    return 0;
}

static int check_rates(const Gor__V1__JobSpec *wire, char *error, size_t bytes)
{
    if (wire->n_rates > GORD_RATES_MAX) {
        return refuse(error, bytes, "spec.rates names %zu rates, at most %d are taken",
                      wire->n_rates, (int)GORD_RATES_MAX);
    }
    for (size_t i = 0; i < wire->n_rates; i++) {
        const char *rate = wire->rates[i]->key;
        if (!gord_rate_name_ok(rate)) {
            return refuse(error, bytes,
                          "spec.rates: '%.80s' is no NAME or NAME/KEY of at most 63 bytes: the "
                          "name of a-z, 0-9, '.', '_', '-', the key of letters, digits, '.', "
                          "'_', '-', '@', ':'",
                          rate);
        }
        if (wire->rates[i]->value == 0 || wire->rates[i]->value > GORD_SLOTS_MAX) {
            return refuse(error, bytes,
                          "spec.rates: a start counts for 1 to %d of rate '%s', not %" PRIu32,
                          (int)GORD_SLOTS_MAX, rate, wire->rates[i]->value);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(rate, wire->rates[j]->key) == 0) {
                return refuse(error, bytes, "spec.rates names rate '%s' twice", rate);
            }
        }
    }
    return 0;
}

int gord_ask_check(const Gor__V1__JobSpec *wire, char *error, size_t error_bytes)
{
    if (wire->queue[0] != '\0' && !gord_word_ok(wire->queue)) {
        return refuse(error, error_bytes,
                      "spec.queue: '%.80s' is no name of a queue; that has 1 to 63 of a-z, 0-9, "
                      "'.', '_', '-' and begins with a letter or digit",
                      wire->queue);
    }
    if (wire->priority > GORD_PRIORITY_MAX || wire->priority < -GORD_PRIORITY_MAX) {
        return refuse(error, error_bytes, "spec.priority is %d to %d, not %" PRId32,
                      -(int)GORD_PRIORITY_MAX, (int)GORD_PRIORITY_MAX, wire->priority);
    }
    if (wire->slots > GORD_SLOTS_MAX) {
        return refuse(error, error_bytes, "spec.slots is 1 to %d (0: 1), not %" PRIu32,
                      (int)GORD_SLOTS_MAX, wire->slots);
    }
    int err = check_tokens(wire, error, error_bytes);
    return err != 0 ? err : check_rates(wire, error, error_bytes);
}

const char *gord_ask_text(const struct gord_ask *ask, char *out)
{
    out[0] = '\0';
    if (strcmp(ask->queue, GORD_DEFAULT_QUEUE) == 0 && ask->priority == 0 && ask->slots == 1 &&
        ask->token_count == 0 && ask->rate_count == 0 && ask->array_limit == 0 &&
        ask->share[0] == '\0') {
        return out;
    }
    int used = snprintf(out, GORD_ASK_BYTES, "%s %" PRId32 " %" PRIu32, ask->queue, ask->priority,
                        ask->slots);
    for (size_t i = 0; i < ask->token_count; i++) {
        used += snprintf(out + used, (size_t)(GORD_ASK_BYTES - used), " %s=%" PRIu32,
                         ask->tokens[i].pool, ask->tokens[i].amount);
    }
    for (size_t i = 0; i < ask->rate_count; i++) {
        used += snprintf(out + used, (size_t)(GORD_ASK_BYTES - used), " ~%s=%" PRIu32,
                         ask->rates[i].pool, ask->rates[i].amount);
    }
    if (ask->array_limit != 0) {
        used += snprintf(out + used, (size_t)(GORD_ASK_BYTES - used), " %%%" PRIu64 "=%" PRIu32,
                         ask->array_id, ask->array_limit);
    }
    if (ask->share[0] != '\0') {
        snprintf(out + used, (size_t)(GORD_ASK_BYTES - used), " &%s", ask->share);
    }
    return out;
}

/* The %ARRAY=LIMIT at *text, and step behind it. */
static int parse_array(const char **text, struct gord_ask *ask)
{
    int length = 0;
    if (sscanf(*text, " %%%" SCNu64 "=%" SCNu32 "%n", &ask->array_id, &ask->array_limit, &length) !=
            2 ||
        ask->array_id == 0 || ask->array_limit == 0) {
        return -EBADMSG;
    }
    *text += length;
    return 0;
}

/* The &SHARE at `text`, which ends with it. */
static int parse_share(const char *text, struct gord_ask *ask)
{
    char name[GORD_WORD_MAX + 1];
    int length = 0;
    if (sscanf(text, " &%63[^ ]%n", ask->share, &length) != 1 || text[length] != '\0' ||
        strcmp(gord_share_name(ask->share, name), ask->share) != 0) {
        return -EBADMSG;
    }
    return 0;
}

/* One POOL=AMOUNT at *text, and step behind it. */
static int parse_token(const char **text, struct gord_ask *ask)
{
    int length = 0;
    if (ask->token_count == GORD_TOKENS_MAX) {
        return -EBADMSG;
    }
    struct gord_token_ask *token = &ask->tokens[ask->token_count++];
    if (sscanf(*text, " %63[^= ]=%" SCNu32 "%n", token->pool, &token->amount, &length) != 2 ||
        !gord_word_ok(token->pool) || token->amount == 0) {
        return -EBADMSG;
    }
    *text += length;
    return 0;
}

/* One ~RATE=AMOUNT, likewise. */
static int parse_rate(const char **text, struct gord_ask *ask)
{
    int length = 0;
    if (ask->rate_count == GORD_RATES_MAX) {
        return -EBADMSG;
    }
    struct gord_token_ask *rate = &ask->rates[ask->rate_count++];
    if (sscanf(*text, " ~%63[^= ]=%" SCNu32 "%n", rate->pool, &rate->amount, &length) != 2 ||
        !gord_rate_name_ok(rate->pool) || rate->amount == 0) {
        return -EBADMSG;
    }
    *text += length;
    return 0;
}

int gord_ask_parse(const char *text, struct gord_ask *out_ask)
{
    struct gord_ask ask = {.queue = GORD_DEFAULT_QUEUE, .slots = 1};
    int length = 0, err = 0;
    if (text[0] != '\0') {
        if (sscanf(text, "%63s %" SCNd32 " %" SCNu32 "%n", ask.queue, &ask.priority, &ask.slots,
                   &length) != 3 ||
            !gord_word_ok(ask.queue) || ask.slots == 0) {
            return -EBADMSG;
        }
        text += length;
    }
    while (err == 0 && strncmp(text, " %", 2) != 0 && strncmp(text, " &", 2) != 0 &&
           *text != '\0') {
        err = strncmp(text, " ~", 2) == 0 ? parse_rate(&text, &ask) : parse_token(&text, &ask);
    }
    if (err == 0 && strncmp(text, " %", 2) == 0) {
        err = parse_array(&text, &ask);
    }
    if (err == 0 && *text != '\0') {
        err = parse_share(text, &ask);
    }
    if (err == 0) {
        *out_ask = ask;
    }
    return err;
}
