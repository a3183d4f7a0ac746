/* SPDX-License-Identifier: MIT */
/* tls.c - see tls.h: one connection. */
#include "rpc/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rpc/tls_internal.h"

enum { LEFT_BYTES = 64 * 1024 };

struct rpc_tls_stream {
    SSL *ssl;      /* owned, and by it the way to the socket */
    BIO *way;      /* borrowed from ssl */
    int fd;        /* borrowed */
    bool blocked;  /* the socket is full */
    bool has_more; /* the last read was cut short by its buffer, or a write has read */
    bool failed;
    char fault[RPC_TLS_TEXT];
};

/* Whom a client wants to meet; the name is also told, if it is one, for a server with many. */
static bool expect(SSL *ssl, const char *host)
{
    unsigned char scratch[16];
    bool numeric =
        inet_pton(AF_INET, host, scratch) == 1 || inet_pton(AF_INET6, host, scratch) == 1;
    if (numeric) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct rpc_tls_stream *rpc_tls_stream_new(struct rpc_tls_context *context, int fd, const char *host)
{
    struct rpc_tls_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    stream->fd = fd;
    stream->ssl = SSL_new(context->ctx);
    stream->way = rpc_tls_socket_new(fd);
    if (stream->ssl == NULL || stream->way == NULL) {
        BIO_free(stream->way);
        SSL_free(stream->ssl);
        free(stream);
        return NULL;
    }
    SSL_set_bio(stream->ssl, stream->way, stream->way);
    if (context->server) {
        SSL_set_accept_state(stream->ssl);
    } else {
        SSL_set_connect_state(stream->ssl);
        if (host != NULL && !expect(stream->ssl, host)) {
            rpc_tls_stream_free(stream);
            return NULL;
        }
    }
    return stream;
}

/* A socket closed with unread bytes in it resets the connection, and that may overtake the alert
 * that says why. */
static void leave(const struct rpc_tls_stream *stream)
{
    char scratch[4096];
    (void)shutdown(stream->fd, SHUT_WR);
    for (int left = LEFT_BYTES; left > 0; left -= (int)sizeof scratch) {
        if (recv(stream->fd, scratch, sizeof scratch, MSG_DONTWAIT) <= 0) {
            return;
        }
    }
}

void rpc_tls_stream_free(struct rpc_tls_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    ERR_clear_error();
    if (!stream->failed && SSL_is_init_finished(stream->ssl)) {
        (void)SSL_shutdown(stream->ssl);
    }
    leave(stream);
    SSL_free(stream->ssl);
    ERR_clear_error();
    free(stream);
}

/* What OpenSSL's last answer means here: 0 with `blocked` or without, the peer's end, or an error. */
static ssize_t judge(struct rpc_tls_stream *stream, int answer, ssize_t when_nothing)
{
    switch (SSL_get_error(stream->ssl, answer)) {
    case SSL_ERROR_WANT_WRITE:
        stream->blocked = true;
        return when_nothing;
    case SSL_ERROR_WANT_READ:
        return when_nothing;
    case SSL_ERROR_ZERO_RETURN:
        stream->failed = true;
        return -EPIPE;
    case SSL_ERROR_SYSCALL:
        stream->failed = true;
        return rpc_tls_socket_error(stream->way) != 0 ? -rpc_tls_socket_error(stream->way) : -EPIPE;
    default:
        stream->failed = true;
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            return -EPIPE; /* HTTP/2 tells by itself whether something is missing */
        }
        rpc_tls_explain(stream->ssl, stream->fault, sizeof stream->fault);
        return -EPROTO;
    }
}

ssize_t rpc_tls_stream_read(struct rpc_tls_stream *stream, uint8_t *out, size_t size)
{
    size_t got = 0;
    stream->has_more = false;
    stream->blocked = false;
    if (stream->failed) {
        return stream->fault[0] != '\0' ? -EPROTO : 0;
    }
    while (got < size) {
        ERR_clear_error();
        int answer = SSL_read(stream->ssl, out + got, (int)(size - got));
        if (answer > 0) {
            got += (size_t)answer;
            continue;
        }
        ssize_t result = judge(stream, answer, -EAGAIN);
        if (got > 0) {
            return (ssize_t)got; /* the next read tells of the error */
        }
        return result == -EPIPE ? 0 : result;
    }
    stream->has_more = true;
    return (ssize_t)got;
}

/* The other end has closed: perhaps it said why before that, and nobody has read it yet. */
static ssize_t read_last_words(struct rpc_tls_stream *stream, ssize_t error)
{
    char scratch[4096];
    int answer;
    do {
        ERR_clear_error();
        answer = SSL_read(stream->ssl, scratch, (int)sizeof scratch);
    } while (answer > 0);
    if (SSL_get_error(stream->ssl, answer) == SSL_ERROR_SSL &&
        ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        rpc_tls_explain(stream->ssl, stream->fault, sizeof stream->fault);
        return -EPROTO;
    }
    return error;
}

ssize_t rpc_tls_stream_write(struct rpc_tls_stream *stream, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    stream->blocked = false;
    if (stream->failed) {
        return stream->fault[0] != '\0' ? -EPROTO : -EPIPE;
    }
    while (sent < size) {
        ERR_clear_error();
        (void)rpc_tls_socket_has_read(stream->way);
        int answer = SSL_write(stream->ssl, data + sent, (int)(size - sent));
        /* What has ended the handshake may have come with data behind it. */
        stream->has_more = stream->has_more || rpc_tls_socket_has_read(stream->way);
        if (answer > 0) {
            sent += (size_t)answer;
            continue;
        }
        ssize_t result = judge(stream, answer, 0);
        if (result == -EPIPE || result == -ECONNRESET) {
            result = read_last_words(stream, result);
        }
        return sent > 0 ? (ssize_t)sent : result;
    }
    return (ssize_t)sent;
}

bool rpc_tls_stream_is_blocked(const struct rpc_tls_stream *stream)
{
    return stream->blocked;
}

bool rpc_tls_stream_has_more(const struct rpc_tls_stream *stream)
{
    return stream->has_more && !stream->failed;
}

const char *rpc_tls_stream_fault(const struct rpc_tls_stream *stream)
{
    return stream->fault;
}

bool rpc_tls_stream_is_revoked(const struct rpc_tls_stream *stream,
                               const struct rpc_tls_context *context)
{
    X509 *cert = SSL_get0_peer_certificate(stream->ssl);
    return cert != NULL &&
           rpc_tls_context_has_revoked(context, cert, SSL_get_peer_cert_chain(stream->ssl));
}

static void copy_uri(X509 *certificate, char out[RPC_TLS_URI])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI) {
            const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
            int length = ASN1_STRING_length(uri);
            if (length < RPC_TLS_URI &&
                memchr(ASN1_STRING_get0_data(uri), '\0', (size_t)length) == NULL) {
                memcpy(out, ASN1_STRING_get0_data(uri), (size_t)length);
                out[length] = '\0';
            }
            break;
        }
    }
    GENERAL_NAMES_free(names);
}

bool rpc_tls_stream_peer(const struct rpc_tls_stream *stream, char out_name[RPC_TLS_NAME],
                         char out_uri[RPC_TLS_URI])
{
    X509 *certificate = SSL_get0_peer_certificate(stream->ssl);
    if (certificate == NULL || !SSL_is_init_finished(stream->ssl) ||
        SSL_get_verify_result(stream->ssl) != X509_V_OK) {
        return false;
    }
    out_name[0] = '\0';
    out_uri[0] = '\0';
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, out_name,
                                    RPC_TLS_NAME);
    copy_uri(certificate, out_uri);
    for (char *at = out_name; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            *at = '?'; /* it is for logs and lists */
        }
    }
    return true;
}
