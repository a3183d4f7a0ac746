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

enum {
    LEFT_BYTES = 64 * 1024,
    READS_PER_WRITE = 16, /* while the handshake goes on */
    /* Whoever sends records of a byte, or of none, must not hold up others: then they have their turn. */
    PIECES_PER_READ = 64,
    IDLE_PER_READ = 16,
};

struct rpc_tls_stream {
    SSL *ssl;     /* owned, and by it the way to the socket */
    BIO *way;     /* borrowed from ssl */
    int fd;       /* borrowed */
    bool blocked; /* the socket is full */
    /* The last read was cut short, by its buffer or for the sake of others, or a write has read. */
    bool has_more;
    bool failed;
    unsigned idle; /* records without data, since rpc_tls_stream_take_idle() */
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

/* Each message of TLS itself passes here. */
static void on_message(int sent, int version, int type, const void *data, size_t size, SSL *ssl,
                       void *user)
{
    struct rpc_tls_stream *stream = user;
    (void)version;
    (void)ssl;
    if (!sent && type == SSL3_RT_HANDSHAKE && size > 0 &&
        *(const uint8_t *)data == SSL3_MT_KEY_UPDATE) {
        stream->idle++;
    }
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
    SSL_set_msg_callback(stream->ssl, on_message);
    SSL_set_msg_callback_arg(stream->ssl, stream);
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

/* As SSL_read(), with one read of the socket at most. */
static int read_piece(struct rpc_tls_stream *stream, uint8_t *out, size_t size)
{
    ERR_clear_error();
    rpc_tls_socket_allow(stream->way, 1);
    return SSL_read(stream->ssl, out, (int)size);
}

/* It wants more than that one read has brought, and the socket may have it. */
static bool wants_piece(const struct rpc_tls_stream *stream, int answer)
{
    return SSL_get_error(stream->ssl, answer) == SSL_ERROR_WANT_READ &&
           !rpc_tls_socket_is_dry(stream->way);
}

ssize_t rpc_tls_stream_read(struct rpc_tls_stream *stream, uint8_t *out, size_t size)
{
    size_t got = 0;
    unsigned idle_before = stream->idle;
    stream->has_more = false;
    stream->blocked = false;
    if (stream->failed) {
        return stream->fault[0] != '\0' ? -EPROTO : 0;
    }
    for (int i = 0; i < PIECES_PER_READ && got < size && stream->idle - idle_before < IDLE_PER_READ;
         i++) {
        int answer = read_piece(stream, out + got, size - got);
        if (answer > 0) {
            got += (size_t)answer;
            continue;
        }
        if (wants_piece(stream, answer)) {
            continue;
        }
        ssize_t result = judge(stream, answer, -EAGAIN);
        if (got > 0) {
            return (ssize_t)got; /* the next read tells of the error */
        }
        return result == -EPIPE ? 0 : result;
    }
    stream->has_more = true;
    return got > 0 ? (ssize_t)got : -EAGAIN;
}

unsigned rpc_tls_stream_take_idle(struct rpc_tls_stream *stream)
{
    unsigned idle = stream->idle;
    stream->idle = 0;
    return idle;
}

/* The other end has closed: perhaps it said why before that, and nobody has read it yet. */
static ssize_t read_last_words(struct rpc_tls_stream *stream, ssize_t error)
{
    uint8_t scratch[4096];
    int answer;
    do {
        answer = read_piece(stream, scratch, sizeof scratch);
    } while (answer > 0 || wants_piece(stream, answer));
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
        rpc_tls_socket_allow(stream->way, READS_PER_WRITE);
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
