/* SPDX-License-Identifier: MIT */
/* client_internal.h - what the files of the calling side share.
 *
 * A call lives until the caller has had its on_end (ended) and its stream is closed (stream_gone).
 *
 * Threads     the loop's.
 */
#ifndef GOR_RPC_CLIENT_INTERNAL_H
#define GOR_RPC_CLIENT_INTERNAL_H

#include "proto/frame.h"
#include "rpc/address.h"
#include "rpc/client.h"
#include "rpc/connection.h"
#include "rpc/queue.h"

struct rpc_client {
    struct rpc_hub hub;
    struct rpc_connection connection;
    struct rpc_client_opts opts; /* address and token: own copies */
    struct rpc_address address;
    nghttp2_session *session; /* owned until the connection has it */
    char *authorization;      /* owned; "Bearer ...", or NULL */
    char host[256];           /* whom TLS is to meet; "": a Unix socket */
    char fault[RPC_TLS_TEXT]; /* why TLS failed; "": it did not */
    struct list_link calls;   /* of struct rpc_client_call */
    struct rpc_timer timer;   /* try to connect again, or fail */
    int64_t connect_until_ns;
    int lookup_error; /* of the host name */
    int error;        /* why there is no connection any more; 0: nothing is wrong */
    char error_text[RPC_TEXT_BYTES];
    char goaway_text[128]; /* what the server said when it turned us away */
    bool left;             /* it has told that it goes away, in good order */
    bool opened;           /* the connection object is in use */
    bool ready;            /* the server has said its first words */
    bool told;             /* on_ready has been called */
    bool closing;
    unsigned handles; /* hub and connection, until their close callbacks */
};

struct rpc_client_call {
    struct rpc_client *client;
    struct list_link link; /* list link of client->calls */
    int32_t stream_id;
    const struct rpc_client_handlers *handlers;
    void *user;
    struct rpc_timer timer;
    /* What goes out. */
    struct rpc_queue queue;
    bool half_closed; /* nothing more will be sent */
    bool deferred;    /* nghttp2 waits for data */
    /* What comes in. */
    struct wire_reader reader;
    uint8_t *held; /* owned; bytes not looked at yet */
    size_t held_size;
    int http_status;
    bool has_status;
    enum wire_status status;
    char text[RPC_TEXT_BYTES];
    bool paused;
    bool in_feed;     /* its messages are being delivered */
    bool end_pending; /* over, but messages are held back */
    bool ended;       /* on_end has been called */
    bool stream_gone;
};

/* client.c */
void rpc_client_mark(struct rpc_client *client);
void rpc_client_became_ready(struct rpc_client *client);

/* client_session.c */
int rpc_client_session_new(struct rpc_client *client, nghttp2_session **out_session);

/* client_call.c */
void rpc_client_call_header(struct rpc_client_call *call, const char *name, size_t name_size,
                            const char *value, size_t value_size);
void rpc_client_call_data(struct rpc_client_call *call, const uint8_t *data, size_t size);
void rpc_client_call_closed(struct rpc_client_call *call, uint32_t error);
void rpc_client_call_end(struct rpc_client_call *call, enum wire_status status, const char *text);
void rpc_client_call_gone(struct rpc_client_call *call);

#endif
