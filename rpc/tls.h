/* SPDX-License-Identifier: MIT */
/* tls.h - TLS 1.3 under the transport: who the other end is, and bytes that nobody else reads.
 *
 * A context is made of files and holds what many connections share; a stream is one connection. Only
 * TLS 1.3 is spoken, only "h2" is agreed on, and there are no session tickets: a resumed connection
 * would outlive the judgement of its certificate.
 *
 * Threads     the loop's.
 * Ownership   new/free; a stream keeps what it needs of its context, which may go before it.
 */
#ifndef GOR_RPC_TLS_H
#define GOR_RPC_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rpc_tls_context;
struct rpc_tls_stream;

enum { RPC_TLS_TEXT = 512, RPC_TLS_NAME = 64, RPC_TLS_URI = 128 };

struct rpc_tls_files {
    const char *ca;   /* who may have signed the other end's certificate. NULL: a server asks for no
                       * certificate, a client trusts whom this machine trusts */
    const char *cert; /* our certificate, with those between it and the CA behind it; NULL: none */
    const char *key;  /* its private key, a file nobody else can read */
    const char
        *crl; /* of a server with `ca`: certificates that each CA there has revoked; NULL: none */
};

/* 0; else -EINVAL, -ENOENT, -EACCES or -ENOMEM with a sentence in out_why that names the file. */
int rpc_tls_context_new(const struct rpc_tls_files *files, bool server, char out_why[RPC_TLS_TEXT],
                        struct rpc_tls_context **out_context);

void rpc_tls_context_free(struct rpc_tls_context *context);

/* Is the other end's certificate one that this context, of a server, holds to be revoked? */
bool rpc_tls_stream_is_revoked(const struct rpc_tls_stream *stream,
                               const struct rpc_tls_context *context);

/* One end of a connection on fd, which stays the caller's. A client says whom it wants to meet: the
 * name or IP address that must be in the certificate. NULL: out of memory. */
struct rpc_tls_stream *rpc_tls_stream_new(struct rpc_tls_context *context, int fd,
                                          const char *host);

/* Says goodbye when there is someone to say it to. NULL is fine. */
void rpc_tls_stream_free(struct rpc_tls_stream *stream);

/* As rpc_transport_read() and rpc_transport_write(): each takes the handshake further first. -EPROTO
 * when the two ends cannot agree; rpc_tls_stream_fault() has the reason. A write that took nothing is
 * to be repeated with the same bytes. */
ssize_t rpc_tls_stream_read(struct rpc_tls_stream *stream, uint8_t *out, size_t size);
ssize_t rpc_tls_stream_write(struct rpc_tls_stream *stream, const uint8_t *data, size_t size);

/* Records without data that reads have come across since this was last asked: new keys, mostly. */
unsigned rpc_tls_stream_take_idle(struct rpc_tls_stream *stream);

/* Is it the socket that keeps it from writing? */
bool rpc_tls_stream_is_blocked(const struct rpc_tls_stream *stream);

/* May there be bytes in it that the socket does not tell of? */
bool rpc_tls_stream_has_more(const struct rpc_tls_stream *stream);

/* Why it failed, for people; "" while it has not. */
const char *rpc_tls_stream_fault(const struct rpc_tls_stream *stream);

/* The other end's certificate, when it has shown one that holds: its common name and its first URI.
 * False: it has not. */
bool rpc_tls_stream_peer(const struct rpc_tls_stream *stream, char out_name[RPC_TLS_NAME],
                         char out_uri[RPC_TLS_URI]);

#endif
