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

enum rpc_kind {
    RPC_UNARY,         /* one request, one reply */
    RPC_SERVER_STREAM, /* one request, many replies */
    RPC_BIDI,          /* many requests, many replies */
};

struct rpc_method {
    const char *path; /* "/gor.v1.Jobs/Submit"; must be in the served descriptors */
    enum rpc_kind kind;
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *reply;
    size_t max_request_bytes; /* 0: the server's */
    /* Unary and server stream: the request is complete and well-formed. Bidi: the call began,
     * request is NULL; may be NULL. */
    void (*begin)(struct rpc_call *call, const ProtobufCMessage *request, void *user);
    /* Bidi only. The message is valid until the callback returns. Called only while the call's
     * queue has room, so one answer per message is bounded. */
    void (*message)(struct rpc_call *call, const ProtobufCMessage *message, void *user);
    /* Bidi only: the client will send no more. */
    void (*half_close)(struct rpc_call *call, void *user);
};

struct rpc_server_opts {
    /* May this peer call this path? Asked once per call, when its headers have arrived, for every
     * path, known or not, reflection and health too. `bearer` is the token of its "authorization:
     * Bearer" header, or NULL. Return WIRE_OK, or the status, with text for the caller in
     * `out_text`. NULL: everybody may. */
    enum wire_status (*authorize)(void *user, const struct rpc_peer *peer, const char *path,
                                  const char *bearer, char out_text[256]);
    void *user; /* of authorize */

    /* 0 takes the default in brackets. */
    size_t max_request_bytes;  /* of one message [4 MiB] */
    size_t max_header_bytes;   /* name + value + 32 each [16 KiB] */
    size_t max_inflight_bytes; /* requests being received on one connection [32 MiB] */
    size_t max_queue_bytes;    /* replies of one call waiting to be sent [64 KiB] */
    size_t max_output_bytes;   /* of all calls, shared alike; a message each is let in [64 MiB] */
    unsigned max_connections;  /* for more, idle ones are closed, or they are [1024] */
    unsigned max_streams;      /* calls at once on one connection [1024] */
    int64_t handshake_ns;      /* for preface and SETTINGS, and for one header block [10 s] */
    int64_t stall_ns;          /* a call whose bytes do not move [60 s] */
    int64_t ping_min_ns;       /* pings closer together than that are strikes [8 s] */
};

struct rpc_server_stats {
    unsigned connections; /* open now */
    unsigned calls_open;
    uint64_t calls;        /* begun since start */
    uint64_t calls_failed; /* ended with another status than OK */
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
