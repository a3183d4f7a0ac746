/* SPDX-License-Identifier: MIT */
/* server.h - the serving side of gRPC: listeners, connections, calls.
 *
 * A method's `begin` is called with the decoded request; it answers at once or later, from the loop
 * thread. Reflection and health are served by the server itself.
 *
 * Invariants  a call is answered at most once: by rpc_call_reply() or rpc_call_finish().
 * Threads     the loop's thread only, every function and every callback.
 * Ownership   a call is the server's. It is valid until it is answered. When it ends before that
 *             (cancelled, deadline, connection lost): with an on_end set, on_end is called once and
 *             the call is gone when it returns; without one, the call stays valid until it is
 *             answered, and the answer goes nowhere. A request is valid as long as its call.
 */
#ifndef GOR_RPC_SERVER_H
#define GOR_RPC_SERVER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <protobuf-c/protobuf-c.h>
#include <uv.h>

#include "proto/status.h"

struct rpc_server;
struct rpc_call;

enum rpc_kind {
    RPC_UNARY,         /* one request, one reply */
    RPC_SERVER_STREAM, /* one request, many replies */
    RPC_BIDI,          /* many requests, many replies */
};

/* Who is at the other end. */
struct rpc_peer {
    bool local; /* over a Unix socket: uid, gid, pid are the kernel's word at connect time */
    uid_t uid;
    gid_t gid;
    pid_t pid;         /* for logs only: pids are reused */
    char address[112]; /* "unix" or "127.0.0.1:4711"; for logs */
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
    unsigned max_connections;  /* more are closed at once [1024] */
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

/* May rpc_call_send() take a message now? */
bool rpc_call_writable(const struct rpc_call *call);

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

/* The user pointer given to rpc_call_on(), or NULL. */
void *rpc_call_user(const struct rpc_call *call);

/* Has it ended by the client's hand? (Only of use without an on_end.) */
bool rpc_call_is_over(const struct rpc_call *call);

/* Valid as long as the call. */
const struct rpc_peer *rpc_call_peer(const struct rpc_call *call);

/* On the clock of uv_hrtime(); INT64_MAX: none. */
int64_t rpc_call_deadline(const struct rpc_call *call);

#endif
