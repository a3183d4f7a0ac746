/* SPDX-License-Identifier: MIT */
/* internal.h - what the files of the serving side share: the server, its listeners, its sessions.
 *
 * Threads     the loop's.
 */
#ifndef GOR_RPC_INTERNAL_H
#define GOR_RPC_INTERNAL_H

#include "rpc/call_internal.h"
#include "rpc/connection.h"
#include "rpc/request.h"
#include "rpc/server.h"
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
    struct rpc_health *health; /* owned */
    struct rpc_listener listeners[RPC_MAX_LISTENERS];
    int spare_fd;               /* given up to be able to accept and close when there are no more */
    struct rpc_link sessions;   /* of struct rpc_session */
    struct rpc_link orphans;    /* of struct rpc_call: no connection, not answered yet */
    struct rpc_link free_calls; /* of struct rpc_call: kept for reuse */
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
    struct rpc_link link;     /* list link of server->sessions */
    struct rpc_link calls;    /* of struct rpc_call: those with a stream */
    struct rpc_link writable; /* of struct rpc_call: to be told that there is room */
    unsigned call_count;      /* calls, and husks that a handler has not answered yet */
    struct rpc_peer peer;
    struct rpc_request request; /* the header block that is arriving */
    struct rpc_timer drain_timer;
    int64_t
        waits_since_ns;    /* for the preface, then for the end of a header block; 0: for nothing */
    int64_t credit;        /* frames it may still send that bring no work; see flood.c */
    int64_t credit_ns;     /* when that was last topped up */
    uint64_t credit_bytes; /* connection.sent_bytes then */
    int64_t last_ping_ns;
    unsigned ping_strikes;
    size_t inflight_bytes;  /* of requests being put together */
    uint64_t stall_bytes;   /* connection.sent_bytes when the socket was last seen to move */
    int64_t stall_since_ns; /* and when that was */
    bool served;            /* a call of it has reached a handler */
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
void rpc_session_accept(struct rpc_server *server, int fd, bool local);
void rpc_session_sweep(struct rpc_session *session, int64_t now);

/* crowd.c */
bool rpc_crowd_make_room(struct rpc_server *server); /* for one connection more; false: none */

/* drain.c */
void rpc_session_drain(struct rpc_session *session);
void rpc_session_confirm_drain(struct rpc_session *session);
void rpc_drain_check(struct rpc_server *server);

/* flood.c: each returns false when the connection has been ended for it. */
bool rpc_flood_frame(struct rpc_session *session, const nghttp2_frame_hd *header);
bool rpc_flood_ping(struct rpc_session *session);
void rpc_flood_end(struct rpc_session *session, const char *why);
void rpc_flood_charge(struct rpc_session *session, int64_t cost);
void rpc_flood_refund(struct rpc_session *session);
void rpc_flood_refund_message(struct rpc_session *session);

#endif
