/* SPDX-License-Identifier: MIT */
/* options.c - see options.h. */
#include "client/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/completion.h"
#include "client/exits.h"
#include "client/text.h"
#include "client/when.h"

enum {
    KEY_TOKEN_FILE = 0x1000,
    KEY_JSON,
    KEY_TLS_CA,
    KEY_TLS_CERT,
    KEY_TLS_KEY,
    KEY_CONTEXT,
    KEY_PATIENCE
};

static const struct argp_option connection_options[] = {
    {"host", 'H', "ADDRESS", 0,
     "The daemon's address: the path of its Unix socket, unix:PATH, HOST:PORT, or "
     "tls://HOST:PORT "
     "(default: that of a context, or $GOR_HOST, else the usual places)",
     0},
    {"token-file", KEY_TOKEN_FILE, "FILE", 0,
     "Read the token for a HOST:PORT address from FILE (default: $GOR_TOKEN)", 0},
    {"tls-ca", KEY_TLS_CA, "FILE", 0,
     "Speak TLS with a HOST:PORT address, and trust the CA in FILE (default: $GOR_TLS_CA; for "
     "tls://HOST:PORT those that this machine trusts)",
     0},
    {"tls-cert", KEY_TLS_CERT, "FILE", 0,
     "Show this certificate to the daemon (default: $GOR_TLS_CERT)", 0},
    {"tls-key", KEY_TLS_KEY, "FILE", 0, "Its private key (default: $GOR_TLS_KEY)", 0},
    {"context", KEY_CONTEXT, "CONTEXT", 0,
     "The daemon that was given this name with `gorctl context` (default: $GOR_CONTEXT, else the "
     "current one)",
     0},
    {"patience", KEY_PATIENCE, "DURATION", 0,
     "Wait so long for a daemon that goes away in the midst of it, and go on (default: "
     "$GOR_PATIENCE, else 30s; 0s: end at once)",
     0},
    {NULL, 'h', NULL, OPTION_HIDDEN, NULL, 0},
    {0},
};

static error_t parse_connection(int key, char *arg, struct argp_state *state)
{
    struct gorctl *ctl = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        gorctl_completion_offer(ctl, state);
        return 0;
    case 'H':
        ctl->host = arg;
        return 0;
    case KEY_TOKEN_FILE:
        ctl->token_file = arg;
        return 0;
    case KEY_TLS_CA:
        ctl->tls_ca = arg;
        return 0;
    case KEY_TLS_CERT:
        ctl->tls_cert = arg;
        return 0;
    case KEY_TLS_KEY:
        ctl->tls_key = arg;
        return 0;
    case KEY_CONTEXT:
        ctl->context = arg;
        return 0;
    case KEY_PATIENCE:
        ctl->patience = arg;
        return 0;
    case 'h':
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp gorctl_connection_argp = {.options = connection_options,
                                            .parser = parse_connection};

static const struct argp_option format_options[] = {
    {"json", KEY_JSON, NULL, 0, "Print JSON; names and values are stable", 0},
    {0},
};

static error_t parse_format(int key, char *arg, struct argp_state *state)
{
    struct gorctl *ctl = state->input;
    (void)arg;
    if (key != KEY_JSON) {
        return ARGP_ERR_UNKNOWN;
    }
    ctl->json = true;
    return 0;
}

const struct argp gorctl_format_argp = {.options = format_options, .parser = parse_format};

const struct argp_child gorctl_connection_children[] = {
    {&gorctl_connection_argp, 0, "Connection:", 10},
    {0},
};

const struct argp_child gorctl_read_children[] = {
    {&gorctl_connection_argp, 0, "Connection:", 10},
    {&gorctl_format_argp, 0, NULL, 0},
    {0},
};

void gorctl_options_share(struct argp_state *state, struct gorctl *ctl, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        state->child_inputs[i] = ctl;
    }
}

int gorctl_number_parse(const char *text, uint64_t *out_number)
{
    if (!isdigit((unsigned char)*text)) {
        return -EINVAL;
    }
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end != '\0') {
        return -EINVAL;
    }
    if (errno == ERANGE) {
        return -ERANGE;
    }
    *out_number = number;
    return 0;
}

uint64_t gorctl_option_number(struct argp_state *state, const char *what, const char *text)
{
    uint64_t number = 0;
    if (gorctl_number_parse(text, &number) != 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "%s: '%s' is not a number", what, text);
    }
    return number;
}

int gorctl_bytes_parse(const char *text, uint64_t *out_bytes)
{
    static const char units[] = "KMGT";
    if (!isdigit((unsigned char)*text)) {
        return -EINVAL;
    }
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;
    if (*end != '\0' && (unit == NULL || end[1] != '\0')) {
        return -EINVAL;
    }
    unsigned shift = unit != NULL ? 10 * (unsigned)(unit - units + 1) : 0;
    if (errno == ERANGE || number > UINT64_MAX >> shift) {
        return -ERANGE;
    }
    *out_bytes = (uint64_t)number << shift;
    return 0;
}

uint64_t gorctl_option_job(struct argp_state *state, const char *text)
{
    if (state->arg_num > 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "one job at a time");
    }
    return gorctl_option_number(state, "ID", text);
}

const char *gorctl_option_cause(struct argp_state *state, const char *text)
{
    if (!gorctl_utf8_valid(text, strlen(text))) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "--cause must be UTF-8 text");
    }
    return text;
}

uint64_t gorctl_option_bytes(struct argp_state *state, const char *what, const char *text)
{
    uint64_t bytes = 0;
    if (gorctl_bytes_parse(text, &bytes) != 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "%s: '%s' is not a size; write 512K, 64M or 1G",
                     what, text);
    }
    return bytes;
}

int64_t gorctl_option_duration(struct argp_state *state, const char *what, const char *text)
{
    int64_t ns = 0;
    int rc = gorctl_duration_parse(text, &ns);
    if (rc == -ERANGE) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0, "%s: '%s' is too long", what, text);
    } else if (rc != 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "%s: '%s' is not a duration; write 5s, 250ms, 1h30m", what, text);
    }
    return ns;
}

int64_t gorctl_option_time(struct argp_state *state, const char *what, const char *text)
{
    int64_t ns = 0;
    if (gorctl_time_parse(text, gorctl_now(), &ns) != 0) {
        argp_failure(state, GORCTL_EXIT_USAGE, 0,
                     "%s: '%s' is not a time; write 2026-03-01, '2026-03-01 12:30', today, or 2h "
                     "for two hours ago",
                     what, text);
    }
    return ns;
}
