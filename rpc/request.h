/* SPDX-License-Identifier: MIT */
/* request.h - the header block of one request: collected field by field, then judged.
 *
 * All checks are our own, since on Unix sockets nghttp2 must not make them: clients put paths there
 * that it refuses as :authority. Two layers: broken HTTP/2 (the stream is reset), and requests that
 * are no gRPC of ours (an answer with a status).
 *
 * Threads     the loop's.
 * Ownership   caller's memory; header blocks never interleave, so a connection needs one.
 */
#ifndef GOR_RPC_REQUEST_H
#define GOR_RPC_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/status.h"
#include "rpc/metadata.h"

enum { RPC_MAX_PATH = 256, RPC_MAX_BEARER = 256 };

struct rpc_request {
    size_t max_header_bytes;
    struct rpc_metadata metadata; /* owned, until a call takes it */
    size_t header_bytes;          /* name + value + 32 each */
    unsigned pseudo;              /* bits: which pseudo-header has been seen */
    bool regular_seen;            /* pseudo-headers must come first */
    bool malformed;               /* broken HTTP/2 */
    bool is_post;
    bool has_type;
    bool type_is_grpc;
    bool bad_timeout;
    bool bad_encoding; /* a grpc-encoding that we do not speak */
    bool gzip;         /* its messages may be compressed */
    bool takes_gzip;   /* and so may ours */
    bool bad_binary;   /* a "-bin" value that is not base64 */
    bool path_too_long;
    bool much_metadata; /* more than we keep */
    bool has_bearer;
    int64_t timeout_ns;     /* -1: none */
    int64_t content_length; /* -1: none */
    char path[RPC_MAX_PATH];
    char bearer[RPC_MAX_BEARER];
};

void rpc_request_begin(struct rpc_request *request, size_t max_header_bytes);

void rpc_request_add(struct rpc_request *request, const char *name, size_t name_size,
                     const char *value, size_t value_size);

/* A field of trailers: no pseudo-header, nothing of the connection. */
void rpc_request_add_trailer(struct rpc_request *request, const char *name, size_t name_size,
                             size_t value_size);

/* More than max_header_bytes? */
bool rpc_request_is_too_large(const struct rpc_request *request);

/* Complete: is it HTTP/2 at all? */
bool rpc_request_is_well_formed(const struct rpc_request *request);

/* Is it gRPC? *out_http is the HTTP status of the answer: 200, 405 or 415. *out_text is static. */
enum wire_status rpc_request_judge(const struct rpc_request *request, int *out_http,
                                   const char **out_text);

#endif
