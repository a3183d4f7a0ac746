/* SPDX-License-Identifier: MIT */
/* ask.c - see ask.h. */
#include "client/ask.h"

#include <stdlib.h>
#include <string.h>

#include "client/after.h"
#include "client/alloc.h"
#include "client/array.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/text.h"

enum { KEY_PRIORITY = 0x2100, KEY_SLOTS, KEY_TOKEN, KEY_RATE, KEY_ARRAY };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "Its turn:", 4},
    {"queue", 'q', "QUEUE", 0, "Wait in QUEUE (default: default)", 4},
    {"priority", KEY_PRIORITY, "N", 0,
     "Higher comes first; each unit is worth a minute of waiting (-10000 to 10000)", 4},
    {"slots", KEY_SLOTS, "N", 0, "Take N slots while it runs (default: 1)", 4},
    {"token", KEY_TOKEN, "POOL[=N]", 0,
     "Hold N tokens of POOL (default: 1) while it runs; may be repeated", 4},
    {"rate", KEY_RATE, "RATE[/KEY][=N]", 0,
     "Start no oftener than RATE says, by itself for each KEY; the start counts for N (default: "
     "1); "
     "may be repeated",
     4},
    {"array", KEY_ARRAY, "INDICES[%N]", 0,
     "Hand in one job, with a task for each index, as 0-99, 1,3,7-9 or 0-100:10; with %N at most N "
     "of them run at a time. Each has its own in $GOR_ARRAY_INDEX",
     4},
    {0},
};

int32_t gorctl_ask_priority(struct argp_state *state, const char *text)
{
    const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;
    uint64_t number = gorctl_option_number(state, "--priority", digits);
    if (number > 10000) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--priority: %s is not -10000 to 10000", text);
    }
    return text[0] == '-' ? -(int32_t)number : (int32_t)number;
}

uint32_t gorctl_ask_slots(struct argp_state *state, const char *text)
{
    uint64_t number = gorctl_option_number(state, "--slots", text);
    if (number == 0 || number > 1000000) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--slots: %s is not 1 to 1000000", text);
    }
    return (uint32_t)number;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct gorctl_ask *ask = state->input;
    switch (key) {
    case 'q':
        ask->queue = arg;
        return 0;
    case KEY_PRIORITY:
        ask->priority = gorctl_ask_priority(state, arg);
        return 0;
    case KEY_SLOTS:
        ask->slots = gorctl_ask_slots(state, arg);
        return 0;
    case KEY_TOKEN:
        ask->tokens = gorctl_grow(ask->tokens, ask->token_count + 1, sizeof(*ask->tokens));
        ask->tokens[ask->token_count++] = arg;
        return 0;
    case KEY_RATE:
        ask->rates = gorctl_grow(ask->rates, ask->rate_count + 1, sizeof(*ask->rates));
        ask->rates[ask->rate_count++] = arg;
        return 0;
    case KEY_ARRAY:
        ask->array = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp gorctl_ask_argp = {.options = options, .parser = parse_option};

void gorctl_ask_add_token(Gor__V1__JobSpec *message, const char *pool, size_t pool_length,
                          uint32_t count)
{
    Gor__V1__JobSpec__TokensEntry *entry = gorctl_alloc(sizeof(*entry));
    gor__v1__job_spec__tokens_entry__init(entry);
    entry->key = gorctl_copy(pool, pool_length);
    entry->value = count;
    message->tokens = gorctl_grow(message->tokens, message->n_tokens + 1, sizeof(*message->tokens));
    message->tokens[message->n_tokens++] = entry;
}

void gorctl_ask_add_rate(Gor__V1__JobSpec *message, const char *rate, size_t rate_length,
                         uint32_t count)
{
    Gor__V1__JobSpec__RatesEntry *entry = gorctl_alloc(sizeof(*entry));
    gor__v1__job_spec__rates_entry__init(entry);
    entry->key = gorctl_copy(rate, rate_length);
    entry->value = count;
    message->rates = gorctl_grow(message->rates, message->n_rates + 1, sizeof(*message->rates));
    message->rates[message->n_rates++] = entry;
}

/* NAME or NAME=N, into the message by `add`. */
static int read_amount(const char *option, const char *what, const char *given,
                       void (*add)(Gor__V1__JobSpec *message, const char *name, size_t length,
                                   uint32_t count),
                       Gor__V1__JobSpec *message)
{
    const char *equals = strchr(given, '=');
    uint64_t count = 1;
    if (!gorctl_utf8_valid(given, strlen(given))) {
        gorctl_say("%s must be UTF-8 text", option);
        return GORCTL_EXIT_USAGE;
    }
    if (equals != NULL &&
        (gorctl_number_parse(equals + 1, &count) != 0 || count == 0 || count > 1000000)) {
        char *shown = gorctl_text_escape(given, strlen(given));
        gorctl_say("%s: '%s' is not %s or %s=N with N from 1 to 1000000", option, shown, what,
                   what);
        free(shown);
        return GORCTL_EXIT_USAGE;
    }
    add(message, given, equals != NULL ? (size_t)(equals - given) : strlen(given), (uint32_t)count);
    return GORCTL_EXIT_OK;
}

int gorctl_ask_token(const char *given, Gor__V1__JobSpec *message)
{
    return read_amount("--token", "POOL", given, gorctl_ask_add_token, message);
}

int gorctl_ask_rate(const char *given, Gor__V1__JobSpec *message)
{
    return read_amount("--rate", "RATE", given, gorctl_ask_add_rate, message);
}

static int fill_array(const char *text, Gor__V1__JobSpec *message)
{
    char why[GORCTL_ARRAY_WHY];
    if (text != NULL && gorctl_array_add(message, text, why) != 0) {
        gorctl_say("--array: %s", why);
        return GORCTL_EXIT_USAGE;
    }
    const char *misfit = gorctl_after_misfit(message);
    if (misfit != NULL) {
        gorctl_say("--after: %s; give --array, or ok: to wait for all of that", misfit);
        return GORCTL_EXIT_USAGE;
    }
    return GORCTL_EXIT_OK;
}

int gorctl_ask_fill(const struct gorctl_ask *ask, Gor__V1__JobSpec *message)
{
    int code = GORCTL_EXIT_OK;
    if (ask->queue != NULL && !gorctl_utf8_valid(ask->queue, strlen(ask->queue))) {
        gorctl_say("--queue must be UTF-8 text");
        return GORCTL_EXIT_USAGE;
    }
    if (ask->queue != NULL) {
        message->queue = gorctl_strdup(ask->queue);
    }
    message->priority = ask->priority;
    message->slots = ask->slots;
    for (size_t i = 0; i < ask->token_count && code == GORCTL_EXIT_OK; i++) {
        code = gorctl_ask_token(ask->tokens[i], message);
    }
    for (size_t i = 0; i < ask->rate_count && code == GORCTL_EXIT_OK; i++) {
        code = gorctl_ask_rate(ask->rates[i], message);
    }
    return code == GORCTL_EXIT_OK ? fill_array(ask->array, message) : code;
}

void gorctl_ask_fini(struct gorctl_ask *ask)
{
    free(ask->tokens);
    free(ask->rates);
}
