/* SPDX-License-Identifier: MIT */
/* server.h - the serving side of gRPC: listeners, connections, calls.
 *
 * A method's `begin` is called with the decoded request; it answers at once or later, from the loop
 * thread. Reflection and health are served by the server itself.
 *
 * Threads     the loop's thread only, every function and every callback.
 * Ownership   the server is the caller's from rpc_server_new() to rpc_server_free(); its calls are
 *             its own (call.h).
 */
#ifndef GOR_RPC_SERVER_H
#define GOR_RPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <protobuf-c/protobuf-c.h>
#include <uv.h>

#include "proto/status.h"
#include "rpc/call.h"

struct rpc_server;
struct rpc_tls_context; /* tls.h */

enum rpc_kind {
    RPC_UNARY,         /* one request, one reply */
    RPC_SERVER_STREAM, /* one request, many replies */
    RPC_CLIENT_STREAM, /* many requests, one reply: rpc_call_reply() when the client has half-closed */
    RPC_BIDI,          /* many requests, many replies */
};

static inline bool rpc_kind_streams_in(enum rpc_kind kind)
{
    return kind == RPC_CLIENT_STREAM || kind == RPC_BIDI;
}

static inline bool rpc_kind_streams_out(enum rpc_kind kind)
{
    return kind == RPC_SERVER_STREAM || kind == RPC_BIDI;
}

struct rpc_method {
    const char *path; /* "/gor.v1.Jobs/Submit"; must be in the served descriptors */
    enum rpc_kind kind;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *reply;
    size_t max_request_bytes; /* 0: the server's */
    /* Unary and server stream: the request is complete and well-formed. Others: the call began,
     * request is NULL; may be NULL. */
    void (*begin)(struct rpc_call *call, const ProtobufCMessage *request, void *user);
    /* Client stream and bidi. The message is valid until the callback returns. Called only while the call's
     * queue has room, so one answer per message is bounded. */
    void (*message)(struct rpc_call *call, const ProtobufCMessage *message, void *user);
    /* Client stream and bidi: the client will send no more. */
    void (*half_close)(struct rpc_call *call, void *user);
};

/* How a call went. */
struct rpc_answer {
    const char *path;
    const ProtobufCMessage *request; /* NULL: it was a stream, or was not looked at */
    const ProtobufCMessage *reply;   /* of a unary call that went well; else NULL */
    uint64_t messages;               /* that came, of a stream */
    enum wire_status status;
    const char *text; /* for people, of an error; never NULL */
};

/* Told of calls that the authorizer has marked (rpc_peer.observed). */
struct rpc_observer {
    /* The authorizer has refused it; or its handler has answered, whether or not the client is still
     * there; or the handler will not, for the client has gone first, or the deadline has passed. */
    void (*answered)(void *user, const struct rpc_peer *peer, const struct rpc_answer *answer);
    /* Answers are about to be sent; of some, it may have been told earlier. */
    void (*before_sending)(void *user);
    void *user;
};

struct rpc_server_opts {
    /* May this peer call this path? Asked once per call, when its headers have arrived, for every
     * path, known or not, reflection and health too. `bearer` is the token of its "authorization:
     * Bearer" header, or NULL. Return WIRE_OK, or the status, with text for the caller in
     * `out_text`. It may note in `peer`, which is this call's, who that is. NULL: everybody may. */
    enum wire_status (*authorize)(void *user, struct rpc_peer *peer, const char *path,
                                  const char *bearer, char out_text[256]);
    void *user;                   /* of authorize */
    struct rpc_observer observer; /* each function may be NULL */

    /* What reflection tells and methods must be in, a FileDescriptorSet; NULL: that of gord. Must
     * outlive the server. */
    const uint8_t *descriptors;
    size_t descriptors_size;

    /* 0 takes the default in brackets. */
    size_t max_request_bytes;  /* of one message [4 MiB] */
    size_t max_header_bytes;   /* name + value + 32 each [16 KiB] */
    size_t max_inflight_bytes; /* requests being received on one connection [32 MiB] */
    size_t max_input_bytes;    /* of all connections [128 MiB] */
    size_t max_queue_bytes;    /* replies of one call waiting to be sent [64 KiB] */
    size_t max_output_bytes;   /* of all calls, shared alike; a message each is let in [64 MiB] */
    unsigned max_connections;  /* for more, idle ones are closed, or they are [1024] */
    unsigned max_streams;      /* calls at once on one connection [1024] */
    /* Of one user, which is a uid on a Unix socket, an address on TCP. */
    unsigned max_user_connections; /* as above [three quarters of those] */
    unsigned max_user_calls;       /* at once; more are RESOURCE_EXHAUSTED [16384] */
    int64_t handshake_ns;          /* for preface and SETTINGS, and for one header block [10 s] */
    int64_t stall_ns;              /* a call whose bytes do not move [60 s] */
    int64_t ping_min_ns;           /* pings closer together than that are strikes [8 s] */
    int64_t keepalive_ns;          /* on TCP: ask a silent client for a sign of life [60 s] */
    int64_t keepalive_wait_ns;     /* and give it up when none comes [20 s] */
    int64_t max_idle_ns;           /* say goodbye after so long without a call [never] */
    int64_t max_age_ns;            /* say goodbye after so long, give or take a tenth [never] */
    int64_t max_grace_ns;          /* what calls have then to end [never] */
};

/* Why the server ended a connection, or a call, that its client would have kept. */
enum rpc_cut {
    RPC_CUT_FRAMES,       /* frames that bring no work */
    RPC_CUT_EMPTY_DATA,   /* DATA without a byte, on one stream */
    RPC_CUT_PINGS,        /* more often than ping_min_ns */
    RPC_CUT_RESETS,       /* calls begun and cancelled */
    RPC_CUT_ACKS,         /* SETTINGS and PING whose answers are not read */
    RPC_CUT_CONTINUATION, /* a header block in too many pieces */
    RPC_CUT_RECORDS,      /* of TLS, that bring no data */
    RPC_CUT_HEADERS,      /* header lists far over the limit */
    RPC_CUT_HANDSHAKE,    /* no preface and SETTINGS within handshake_ns */
    RPC_CUT_SLOW_HEADERS, /* a header block that does not end within handshake_ns */
    RPC_CUT_SOCKET_STALL, /* a socket that takes nothing for stall_ns */
    RPC_CUT_CALL_STALL,   /* one call whose bytes do not move for stall_ns; the others go on */
    RPC_CUT_TLS,          /* no TLS, or none that both ends agree in: certificates, too */
    RPC_CUT_PROTOCOL,     /* what is not HTTP/2 */
    RPC_CUT_CROWD,        /* idle, when there was no room for another */
    RPC_CUT_FULL,         /* one more, when nobody was idle */
    RPC_CUT_USER_CROWD,   /* idle, when its user could have no other */
    RPC_CUT_USER_FULL,    /* one more than its user may have, of whose none was idle */
    RPC_CUT_USER_CALLS,   /* a call more than its user may have at once */
    RPC_CUT_KEEPALIVE,    /* no answer to our PING: the peer is gone without a word */
    RPC_CUT_AGE,          /* older than max_age_ns and max_grace_ns */
};

enum { RPC_CUTS = RPC_CUT_AGE + 1 };

/* "frames", "empty_data", ...: for metrics. */
const char *rpc_cut_name(enum rpc_cut cause);

struct rpc_server_stats {
    unsigned connections; /* open now */
    unsigned calls_open;
    uint64_t calls;         /* begun since start */
    uint64_t calls_failed;  /* ended with another status than OK */
    size_t input_bytes;     /* of requests that have not been decoded, now */
    uint64_t cut[RPC_CUTS]; /* by cause */
};

/* -ENOMEM, or the error of libuv. opts may be NULL. */
int rpc_server_new(uv_loop_t *loop, const struct rpc_server_opts *opts,
                   struct rpc_server **out_server);

/* Close everything; calls still open end with their on_end (WIRE_UNAVAILABLE) before this returns.
 * The memory goes when the loop has run the close callbacks. Not from inside a callback of a call.
 * NULL is fine. */
void rpc_server_free(struct rpc_server *server);

/* Serve these methods; the table must outlive the server. May be called several times. A path given
 * twice, or not in the descriptors, or of another kind there: -EINVAL. -ENOMEM. */
int rpc_server_add(struct rpc_server *server, const struct rpc_method *methods, size_t count,
                   void *user);

/* TCP sockets listened on from here on speak TLS, with that context, which is the server's now. Later
 * calls exchange it: connections to come get the new one, those that stand keep theirs unless their
 * certificate is revoked by it. */
void rpc_server_use_tls(struct rpc_server *server, struct rpc_tls_context *context);

/* What the authorizer let calls in with, a peer's credential, is good for nothing any more: those that
 * have not been answered end with that status and text, their handlers are told by on_end. Not from
 * inside a callback of such a call before it is answered. */
void rpc_server_end_calls(struct rpc_server *server, uint64_t credential, enum wire_status status,
                          const char *text);

/* Listen on a Unix socket. The file gets `mode` before anyone can connect, and group `gid` unless
 * that is (gid_t)-1. A stale socket file is replaced, a live one is not: -EADDRINUSE. A file that
 * is no socket: -ENOTSOCK. A path that does not fit (107 bytes): -ENAMETOOLONG. "path.lock" beside
 * it is held while listening. The file is removed by rpc_server_free() and at the end of a drain.
 */
int rpc_server_listen_unix(struct rpc_server *server, const char *path, mode_t mode, gid_t gid);

/* Listen on "127.0.0.1:4711", "[::1]:0", "localhost:4711"; port 0 lets the kernel choose. -EINVAL
 * on an address that cannot be read, -EADDRNOTAVAIL and so on from the kernel. out_port may be
 * NULL. */
int rpc_server_listen_tcp(struct rpc_server *server, const char *address, uint16_t *out_port);

/* Take a listening socket that somebody else opened (socket activation), Unix or TCP. The server
 * owns and closes it; its file is left alone. -ENOTSOCK, -EINVAL when it does not listen. */
int rpc_server_listen_fd(struct rpc_server *server, int fd);

/* As rpc_server_listen_fd, of a socket that a server before this one bound to `path`: its lock is taken, and
 * its file removed at the end. -ESTALE: the file is not there any more, or another. */
int rpc_server_listen_kept(struct rpc_server *server, int fd, const char *path);

/* Listeners, for whoever keeps them over the end of the server: visit(arg, fd, path) for each, with the
 * server's descriptor, and NULL for a path unless the server made a file. */
void rpc_server_each_listener(const struct rpc_server *server,
                              void (*visit)(void *arg, int fd, const char *path), void *arg);

/* Somebody else keeps the sockets: leave their files at the end. */
void rpc_server_leave_files(struct rpc_server *server);

/* End gently: health turns NOT_SERVING and its watches end, clients are told (GOAWAY), new calls
 * are refused, running ones may finish within timeout_ns, then they end with on_end. `done` is
 * called once when no connection is left; the server must still be freed. */
void rpc_server_drain(struct rpc_server *server, int64_t timeout_ns,
                      void (*done)(struct rpc_server *server, void *user), void *user);

void rpc_server_stats_get(const struct rpc_server *server, struct rpc_server_stats *out_stats);

/* Health of "gor.v1.Jobs", or of the whole server with "": known services start as serving.
 * Watchers are told. -ENOMEM. */
int rpc_health_set(struct rpc_server *server, const char *service, bool serving);

#endif
