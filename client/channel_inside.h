/* SPDX-License-Identifier: MIT */
/* channel_inside.h - what the files of the channel share: the connection, and the stream that runs.
 *
 * Threads     one.
 */
#ifndef GOR_CLIENT_CHANNEL_INSIDE_H
#define GOR_CLIENT_CHANNEL_INSIDE_H

#include <stdbool.h>

#include <uv.h>

#include "client/channel.h"
#include "rpc/client.h"
#include "rpc/tls.h"

/* The stream that runs; there is at most one. */
struct gorctl_streaming {
    struct rpc_client_call *call; /* borrowed; NULL once it has ended */
    const struct gorctl_call *what;
    gorctl_on_message *on_message;
    void *user;
    bool held;    /* paused: its end waits as well, for somebody is not done with its messages */
    bool ended;   /* `code` tells how */
    bool away;    /* it ended because the daemon went; it is to go on */
    bool stopped; /* `code` is the answer */
    int code;
};

struct gorctl_channel {
    uv_loop_t loop;
    struct rpc_client *client;       /* owned; NULL: never opened */
    char *address;                   /* owned */
    char *token;                     /* owned; NULL: none */
    struct rpc_tls_context *tls;     /* owned; NULL: none */
    struct gorctl *ctl;              /* borrowed: whose channel it is */
    bool guessed;                    /* nobody named the address */
    struct gorctl_streaming *stream; /* borrowed from gorctl_stream()'s frame; NULL: none runs */
    struct gorctl_back *backs;       /* list of those to be told when the daemon is back */
    /* away.c */
    int64_t patience_ns; /* how long it waits for a daemon that went away; 0: not at all */
    int64_t since_ns;    /* when it went */
    int64_t back_ns;     /* when it was back; 0: it never went */
    unsigned tries;      /* to connect, since then */
    bool told;           /* it was said that it is away */
    uv_timer_t pause;    /* until the next try */
    uv_timer_t note;     /* until that is said */
};

/* Say why a call ended with that; its exit code. */
int gorctl_explain_status(const struct gorctl_channel *channel, enum wire_status status,
                          const char *text);
/* Likewise for a connection that could not be made. */
int gorctl_explain_no_daemon(const struct gorctl_channel *channel, int error, const char *why);

int gorctl_explain_garbage(const struct gorctl_channel *channel, const char *why);

/* The options of a connection. */
struct rpc_client_opts gorctl_client_opts(const struct gorctl_channel *channel);

#endif
