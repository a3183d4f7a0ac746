/* SPDX-License-Identifier: MIT */
/* call.h - one call, as the handler of a method sees it: answer it, send on it, hear of its end.
 *
 * Invariants  a call is answered at most once: by rpc_call_reply() or rpc_call_finish().
 * Threads     the loop's thread only, every function and every callback.
 * Ownership   a call is the server's. It is valid until it is answered. When it ends before that
 *             (cancelled, deadline, connection lost): with an on_end set, on_end is called once and
 *             the call is gone when it returns; without one, the call stays valid until it is
 *             answered, and the answer goes nowhere. A request is valid as long as its call.
 */
#ifndef GOR_RPC_CALL_H
#define GOR_RPC_CALL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/status.h"
#include "rpc/metadata.h"
#include "rpc/tls.h"

struct rpc_call;

/* Who is at the other end. */
struct rpc_peer {
    bool local; /* over a Unix socket: uid, gid, pid are the kernel's word at connect time */
    uid_t uid;
    gid_t gid;
    pid_t pid;               /* for logs only: pids are reused */
    bool tls;                /* over TLS */
    unsigned rank;           /* the authorizer's, for the handlers of this call */
    bool observed;           /* the authorizer's: its answer is told to the server's observer */
    uint64_t credential;     /* the authorizer's, for what may be taken back; 0: nothing may */
    bool certified;          /* with a certificate that holds: name and uri are from it */
    char name[RPC_TLS_NAME]; /* its common name */
    char uri[RPC_TLS_URI];   /* its first URI, or "" */
    char address[112];       /* "unix" or "127.0.0.1:4711"; for logs */
};

/* Answer a unary call: the message, then OK. */
void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *reply);

/* Send one message of a stream.
 *   1        taken, and there is room for more
 *   0        taken, and now the queue is full: wait for on_writable
 *   -EAGAIN  not taken: the queue was full
 *   -EPIPE   not taken: the call is over
 *   -ENOMEM  not taken */
int rpc_call_send(struct rpc_call *call, const ProtobufCMessage *message);

/* The same for a message that is packed already: one event to many watchers is packed once. */
int rpc_call_send_packed(struct rpc_call *call, const void *data, size_t size);

/* Compress what is sent, or do not, if the client takes that; before the first message. Without a word
 * replies are compressed when the client has said that its requests may be. */
void rpc_call_compress(struct rpc_call *call, bool on);

/* What the client has sent beside its messages. Valid as long as the call. */
const struct rpc_metadata *rpc_call_metadata(const struct rpc_call *call);

/* Send something beside the messages: before the first of them, or with the status. -EINVAL, -E2BIG,
 * -ENOMEM as of rpc_metadata_add(); -EPIPE: it is too late. */
int rpc_call_add_header(struct rpc_call *call, const char *name, const void *value, size_t size);
int rpc_call_add_trailer(struct rpc_call *call, const char *name, const void *value, size_t size);

/* Say more about an error than a code and a text can, before rpc_call_finish(): google.rpc.Status in
 * grpc-status-details-bin. -E2BIG: there are 4 KiB of them; -ENOMEM. */
int rpc_call_add_detail(struct rpc_call *call, const ProtobufCMessage *detail);

/* Bidi: hold the client's further messages back, or let them come. Those held are bounded by a
 * window; then the client waits. A full queue of replies holds them as well. */
void rpc_call_hold(struct rpc_call *call, bool hold);

/* What the handler of this call keeps, as given to rpc_call_on(); NULL before that. */
void *rpc_call_user(const struct rpc_call *call);

/* May rpc_call_send() take a message now? */
bool rpc_call_writable(const struct rpc_call *call);

/* What it sends may wait for its client for any time: the call is not cut off as one that stalls. */
void rpc_call_be_patient(struct rpc_call *call);

/* End the call: what is queued is sent first. format may be NULL; the text is for people, UTF-8. */
void rpc_call_finish(struct rpc_call *call, enum wire_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void rpc_call_vfinish(struct rpc_call *call, enum wire_status status, const char *format,
                      va_list args) __attribute__((format(printf, 3, 0)));

/* Callbacks of this call; each may be NULL, on_end decides about ownership (above).
 *   on_writable  a full queue has room again
 *   on_end       the call ended before it was answered: WIRE_CANCELLED by the client,
 *                WIRE_DEADLINE_EXCEEDED, or WIRE_UNAVAILABLE with its connection */
void rpc_call_on(struct rpc_call *call, void (*on_writable)(struct rpc_call *call, void *user),
                 void (*on_end)(struct rpc_call *call, enum wire_status why, void *user),
                 void *user);

/* Has it ended by the client's hand? (Only of use without an on_end.) */
bool rpc_call_is_over(const struct rpc_call *call);

/* Valid as long as the call. */
const struct rpc_peer *rpc_call_peer(const struct rpc_call *call);

/* The call stands or falls with this credential from here on; 0: with none. */
void rpc_call_set_credential(struct rpc_call *call, uint64_t credential);

/* What the messages of its client are. */
const ProtobufCMessageDescriptor *rpc_call_request_type(const struct rpc_call *call);

/* On the clock of uv_hrtime(); INT64_MAX: none. */
int64_t rpc_call_deadline(const struct rpc_call *call);

#endif
