/* SPDX-License-Identifier: MIT */
/* retry.c - see retry.h. */
#include "client/retry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/alloc.h"
#include "client/exits.h"
#include "client/gorctl.h"
#include "client/options.h"
#include "client/when.h"

enum { KEY_RETRIES = 0x2300, KEY_BACKOFF, KEY_JITTER, KEY_RETRY_ON, KEY_REQUEUE, KEY_NO_REQUEUE };

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "If it fails:", 5},
    {"retries", KEY_RETRIES, "N", 0, "Run it again, up to N times", 5},
    {"backoff", KEY_BACKOFF, "[fixed:]FIRST[..MOST]", 0,
     "Wait so long before that, twice as long each time unless fixed (default: 1s..1h)", 5},
    {"jitter", KEY_JITTER, "PERCENT", 0, "Wait up to so much more or less, by chance", 5},
    {"retry-on", KEY_RETRY_ON, "CODES", 0, "Only after these exit codes, as 75,111", 5},
    {"requeue", KEY_REQUEUE, NULL, 0,
     "Run it again if the daemon died under it; so it is with --retries", 5},
    {"no-requeue", KEY_NO_REQUEUE, NULL, 0, "It is lost then, also with --retries", 5},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct gorctl_retry *retry = state->input;
    switch (key) {
    case KEY_RETRIES:
        retry->retries = arg;
        return 0;
    case KEY_BACKOFF:
        retry->backoff = arg;
        return 0;
    case KEY_JITTER:
        *(arg[strspn(arg, "0123456789")] == '\0' ? &retry->jitter : &retry->spread) = arg;
        return 0;
    case KEY_RETRY_ON:
        retry->codes = arg;
        return 0;
    case KEY_REQUEUE:
        retry->requeue = true;
        return 0;
    case KEY_NO_REQUEUE:
        retry->no_requeue = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp gorctl_retry_argp = {.options = options, .parser = parse};

Gor__V1__RetryPolicy *gorctl_retry_policy(Gor__V1__JobSpec *message)
{
    if (message->retry == NULL) {
        message->retry = gorctl_alloc(sizeof(*message->retry));
        gor__v1__retry_policy__init(message->retry);
    }
    return message->retry;
}

int gorctl_backoff_parse(const char *text, Gor__V1__RetryPolicy *policy)
{
    policy->fixed = strncmp(text, "fixed:", 6) == 0;
    char *first = gorctl_strdup(policy->fixed ? text + 6 : text);
    char *most = strstr(first, "..");
    int result = most != NULL && policy->fixed ? -EINVAL : 0;
    if (most != NULL) {
        *most = '\0';
        result = result != 0 ? result : gorctl_duration_parse(most + 2, &policy->max_ns);
    }
    result = result != 0 ? result : gorctl_duration_parse(first, &policy->backoff_ns);
    free(first);
    return result == 0 && policy->backoff_ns > 0 ? 0 : -EINVAL;
}

/* A number from 0 to `most`. */
static int fill_number(const char *option, const char *text, uint64_t most, uint32_t *out)
{
    uint64_t number;
    if (gorctl_number_parse(text, &number) != 0 || number > most) {
        gorctl_say("%s: '%s' is not a number from 0 to %llu", option, text,
                   (unsigned long long)most);
        return GORCTL_EXIT_USAGE;
    }
    *out = (uint32_t)number;
    return GORCTL_EXIT_OK;
}

static int fill_codes(const char *text, Gor__V1__RetryPolicy *policy)
{
    char *copy = gorctl_strdup(text);
    char *rest = copy;
    char *word;
    int code = GORCTL_EXIT_OK;
    while (code == GORCTL_EXIT_OK && (word = strsep(&rest, ",")) != NULL) {
        uint32_t number = 0;
        code = fill_number("--retry-on", word, 255, &number);
        policy->exit_codes =
            gorctl_grow(policy->exit_codes, policy->n_exit_codes + 1, sizeof(*policy->exit_codes));
        policy->exit_codes[policy->n_exit_codes++] = (int32_t)number;
    }
    free(copy);
    return code;
}

static int fill_requeue(const struct gorctl_retry *retry, Gor__V1__JobSpec *message)
{
    if (retry->requeue && retry->no_requeue) {
        gorctl_say("--requeue and --no-requeue exclude each other; give one of them");
        return GORCTL_EXIT_USAGE;
    }
    if (retry->requeue) {
        gorctl_retry_policy(message)->requeue = GOR__V1__RETRY_POLICY__REQUEUE__ALWAYS;
    } else if (retry->no_requeue) {
        gorctl_retry_policy(message)->requeue = GOR__V1__RETRY_POLICY__REQUEUE__NEVER;
    }
    return GORCTL_EXIT_OK;
}

int gorctl_retry_fill(const struct gorctl_retry *retry, Gor__V1__JobSpec *message)
{
    int code = fill_requeue(retry, message);
    if (code == GORCTL_EXIT_OK && retry->spread != NULL) {
        gorctl_say("--jitter: '%s' is not a number from 0 to 100, of percent", retry->spread);
        code = GORCTL_EXIT_USAGE;
    }
    if (code == GORCTL_EXIT_OK && retry->retries == NULL &&
        (retry->backoff != NULL || retry->jitter != NULL || retry->codes != NULL)) {
        gorctl_say("--backoff, --jitter and --retry-on are about --retries; give that one too");
        code = GORCTL_EXIT_USAGE;
    }
    if (code != GORCTL_EXIT_OK || retry->retries == NULL) {
        return code;
    }
    Gor__V1__RetryPolicy *policy = gorctl_retry_policy(message);
    code = fill_number("--retries", retry->retries, 1000000, &policy->retries);
    if (code == GORCTL_EXIT_OK && retry->backoff != NULL &&
        gorctl_backoff_parse(retry->backoff, policy) != 0) {
        gorctl_say("--backoff: '%s' is not a wait; write 10s, 1s..5m, or fixed:10s",
                   retry->backoff);
        code = GORCTL_EXIT_USAGE;
    }
    if (code == GORCTL_EXIT_OK && retry->jitter != NULL) {
        code = fill_number("--jitter", retry->jitter, 100, &policy->jitter_percent);
    }
    if (code == GORCTL_EXIT_OK && retry->codes != NULL) {
        code = fill_codes(retry->codes, policy);
    }
    return code;
}
