/* SPDX-License-Identifier: MIT */
/* channel.c - see channel.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/address.h"
#include "client/alloc.h"
#include "client/away.h"
#include "client/channel_inside.h"
#include "client/choice.h"
#include "client/exits.h"
#include "client/fields.h"
#include "proto/decode.h"

/* ------------------------------------------------------------ explaining */

static void say_places(void)
{
    struct gorctl_places places;
    gorctl_places_init(&places);
    fputs("  Looked for a socket at:", stderr);
    for (size_t i = 0; i < places.count; i++) {
        fprintf(stderr, "%s %s", i > 0 ? "," : "", places.paths[i]);
    }
    fputs(".\n", stderr);
    gorctl_places_fini(&places);
}

/* Nobody answers: where, why, and what to do. */
int gorctl_explain_no_daemon(const struct gorctl_channel *channel, int error, const char *why)
{
    if (error == -EACCES || error == -EPERM) {
        gorctl_say("not allowed to talk to the daemon: %s", why);
        fputs("  The socket is for its owner and its group; ask to be added to the group.\n",
              stderr);
        return GORCTL_EXIT_DENIED;
    }
    if (error == -EPROTO && channel->tls != NULL) {
        gorctl_say("no secure connection: %s", why);
        if (strstr(why, "revoked") != NULL) {
            fputs("  An administrator has a new certificate made with `gorctl tls client`; name it "
                  "by --tls-cert and\n  --tls-key.\n",
                  stderr);
            return GORCTL_EXIT_DENIED;
        }
        fputs("  --tls-ca (or $GOR_TLS_CA) names the CA that signed the daemon's certificate, "
              "--tls-cert and\n  --tls-key what is shown to the daemon.\n",
              stderr);
        return GORCTL_EXIT_DENIED;
    }
    gorctl_say("no daemon answers: %s", why);
    gorctl_choice_say(channel->ctl);
    if (error == -ECONNREFUSED && gorctl_address_is_unix(channel->address)) {
        fputs(gorctl_address_is_socket(channel->address)
                  ? "  The socket is there, but the daemon behind it has ended.\n"
                  : "  That is no socket.\n",
              stderr);
    }
    if (channel->guessed) {
        say_places();
    }
    fputs("  Start a daemon with `gord &` (yours) or `systemctl start gord` (the machine's),\n"
          "  or name another one with -H ADDRESS, --context NAME or $GOR_HOST.\n"
          "  `gorctl doctor` looks closer.\n",
          stderr);
    return GORCTL_EXIT_NO_DAEMON;
}

/* What a person can do about a status, beyond what the daemon said. */
static const char *hint_for(const struct gorctl_channel *channel, enum wire_status status)
{
    switch (status) {
    case WIRE_UNAUTHENTICATED:
        return channel->token == NULL
                   ? "A HOST:PORT address needs a token: one that `gorctl token create` has made, "
                     "or "
                     "the daemon's\n  own, the file `token` in its state directory; give it with "
                     "--token-file or $GOR_TOKEN.\n  With TLS a certificate will do: --tls-cert "
                     "and --tls-key."
                   : "An administrator has a new one made with `gorctl token create`; the daemon's "
                     "own is in the\n  file `token` in its state directory.";
    case WIRE_UNIMPLEMENTED:
        return "The daemon does not know this call; compare the two with `gorctl version`.";
    case WIRE_DEADLINE_EXCEEDED:
        return "The daemon did not answer in time; it may be overloaded or stopping.";
    default:
        return NULL;
    }
}

int gorctl_explain_status(const struct gorctl_channel *channel, enum wire_status status,
                          const char *text)
{
    const char *error = rpc_client_error_text(channel->client);
    if (status == WIRE_UNAVAILABLE && error[0] != '\0') {
        gorctl_say("the daemon is gone: %s", error);
        return GORCTL_EXIT_NO_DAEMON;
    }
    char *said = gorctl_fields_as_options(channel->ctl->command, text);
    gorctl_say("%s", text[0] == '\0' ? wire_status_name(status) : said != NULL ? said : text);
    free(said);
    const char *hint = hint_for(channel, status);
    if (hint != NULL) {
        fprintf(stderr, "  %s\n", hint);
    }
    return gorctl_exit_of_status(status);
}

/* What it refuses it answers, and stays. What it had taken when it went it may have kept or not. */
bool gorctl_is_unknown(const struct gorctl *ctl, enum wire_status status)
{
    const struct gorctl_channel *channel = ctl->channel;
    return status == WIRE_DEADLINE_EXCEEDED ||
           (status == WIRE_UNAVAILABLE &&
            (gorctl_is_away(ctl) || rpc_client_error_text(channel->client)[0] != '\0'));
}

int gorctl_explain_garbage(const struct gorctl_channel *channel, const char *why)
{
    gorctl_say("the daemon at %s sent an answer that cannot be read: %s", channel->address, why);
    return GORCTL_EXIT_INTERNAL;
}

/* ------------------------------------------------------------ connecting */

struct rpc_client_opts gorctl_client_opts(const struct gorctl_channel *channel)
{
    return (struct rpc_client_opts){.address = gorctl_address_bare(channel->address),
                                    .token = channel->token,
                                    .tls = channel->tls};
}

static int open_client(struct gorctl_channel *channel)
{
    struct rpc_client_opts opts = gorctl_client_opts(channel);
    int rc = rpc_client_open(&channel->loop, &opts, &channel->client);
    if (rc == -EINVAL) {
        gorctl_say("'%s' is no address; write a socket's path, unix:PATH, HOST:PORT or "
                   "tls://HOST:PORT",
                   channel->address);
        return GORCTL_EXIT_USAGE;
    }
    if (rc != 0) {
        gorctl_say("cannot use the address '%s': %s", channel->address, strerror(-rc));
        return rc == -ENOMEM ? GORCTL_EXIT_INTERNAL : GORCTL_EXIT_USAGE;
    }
    rc = rpc_client_wait_ready(channel->client);
    if (rc != 0) {
        const char *why = rpc_client_error_text(channel->client);
        return gorctl_explain_no_daemon(channel, rc, why);
    }
    return GORCTL_EXIT_OK;
}

int gorctl_connect(struct gorctl *ctl)
{
    if (ctl->channel != NULL) {
        return GORCTL_EXIT_OK;
    }
    int code = gorctl_choose(ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    struct gorctl_channel *channel = gorctl_alloc(sizeof(*channel));
    int rc = uv_loop_init(&channel->loop);
    if (rc != 0) {
        gorctl_say("cannot start an event loop: %s", uv_strerror(rc));
        free(channel);
        return GORCTL_EXIT_INTERNAL;
    }
    ctl->channel = channel;
    channel->ctl = ctl;
    gorctl_away_init(channel);
    channel->address = gorctl_address_find(ctl, &channel->guessed);
    code = gorctl_patience_find(ctl, &channel->patience_ns);
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_token_find(ctl, channel->address, &channel->token);
    }
    if (code == GORCTL_EXIT_OK) {
        code = gorctl_tls_find(ctl, channel->address, &channel->tls);
    }
    if (code == GORCTL_EXIT_OK) {
        code = open_client(channel);
    }
    if (code != GORCTL_EXIT_OK) {
        gorctl_disconnect(ctl);
    }
    return code;
}

void gorctl_disconnect(struct gorctl *ctl)
{
    struct gorctl_channel *channel = ctl->channel;
    if (channel == NULL) {
        return;
    }
    rpc_client_close(channel->client);
    gorctl_away_fini(channel);
    /* A call that ends by this may stop the loop before all is closed. */
    while (uv_loop_close(&channel->loop) == UV_EBUSY) {
        (void)uv_run(&channel->loop, UV_RUN_DEFAULT);
    }
    free(channel->address);
    free(channel->token);
    rpc_tls_context_free(channel->tls);
    free(channel);
    ctl->channel = NULL;
}

uv_loop_t *gorctl_loop(struct gorctl *ctl)
{
    return &ctl->channel->loop;
}

const char *gorctl_address(const struct gorctl *ctl)
{
    return ctl->channel->address;
}

/* ----------------------------------------------------------------- calls */

/* Make it, and again if need be. GORCTL_EXIT_OK: it has ended, with *out_status; else that is how the
 * last try did. */
static int make_call(struct gorctl *ctl, const struct gorctl_call *call, struct rpc_result *result,
                     enum wire_status *out_status)
{
    int64_t until_ns = gorctl_until(call->timeout_ns);
    int code = GORCTL_EXIT_OK;
    do {
        *out_status = rpc_client_unary(ctl->channel->client, call->path, call->request, call->reply,
                                       gorctl_time_left(until_ns), result);
        if (!call->again || !gorctl_went_away(ctl->channel, *out_status)) {
            return GORCTL_EXIT_OK;
        }
        code = gorctl_come_back(ctl, until_ns);
    } while (code == GORCTL_EXIT_OK);
    if (code == GORCTL_EXIT_TIMED_OUT) {
        *out_status = WIRE_DEADLINE_EXCEEDED;
        return GORCTL_EXIT_OK;
    }
    return code;
}

int gorctl_call(struct gorctl *ctl, const struct gorctl_call *call, enum wire_status *out_status,
                ProtobufCMessage **out_reply)
{
    int code = gorctl_connect(ctl);
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    struct rpc_result result = {0};
    enum wire_status status;
    code = make_call(ctl, call, &result, &status);
    if (out_status != NULL) {
        *out_status = status;
    }
    if (code != GORCTL_EXIT_OK) {
        return code;
    }
    if (status == WIRE_OK) {
        *out_reply = result.reply;
        return GORCTL_EXIT_OK;
    }
    if (status == WIRE_DEADLINE_EXCEEDED && call->quiet_timeout) {
        code = GORCTL_EXIT_TIMED_OUT;
    } else if (status == WIRE_NOT_FOUND && call->quiet_missing) {
        code = GORCTL_EXIT_NOT_FOUND;
    } else if (status == WIRE_OUT_OF_RANGE && call->quiet_range) {
        code = GORCTL_EXIT_REFUSED;
    } else if (call->quiet_away && gorctl_went_away(ctl->channel, status)) {
        code = GORCTL_EXIT_NO_DAEMON;
    } else {
        code = gorctl_explain_status(ctl->channel, status, result.text);
    }
    rpc_result_fini(&result);
    return code;
}
