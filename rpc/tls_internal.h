/* SPDX-License-Identifier: MIT */
/* tls_internal.h - what the files about TLS share. */
#ifndef GOR_RPC_TLS_INTERNAL_H
#define GOR_RPC_TLS_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "rpc/tls.h"

struct rpc_tls_context {
    SSL_CTX *ctx; /* owned */
    bool server;
};

/* tls_context.c */
bool rpc_tls_context_has_revoked(const struct rpc_tls_context *context, X509 *cert,
                                 STACK_OF(X509) * chain);

/* tls_socket.c: a BIO on a socket that is the caller's; it raises no SIGPIPE. NULL: out of memory. */
BIO *rpc_tls_socket_new(int fd);

/* Reads it may still make: beyond that it says that there is nothing now. OpenSSL takes in records that
 * bring no data for as long as it gets any. */
void rpc_tls_socket_allow(BIO *bio, int reads);

/* Has it read anything since then? */
bool rpc_tls_socket_has_read(BIO *bio);

/* Has the socket had nothing more since then? */
bool rpc_tls_socket_is_dry(BIO *bio);

/* The errno of its last failure; 0: the peer closed, or nothing failed. */
int rpc_tls_socket_error(BIO *bio);

/* tls_fault.c: what went wrong, in words, from OpenSSL's queue, which is empty then. */
void rpc_tls_explain(const SSL *ssl, char *out, size_t size);

#endif
