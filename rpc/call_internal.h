/* SPDX-License-Identifier: MIT */
/* call_internal.h - the inside of a call, shared by call.c, receive.c, send.c and the session.
 *
 * A call has two sides, and lives until both are done: the handler's (handler_done: it has answered,
 * or been told by on_end) and the wire's (stream_gone: its HTTP/2 stream is closed).
 *
 * Threads     the loop's.
 */
#ifndef GOR_RPC_CALL_INTERNAL_H
#define GOR_RPC_CALL_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "proto/frame.h"
#include "rpc/call.h"
#include "rpc/queue.h"
#include "rpc/request.h"
#include "rpc/server.h"
#include "rpc/timers.h"

struct rpc_session;
struct rpc_share; /* share.h */

/* Beside the messages. */
struct rpc_extra {
    struct rpc_metadata received;
    struct rpc_metadata headers; /* to be sent */
    struct rpc_metadata trailers;
    uint8_t *details; /* owned; of an error, as the fields 3 of google.rpc.Status */
    size_t details_size;
};

#define RPC_ENCODINGS "identity,gzip"

struct rpc_call {
    struct rpc_server *server;   /* NULL: it is gone */
    struct rpc_session *session; /* NULL: its connection is gone */
    struct rpc_share *share;     /* owned reference: its user's */
    struct list_link link;       /* list link of session->calls or server->orphans */
    struct list_link writable;   /* list link of session->writable */
    struct list_link turn;       /* list link of session->turns */
    const struct rpc_method *method;
    void *method_user;
    int32_t stream_id;
    int http_status; /* of the answer */
    /* What comes in. */
    struct wire_reader reader;
    ProtobufCMessage *request; /* owned */
    uint8_t *held;             /* owned; bytes not looked at yet, their window not given back */
    size_t held_size;
    int64_t content_left; /* of content-length; -1: none was given */
    unsigned empty_data;  /* frames without a byte */
    uint64_t messages;    /* of a stream, that its handler got */
    /* What goes out. */
    struct rpc_queue queue;
    enum wire_status status; /* valid when finishing */
    char *text;              /* owned; for grpc-message, or NULL */
    struct rpc_extra *extra; /* owned; NULL: nothing of that */
    size_t text_at;          /* how much of it has been sent as the body of an HTTP error */
    /* The handler's. */
    void (*on_writable)(struct rpc_call *call, void *user);
    void (*on_end)(struct rpc_call *call, enum wire_status why, void *user);
    void *user;
    struct rpc_timer timer; /* its deadline */
    int64_t deadline_ns;
    int64_t progress_ns;  /* when something of it last got through, see rpc_call_moved() */
    size_t moved_bytes;   /* since then */
    struct rpc_peer peer; /* a copy: the call may outlive its session */
    bool half_closed;     /* the client has sent everything */
    bool begun;           /* the handler knows of it */
    bool handler_done;
    bool no_grpc;   /* an HTTP error is due once the request has ended */
    bool finishing; /* status is set: trailers follow the queue */
    bool submitted; /* the answer is nghttp2's to send */
    bool deferred;  /* nghttp2 waits for data */
    bool full;      /* the producer waits for on_writable */
    bool on_hold;   /* the handler wants no more messages for now */
    bool patient;   /* see rpc_call_be_patient */
    bool in_feed;   /* its messages are being delivered */
    bool stream_gone;
    bool takes_gzip; /* the client does */
};

/* call.c */
struct rpc_call *rpc_call_new(struct rpc_session *session, int32_t stream_id);
void rpc_call_pool_free(struct rpc_server *server);
void rpc_call_headers_done(struct rpc_call *call, struct rpc_request *request);
void rpc_call_half_closed(struct rpc_call *call);
void rpc_call_stream_gone(struct rpc_call *call, enum wire_status why);
void rpc_call_abort(struct rpc_call *call, enum wire_status status, const char *text);
void rpc_call_cut_off(struct rpc_call *call, enum wire_status status, const char *text);
void rpc_call_deadline_passed(struct rpc_call *call);
void rpc_call_reset(struct rpc_call *call, uint32_t error);

/* extra.c */
struct rpc_extra *rpc_call_extra(struct rpc_call *call); /* made if need be; NULL: no memory */
void rpc_extra_free(struct rpc_extra *extra);
bool rpc_extra_in_headers(const struct rpc_call *call); /* has something to put there */
bool rpc_extra_in_trailers(const struct rpc_call *call);
int rpc_extra_submit_headers(struct rpc_call *call, const nghttp2_data_provider *provider);
int rpc_extra_submit_trailers(struct rpc_call *call, bool only);

/* receive.c */
void rpc_call_data(struct rpc_call *call, const uint8_t *data, size_t size);
void rpc_call_feed_held(struct rpc_call *call);
void rpc_call_take_turns(struct rpc_session *session);
void rpc_call_drop_input(struct rpc_call *call);
bool rpc_call_is_paused(const struct rpc_call *call); /* its messages are held */

/* So many bytes came or went. It counts as progress when there are enough of them, or a `whole` is
 * done: a peer that moves one byte a minute gets nowhere. */
void rpc_call_moved(struct rpc_call *call, size_t size, bool whole);

/* send.c */
int rpc_call_submit(struct rpc_call *call);
void rpc_call_resume(struct rpc_call *call);
void rpc_call_tell_writable(struct rpc_session *session);

#endif
