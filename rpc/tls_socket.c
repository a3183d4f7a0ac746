/* SPDX-License-Identifier: MIT */
/* tls_socket.c - OpenSSL's way to a socket: its own uses write(2), which raises SIGPIPE when the
 * peer has gone. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "rpc/tls_internal.h"

struct way {
    int fd;
    int error;
    int allowed; /* reads */
    bool dry;
    bool has_read;
};

static int on_read(BIO *bio, char *out, int size)
{
    struct way *way = BIO_get_data(bio);
    ssize_t got;
    BIO_clear_retry_flags(bio);
    if (way->allowed-- <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    do {
        got = recv(way->fd, out, (size_t)size, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN) {
        way->dry = true;
        BIO_set_retry_read(bio);
    } else {
        way->error = got < 0 ? errno : 0;
        way->has_read = way->has_read || got > 0;
    }
    return (int)got;
}

static int on_write(BIO *bio, const char *data, int size)
{
    struct way *way = BIO_get_data(bio);
    ssize_t sent;
    BIO_clear_retry_flags(bio);
    do {
        sent = send(way->fd, data, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN) {
        BIO_set_retry_write(bio);
    } else {
        way->error = sent < 0 ? errno : 0;
    }
    return (int)sent;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing is held back here */
}

static int on_destroy(BIO *bio)
{
    free(BIO_get_data(bio));
    return 1;
}

BIO *rpc_tls_socket_new(int fd)
{
    static BIO_METHOD *method; /* set once, never changed or freed */
    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gor socket");
        if (method == NULL || BIO_meth_set_read(method, on_read) != 1 ||
            BIO_meth_set_write(method, on_write) != 1 ||
            BIO_meth_set_ctrl(method, on_control) != 1 ||
            BIO_meth_set_destroy(method, on_destroy) != 1) {
            return NULL;
        }
    }
    struct way *way = calloc(1, sizeof *way);
    BIO *bio = way != NULL ? BIO_new(method) : NULL;
    if (bio == NULL) {
        free(way);
        return NULL;
    }
    way->fd = fd;
    BIO_set_data(bio, way);
    BIO_set_init(bio, 1);
    return bio;
}

void rpc_tls_socket_allow(BIO *bio, int reads)
{
    struct way *way = BIO_get_data(bio);
    way->allowed = reads;
    way->dry = false;
    way->has_read = false;
}

bool rpc_tls_socket_has_read(BIO *bio)
{
    const struct way *way = BIO_get_data(bio);
    return way->has_read;
}

bool rpc_tls_socket_is_dry(BIO *bio)
{
    const struct way *way = BIO_get_data(bio);
    return way->dry;
}

int rpc_tls_socket_error(BIO *bio)
{
    const struct way *way = BIO_get_data(bio);
    return way->error;
}
