/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of the serving side share: the server, its listeners, its sessions.
 *
 * Threads     the loop's.
 */
#ifndef GOR_RPC_INTERNAL_H
#define GOR_RPC_INTERNAL_H

#include "rpc/call_internal.h"
#include "rpc/connection.h"
#include "rpc/numbers.h"
#include "rpc/request.h"
#include "rpc/server.h"
#include "rpc/share.h"
#include "rpc/symbols.h"

struct rpc_route {
    const struct rpc_method *method;
    void *user;
    struct rpc_route *next; /* list link of a bucket */
};

enum { RPC_ROUTE_BUCKETS = 64, RPC_MAX_LISTENERS = 8 };

struct rpc_listener {
    uv_poll_t poll;
    struct rpc_server *server;
    int fd;      /* -1: the slot is free */
    int lock_fd; /* of a Unix socket that is ours; else -1 */
    bool local;  /* a Unix socket */
    bool tls;    /* nothing is said in the clear there */
    bool closing;
    char *path;   /* owned; of a Unix socket that is ours; else NULL */
    dev_t device; /* of that file, so that nobody else's is removed */
    ino_t inode;
};

struct rpc_health; /* health.h */

struct rpc_server {
    struct rpc_hub hub;
    struct rpc_server_opts opts;                 /* without zeros */
    struct rpc_route *routes[RPC_ROUTE_BUCKETS]; /* owned entries */
    struct rpc_symbols symbols;
    struct rpc_health *health;   /* owned */
    struct rpc_tls_context *tls; /* owned; for connections to come; NULL: none */
    struct rpc_listener listeners[RPC_MAX_LISTENERS];
    int spare_fd;              /* given up to be able to accept and close when there are no more */
    struct list_link sessions; /* of struct rpc_session */
    struct list_link shares;   /* of struct rpc_share */
    struct list_link orphans;  /* of struct rpc_call: no connection, not answered yet */
    struct list_link free_calls; /* of struct rpc_call: kept for reuse */
    unsigned free_call_count;
    nghttp2_session_callbacks *callbacks; /* owned */
    nghttp2_option *options[2];           /* owned; [local] */
    struct rpc_timer sweep;
    struct rpc_timer drain_timer;
    struct rpc_server_stats stats;
    unsigned handles; /* listeners, sessions and the hub, until their close callbacks */
    bool draining;
    int64_t drain_until_ns;
    bool freeing;
    void (*drained)(struct rpc_server *server, void *user);
    void *drained_user;
};

struct rpc_session {
    struct rpc_connection connection;
    struct rpc_server *server;
    struct list_link link;     /* list link of server->sessions */
    struct list_link calls;    /* of struct rpc_call: those with a stream */
    struct list_link writable; /* of struct rpc_call: to be told that there is room */
    struct list_link turns;    /* of struct rpc_call: what was sent on it waits for a turn */
    unsigned call_count;       /* calls, and husks that a handler has not answered yet */
    struct rpc_peer peer;
    struct rpc_share *share;    /* owned reference: its user's */
    struct rpc_request request; /* the header block that is arriving */
    struct rpc_numbers numbers; /* of its streams */
    struct rpc_timer drain_timer;
    int64_t
        waits_since_ns;    /* for the preface, then for the end of a header block; 0: for nothing */
    int64_t credit;        /* frames it may still send that bring no work; see flood.c */
    int64_t credit_ns;     /* when that was last topped up */
    uint64_t credit_bytes; /* connection.sent_bytes then */
    uint8_t frame_head[9]; /* of the frame that is arriving; see rpc_flood_read() */
    size_t frame_head_size;
    size_t frame_left;   /* of its payload, or of the preface */
    uint64_t frames;     /* that have come */
    uint64_t seen;       /* those that nghttp2 has told us of */
    int64_t resets_left; /* calls it may still cancel; see flood.c */
    int64_t resets_ns;   /* when that was last topped up */
    int64_t last_ping_ns;
    unsigned ping_strikes;
    size_t inflight_bytes;  /* of requests being put together, and those held; also in the stats */
    uint64_t stall_bytes;   /* connection.sent_bytes when the socket was last seen to move */
    int64_t stall_since_ns; /* and when that was */
    int64_t opened_ns;
    int64_t age_left_ns;   /* max_age_ns, give or take a tenth */
    int64_t heard_ns;      /* when something was last heard of the client */
    uint64_t frames_heard; /* `seen` then */
    int64_t asked_ns;      /* when it was asked for a sign of life; 0: it need not give one */
    int64_t busy_ns;       /* when it last had a call */
    int64_t leave_ns;      /* when it was told to go; 0: it was not */
    const char *farewell;  /* why, for GOAWAY; NULL: the server goes */
    bool greeted;          /* its SETTINGS have come */
    bool served;           /* a call of it has reached a handler */
    bool drain_begun;
    bool drain_confirmed;
};

/* server.c */
const struct rpc_route *rpc_server_route(const struct rpc_server *server, const char *path);
bool rpc_server_has_service(const struct rpc_server *server, const char *path);
void rpc_server_handle_closed(struct rpc_server *server);
void rpc_server_sweep_soon(struct rpc_server *server);

/* listen.c */
void rpc_listeners_close(struct rpc_server *server);

/* session.c */
int rpc_session_callbacks_new(nghttp2_session_callbacks **out_callbacks);
int rpc_session_options_new(bool local, nghttp2_option **out_option);
void rpc_session_accept(struct rpc_server *server, int fd, const struct rpc_listener *listener);
void rpc_session_sweep(struct rpc_session *session, int64_t now);

/* crowd.c */

/* Is there room for one connection more of this user, perhaps because another made it? Else why not. */
bool rpc_crowd_has_room(struct rpc_server *server, const struct rpc_share *share,
                        enum rpc_cut *out_cause);

/* drain.c */
void rpc_session_drain(struct rpc_session *session);
void rpc_session_drain_told(struct rpc_session *session); /* the notice has left */
void rpc_session_confirm_drain(struct rpc_session *session);
void rpc_drain_check(struct rpc_server *server);

/* cut.c */
void rpc_session_cut(struct rpc_session *session, enum rpc_cut cause);
void rpc_session_broken(struct rpc_session *session, int error);

/* live.c: false when the connection has been ended. */
bool rpc_live_sweep(struct rpc_session *session, int64_t now);
void rpc_live_begin(struct rpc_session *session);

/* flood.c: each returns false when the connection has been ended for it. */
bool rpc_flood_frame(struct rpc_session *session, const nghttp2_frame_hd *header);
void rpc_flood_read(struct rpc_session *session, const uint8_t *data, size_t size);
bool rpc_flood_ping(struct rpc_session *session);
bool rpc_flood_reset(struct rpc_session *session);
bool rpc_flood_header(struct rpc_session *session, size_t size);
void rpc_flood_records(struct rpc_session *session, unsigned count);
void rpc_flood_own_reset(struct rpc_session *session, uint32_t error);
void rpc_flood_refund(struct rpc_session *session);
void rpc_flood_refund_message(struct rpc_session *session);

#endif
