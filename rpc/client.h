/* SPDX-License-Identifier: MIT */
/* client.h - the calling side of gRPC: one connection, many calls.
 *
 * Calls may be made before the connection stands; they wait for it. When it cannot be made or is
 * lost, every call ends with WIRE_UNAVAILABLE and a text that names the address and the reason.
 * There is no reconnecting: close the client and open another.
 *
 * Threads     the loop's thread only, every function and every callback.
 * Ownership   a call is the client's, valid until its on_end returns.
 */
#ifndef GOR_RPC_CLIENT_H
#define GOR_RPC_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>
#include <uv.h>

#include "proto/status.h"

struct rpc_client;
struct rpc_client_call;
struct rpc_tls_context; /* tls.h */

enum { RPC_TEXT_BYTES = 1024 };

struct rpc_client_opts {
    const char *address;         /* "/run/gord.sock", "unix:/run/gord.sock", "host:port" */
    const char *token;           /* sent as "authorization: Bearer"; NULL: none */
    struct rpc_tls_context *tls; /* borrowed while it connects; NULL: nothing is secret */
    size_t max_message_bytes;    /* of one reply; 0: 64 MiB */
    int64_t connect_timeout_ns;  /* 0: 10 s */
    /* The connection stands (0) or could not be made (negative errno). May be NULL. */
    void (*on_ready)(struct rpc_client *client, int error, void *user);
    void *user;
};

/* -EINVAL: the address cannot be read. -ENAMETOOLONG: the socket path. -ENOMEM. A host name is
 * looked up at once (blocking); one that is not found is reported like a failed connect. */
int rpc_client_open(uv_loop_t *loop, const struct rpc_client_opts *opts,
                    struct rpc_client **out_client);

/* Calls still open end with WIRE_CANCELLED. The memory goes when the loop has run the close
 * callbacks: uv_run(loop, UV_RUN_DEFAULT). NULL is fine. */
void rpc_client_close(struct rpc_client *client);

/* Run the loop until the connection stands (0) or has failed (negative errno). */
int rpc_client_wait_ready(struct rpc_client *client);

/* Whether the server has gone, or has told that it goes: there is no connection any more, or it takes
 * no new calls. Not if it turned us away for something we did. */
bool rpc_client_has_left(const struct rpc_client *client);

/* Why there is no connection, as a sentence; "" while nothing is wrong. Valid until closed. */
const char *rpc_client_error_text(const struct rpc_client *client);

struct rpc_client_handlers {
    /* One message of the server's; wire_decode() unpacks it. NULL: messages are dropped. */
    void (*on_message)(struct rpc_client_call *call, const uint8_t *data, size_t size, void *user);
    /* The last callback. Text is "" or for people. */
    void (*on_end)(struct rpc_client_call *call, enum wire_status status, const char *text,
                   void *user);
};

struct rpc_client_call_opts {
    const char *path;                /* "/gor.v1.Jobs/Submit" */
    const ProtobufCMessage *request; /* packed before the function returns; NULL: none yet */
    bool keep_open;                  /* more messages follow: rpc_client_send() */
    int64_t timeout_ns;              /* 0: none; sent to the server and kept here as well */
    bool gzip;                       /* compress requests, and take compressed replies */
    const struct rpc_client_handlers *handlers; /* must outlive the call */
    void *user;
};

/* Begin a call of any kind. -ENOMEM. out_call may be NULL. A call that cannot succeed any more
 * (connection lost) is still begun and ends from the loop. */
int rpc_client_call(struct rpc_client *client, const struct rpc_client_call_opts *opts,
                    struct rpc_client_call **out_call);

/* With keep_open: one more message, and the end of them. -EPIPE after the end. */
int rpc_client_send(struct rpc_client_call *call, const ProtobufCMessage *message);
void rpc_client_half_close(struct rpc_client_call *call);

/* Back-pressure: while paused no message is delivered, and the server is kept from sending more
 * than one window. on_end waits behind undelivered messages. */
void rpc_client_pause(struct rpc_client_call *call);
void rpc_client_resume(struct rpc_client_call *call);

/* End it now: on_end is called with WIRE_CANCELLED before this returns. */
void rpc_client_cancel(struct rpc_client_call *call);

struct rpc_result {
    enum wire_status status;
    char text[RPC_TEXT_BYTES]; /* "" or for people */
    ProtobufCMessage *reply;   /* owned; NULL unless status is OK */
};

/* Make a unary call and run the loop until it has ended; other calls go on meanwhile. The status is
 * also returned. Not from inside a callback of this loop. */
enum wire_status rpc_client_unary(struct rpc_client *client, const char *path,
                                  const ProtobufCMessage *request,
                                  const ProtobufCMessageDescriptor *reply, int64_t timeout_ns,
                                  struct rpc_result *out_result);

/* Free the reply. A zeroed result is fine. */
void rpc_result_fini(struct rpc_result *result);

#endif
