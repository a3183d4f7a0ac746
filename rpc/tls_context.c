/* SPDX-License-Identifier: MIT */
/* tls_context.c - certificates, keys and rules, from files. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rpc/tls_internal.h"

static const unsigned char h2[] = {2, 'h', '2'};

/* Only h2, or the handshake fails: whoever speaks something else learns so before it says it. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                   const unsigned char *in, unsigned in_size, void *user)
{
    (void)ssl;
    (void)user;
    for (unsigned at = 0; at < in_size; at += 1U + in[at]) {
        if (in_size - at >= sizeof h2 && memcmp(in + at, h2, sizeof h2) == 0) {
            *out = in + at + 1;
            *out_size = 2;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Is the file there, may we read it, and, if it is secret, may nobody else? */
static int look_at(const char *what, const char *path, bool secret, char *why)
{
    struct stat found;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &found) != 0) {
        int error = errno;
        (void)snprintf(why, RPC_TLS_TEXT, "cannot read the %s '%s': %s", what, path,
                       strerror(error));
        if (fd >= 0) {
            close(fd);
        }
        return error == ENOENT ? -ENOENT : -EACCES;
    }
    close(fd);
    if (secret && (found.st_mode & 077) != 0) {
        (void)snprintf(why, RPC_TLS_TEXT,
                       "others can read the %s '%s'; make it private (chmod 600) and, since they "
                       "may know it, have a new one made",
                       what, path);
        return -EACCES;
    }
    return 0;
}

static int refuse(const char *what, const char *path, char *why)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    (void)snprintf(why, RPC_TLS_TEXT, "the file '%s' holds no %s that can be used: %s", path, what,
                   reason != NULL ? reason : "PEM is expected");
    ERR_clear_error();
    return -EINVAL;
}

static int load_own(SSL_CTX *ctx, const struct rpc_tls_files *files, char *why)
{
    int error = look_at("certificate", files->cert, false, why);
    if (error == 0) {
        error = look_at("private key", files->key, true, why);
    }
    if (error != 0) {
        return error;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1) {
        return refuse("certificate", files->cert, why);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) != 1) {
        return refuse("private key of that certificate", files->key, why);
    }
    return 0;
}

/* Each list must be of a CA that is trusted, and of today: with one that is not, nobody gets in. */
static int check_list(SSL_CTX *ctx, X509_CRL *list, const char *path, char *why)
{
    STACK_OF(X509) *trusted = X509_STORE_get1_all_certs(SSL_CTX_get_cert_store(ctx));
    bool ours = false;
    for (int i = 0; i < sk_X509_num(trusted) && !ours; i++) {
        ours = X509_CRL_verify(list, X509_get0_pubkey(sk_X509_value(trusted, i))) == 1;
    }
    sk_X509_pop_free(trusted, X509_free);
    ERR_clear_error();
    if (!ours) {
        (void)snprintf(why, RPC_TLS_TEXT,
                       "the list of revoked certificates '%s' is not signed by the CA", path);
        return -EINVAL;
    }
    if (X509_cmp_current_time(X509_CRL_get0_nextUpdate(list)) <= 0) {
        (void)snprintf(
            why, RPC_TLS_TEXT,
            "the list of revoked certificates '%s' has expired; have the CA make it anew", path);
        return -EINVAL;
    }
    return 0;
}

static int load_lists(SSL_CTX *ctx, const char *path, char *why)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509_CRL *list;
    int count = 0;
    int error = look_at("list of revoked certificates", path, false, why);
    FILE *file = error == 0 ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return error != 0 ? error : -EACCES;
    }
    while (error == 0 && (list = PEM_read_X509_CRL(file, NULL, NULL, NULL)) != NULL) {
        error = check_list(ctx, list, path, why);
        error = error == 0 && X509_STORE_add_crl(store, list) != 1 ? -ENOMEM : error;
        X509_CRL_free(list);
        count++;
    }
    (void)fclose(file);
    if (error == 0 && count == 0) {
        return refuse("list of revoked certificates", path, why);
    }
    ERR_clear_error();
    (void)X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return error;
}

/* A server asks for a certificate and lets in whoever has none: a token may speak for it. */
static int load_trust(SSL_CTX *ctx, const struct rpc_tls_files *files, bool server, char *why)
{
    if (files->ca == NULL) {
        return server || SSL_CTX_set_default_verify_paths(ctx) == 1 ? 0 : -ENOMEM;
    }
    int error = look_at("CA certificate", files->ca, false, why);
    if (error != 0) {
        return error;
    }
    if (SSL_CTX_load_verify_locations(ctx, files->ca, NULL) != 1) {
        return refuse("CA certificate", files->ca, why);
    }
    if (server) {
        STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(files->ca);
        SSL_CTX_set_client_CA_list(ctx, names);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    }
    return server && files->crl != NULL ? load_lists(ctx, files->crl, why) : 0;
}

static bool set_rules(SSL_CTX *ctx, bool server)
{
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(ctx, 0) != 1) {
        return false;
    }
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(ctx, 1);
    if (server) {
        SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
        return true;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return SSL_CTX_set_alpn_protos(ctx, h2, sizeof h2) == 0;
}

int rpc_tls_context_new(const struct rpc_tls_files *files, bool server, char out_why[RPC_TLS_TEXT],
                        struct rpc_tls_context **out_context)
{
    struct rpc_tls_context *context = calloc(1, sizeof *context);
    int error = -ENOMEM;
    (void)snprintf(out_why, RPC_TLS_TEXT, "out of memory");
    ERR_clear_error();
    if (context == NULL) {
        return error;
    }
    context->server = server;
    context->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (context->ctx != NULL && set_rules(context->ctx, server)) {
        error = files->cert != NULL ? load_own(context->ctx, files, out_why) : 0;
    }
    if (error == 0) {
        error = load_trust(context->ctx, files, server, out_why);
    }
    if (error != 0) {
        rpc_tls_context_free(context);
        return error;
    }
    *out_context = context;
    return 0;
}

bool rpc_tls_context_has_revoked(const struct rpc_tls_context *context, X509 *cert,
                                 STACK_OF(X509) * chain)
{
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    bool revoked = false;
    if (check != NULL &&
        X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context->ctx), cert, chain) == 1 &&
        X509_verify_cert(check) != 1) {
        revoked = X509_STORE_CTX_get_error(check) == X509_V_ERR_CERT_REVOKED;
    }
    X509_STORE_CTX_free(check);
    ERR_clear_error();
    return revoked;
}

void rpc_tls_context_free(struct rpc_tls_context *context)
{
    if (context != NULL) {
        SSL_CTX_free(context->ctx);
        free(context);
    }
}
