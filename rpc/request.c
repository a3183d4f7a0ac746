/* SPDX-License-Identifier: MIT */
/* request.c - see request.h. */
#include "rpc/request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "proto/base64.h"
#include "proto/timeout.h"

enum {
    FIELD_OVERHEAD = 32, /* RFC 9113, 10.5.1 */
    MAX_FIELD_BYTES = 8192,
    METHOD = 1,
    SCHEME = 2,
    PATH = 4,
    AUTHORITY = 8,
};

struct text {
    const char *data;
    size_t size;
};

static bool is(struct text text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static bool begins(struct text text, const char *word)
{
    size_t length = strlen(word);
    return text.size >= length && memcmp(text.data, word, length) == 0;
}

void rpc_request_begin(struct rpc_request *request, size_t max_header_bytes)
{
    rpc_metadata_fini(&request->metadata); /* of a block that nobody took */
    /* The two texts need no clearing. */
    memset(request, 0, offsetof(struct rpc_request, path));
    request->max_header_bytes = max_header_bytes;
    request->timeout_ns = -1;
    request->content_length = -1;
    request->path[0] = '\0';
}

/* RFC 9113, 8.2.1: what a field name and value may not have in HTTP/2. */
static bool is_valid_name(struct text name)
{
    for (size_t i = 0; i < name.size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c <= 0x20 || c >= 0x7f || (c >= 'A' && c <= 'Z') || (c == ':' && i > 0)) {
            return false;
        }
    }
    return name.size > 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_valid_value(struct text value)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == '\0' || c == '\r' || c == '\n') {
            return false;
        }
    }
    return value.size == 0 || (!is_blank(value.data[0]) && !is_blank(value.data[value.size - 1]));
}

static bool is_connection_field(struct text name)
{
    return is(name, "connection") || is(name, "keep-alive") || is(name, "proxy-connection") ||
           is(name, "transfer-encoding") || is(name, "upgrade");
}

static void add_path(struct rpc_request *request, struct text value)
{
    if (value.size == 0 || value.data[0] != '/') {
        request->malformed = true;
        return;
    }
    size_t kept = value.size < RPC_MAX_PATH - 1 ? value.size : RPC_MAX_PATH - 1;
    memcpy(request->path, value.data, kept);
    request->path[kept] = '\0';
    request->path_too_long = kept < value.size;
}

static void add_pseudo(struct rpc_request *request, struct text name, struct text value)
{
    unsigned bit = 0;
    if (is(name, ":method")) {
        bit = METHOD;
        request->is_post = is(value, "POST");
    } else if (is(name, ":path")) {
        bit = PATH;
        add_path(request, value);
    } else if (is(name, ":scheme")) {
        bit = SCHEME;
    } else if (is(name, ":authority")) {
        bit = AUTHORITY; /* whatever it says: see request.h */
    }
    if (bit == 0 || (request->pseudo & bit) != 0 || request->regular_seen) {
        request->malformed = true;
    }
    request->pseudo |= bit;
}

static void add_content_type(struct rpc_request *request, struct text value)
{
    static const char grpc[] = "application/grpc";
    request->has_type = true;
    if (begins(value, grpc)) {
        char next = value.size == sizeof grpc - 1 ? '\0' : value.data[sizeof grpc - 1];
        request->type_is_grpc = next == '\0' || next == '+' || next == ';';
    }
}

static void add_content_length(struct rpc_request *request, struct text value)
{
    int64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || length > INT64_MAX / 10 - 10) {
            request->malformed = true;
            return;
        }
        length = length * 10 + (value.data[i] - '0');
    }
    if (value.size == 0 || request->content_length >= 0) {
        request->malformed = true;
    }
    request->content_length = length;
}

static void add_authorization(struct rpc_request *request, struct text value)
{
    static const char scheme[] = "Bearer ";
    /* The scheme's name is case-insensitive; the length tells which token cannot be ours. */
    if (value.size < sizeof scheme - 1 || strncasecmp(value.data, scheme, sizeof scheme - 1) != 0) {
        return;
    }
    size_t size = value.size - (sizeof scheme - 1);
    if (size < RPC_MAX_BEARER) {
        memcpy(request->bearer, value.data + sizeof scheme - 1, size);
        request->bearer[size] = '\0';
        request->has_bearer = true;
    }
}

/* Binary metadata: values joined by commas, each base64. */
static void check_binary(struct rpc_request *request, struct text value)
{
    size_t from = 0;
    for (size_t i = 0; i <= value.size; i++) {
        if (i == value.size || value.data[i] == ',') {
            if (!wire_base64_decode(value.data + from, i - from, NULL, NULL)) {
                request->bad_binary = true;
            }
            from = i + 1;
        }
    }
}

/* Is the word in a list with commas? */
static bool lists(struct text list, const char *word)
{
    size_t from = 0;
    for (size_t i = 0; i <= list.size; i++) {
        if (i < list.size && list.data[i] != ',') {
            continue;
        }
        while (from < i && is_blank(list.data[from])) {
            from++;
        }
        size_t end = i;
        while (end > from && is_blank(list.data[end - 1])) {
            end--;
        }
        if (is((struct text){list.data + from, end - from}, word)) {
            return true;
        }
        from = i + 1;
    }
    return false;
}

/* Metadata of the caller's, for the handler. What every client sends nobody asks for. */
static void keep(struct rpc_request *request, struct text name, struct text value)
{
    if (is(name, "user-agent") || is(name, "host") || is(name, "accept-encoding")) {
        return;
    }
    /* What cannot be metadata is no harm: it goes no further. */
    int error =
        rpc_metadata_add_wire(&request->metadata, name.data, name.size, value.data, value.size);
    request->much_metadata |= error == -E2BIG;
}

static void add_regular(struct rpc_request *request, struct text name, struct text value)
{
    request->regular_seen = true;
    if (is_connection_field(name) || (is(name, "te") && !is(value, "trailers"))) {
        request->malformed = true;
    } else if (is(name, "content-type")) {
        add_content_type(request, value);
    } else if (is(name, "content-length")) {
        add_content_length(request, value);
    } else if (is(name, "authorization")) {
        add_authorization(request, value);
    } else if (is(name, "grpc-timeout")) {
        request->bad_timeout |= !wire_timeout_parse(value.data, value.size, &request->timeout_ns);
    } else if (is(name, "grpc-encoding")) {
        request->gzip = is(value, "gzip");
        request->bad_encoding |= !request->gzip && !is(value, "identity");
    } else if (is(name, "grpc-accept-encoding")) {
        request->takes_gzip |= lists(value, "gzip");
    } else {
        if (name.size > 4 && memcmp(name.data + name.size - 4, "-bin", 4) == 0) {
            check_binary(request, value);
        }
        keep(request, name, value);
    }
}

bool rpc_request_is_too_large(const struct rpc_request *request)
{
    return request->header_bytes > request->max_header_bytes;
}

/* False: the list is too large. */
static bool count(struct rpc_request *request, size_t name_size, size_t value_size)
{
    request->header_bytes += name_size + value_size + FIELD_OVERHEAD;
    if (name_size + value_size > MAX_FIELD_BYTES) {
        request->header_bytes = SIZE_MAX / 2; /* over any limit */
    }
    return !rpc_request_is_too_large(request);
}

void rpc_request_add(struct rpc_request *request, const char *name_data, size_t name_size,
                     const char *value_data, size_t value_size)
{
    struct text name = {name_data, name_size};
    struct text value = {value_data, value_size};
    if (!count(request, name_size, value_size)) {
        return;
    }
    if (!is_valid_name(name) || !is_valid_value(value)) {
        request->malformed = true;
    } else if (name.data[0] == ':') {
        add_pseudo(request, name, value);
    } else {
        add_regular(request, name, value);
    }
}

void rpc_request_add_trailer(struct rpc_request *request, const char *name_data, size_t name_size,
                             size_t value_size)
{
    struct text name = {name_data, name_size};
    if (!count(request, name_size, value_size) || !is_valid_name(name) || name.data[0] == ':' ||
        is_connection_field(name)) {
        request->malformed = true;
    }
}

bool rpc_request_is_well_formed(const struct rpc_request *request)
{
    const unsigned needed = METHOD | SCHEME | PATH;
    if (rpc_request_is_too_large(request)) {
        return true; /* what was not read cannot be missing; judged below */
    }
    return !request->malformed && (request->pseudo & needed) == needed;
}

enum wire_status rpc_request_judge(const struct rpc_request *request, int *out_http,
                                   const char **out_text)
{
    *out_http = 200;
    if (rpc_request_is_too_large(request)) {
        *out_text = "the headers of the request are too large";
        return WIRE_RESOURCE_EXHAUSTED;
    }
    if (!request->is_post) {
        *out_http = 405;
        *out_text = "gRPC needs the method POST";
        return WIRE_INTERNAL;
    }
    if (!request->type_is_grpc) {
        *out_http = 415;
        *out_text = request->has_type ? "the content-type is not application/grpc"
                                      : "the request has no content-type";
        return WIRE_INTERNAL;
    }
    if (request->bad_timeout) {
        *out_text = "malformed grpc-timeout";
        return WIRE_INTERNAL;
    }
    if (request->bad_binary) {
        *out_text = "a binary header is not base64";
        return WIRE_INTERNAL;
    }
    if (request->much_metadata) {
        *out_text = "the metadata of the request is too much";
        return WIRE_RESOURCE_EXHAUSTED;
    }
    if (request->bad_encoding) {
        *out_text = "this grpc-encoding is not supported; gzip and identity are";
        return WIRE_UNIMPLEMENTED;
    }
    return WIRE_OK;
}
