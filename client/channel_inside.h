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
    bool stopped; /* `code` is the answer */
    int code;
};

struct gorctl_channel {
    uv_loop_t loop;
    struct rpc_client *client;       /* owned; NULL: never opened */
    char *address;                   /* owned */
    char *token;                     /* owned; NULL: none */
    struct rpc_tls_context *tls;     /* owned; NULL: none */
    const struct gorctl *ctl;        /* borrowed: whose channel it is */
    bool guessed;                    /* nobody named the address */
    struct gorctl_streaming *stream; /* borrowed from gorctl_stream()'s frame; NULL: none runs */
};

/* Say why a call ended with that; its exit code. */
int gorctl_explain_status(const struct gorctl_channel *channel, enum wire_status status,
                          const char *text);
int gorctl_explain_garbage(const struct gorctl_channel *channel, const char *why);

#endif
