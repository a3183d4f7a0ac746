/* SPDX-License-Identifier: MIT */
/* extra.c - what a call carries beside its messages, for those that carry something: metadata in both
 * directions, and the details of an error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base64.h"
#include "proto/percent.h"
#include "rpc/internal.h"

enum { MAX_DETAILS = 4096, OWN_FIELDS = 8, MAX_TEXT = 2048 };

struct rpc_extra *rpc_call_extra(struct rpc_call *call)
{
    if (call->extra == NULL) {
        call->extra = calloc(1, sizeof *call->extra);
    }
    return call->extra;
}

void rpc_extra_free(struct rpc_extra *extra)
{
    if (extra == NULL) {
        return;
    }
    rpc_metadata_fini(&extra->received);
    rpc_metadata_fini(&extra->headers);
    rpc_metadata_fini(&extra->trailers);
    free(extra->details);
    free(extra);
}

const struct rpc_metadata *rpc_call_metadata(const struct rpc_call *call)
{
    static const struct rpc_metadata none;
    return call->extra != NULL ? &call->extra->received : &none;
}

int rpc_call_add_header(struct rpc_call *call, const char *name, const void *value, size_t size)
{
    if (call->submitted || call->handler_done) {
        return -EPIPE;
    }
    struct rpc_extra *extra = rpc_call_extra(call);
    return extra != NULL ? rpc_metadata_add(&extra->headers, name, value, size) : -ENOMEM;
}

int rpc_call_add_trailer(struct rpc_call *call, const char *name, const void *value, size_t size)
{
    if (call->handler_done) {
        return -EPIPE;
    }
    struct rpc_extra *extra = rpc_call_extra(call);
    return extra != NULL ? rpc_metadata_add(&extra->trailers, name, value, size) : -ENOMEM;
}

/* ---- google.rpc.Status: code (1), message (2), details (3), each an Any: type_url (1), value (2) */

static size_t put_varint(uint8_t *out, size_t value)
{
    size_t size = 0;
    for (; value > 127; value >>= 7) {
        out[size++] = (uint8_t)(value | 128);
    }
    out[size++] = (uint8_t)value;
    return size;
}

static size_t put_head(uint8_t *out, unsigned number, size_t size)
{
    out[0] = (uint8_t)(number << 3 | 2);
    return 1 + put_varint(out + 1, size);
}

int rpc_call_add_detail(struct rpc_call *call, const ProtobufCMessage *detail)
{
    uint8_t head[3][12];
    char url[256];
    int url_size = snprintf(url, sizeof url, "type.googleapis.com/%s", detail->descriptor->name);
    size_t value_size = protobuf_c_message_get_packed_size(detail);
    struct rpc_extra *extra = rpc_call_extra(call);
    if (extra == NULL || (size_t)url_size >= sizeof url) {
        return extra == NULL ? -ENOMEM : -EINVAL;
    }
    size_t url_head = put_head(head[1], 1, (size_t)url_size);
    size_t value_head = put_head(head[2], 2, value_size);
    size_t any_size = url_head + (size_t)url_size + value_head + value_size;
    size_t any_head = put_head(head[0], 3, any_size);
    if (any_size > MAX_DETAILS || extra->details_size + any_head + any_size > MAX_DETAILS) {
        return -E2BIG; /* clients refuse trailers that are much larger */
    }
    uint8_t *details = realloc(extra->details, extra->details_size + any_head + any_size);
    if (details == NULL) {
        return -ENOMEM;
    }
    uint8_t *at = details + extra->details_size;
    at = (uint8_t *)mempcpy(at, head[0], any_head);
    at = (uint8_t *)mempcpy(at, head[1], url_head);
    at = (uint8_t *)mempcpy(at, url, (size_t)url_size);
    at = (uint8_t *)mempcpy(at, head[2], value_head);
    protobuf_c_message_pack(detail, at);
    extra->details = details;
    extra->details_size += any_head + any_size;
    return 0;
}

/* The whole Status, packed; NULL without memory. */
static uint8_t *pack_status(const struct rpc_call *call, size_t *out_size)
{
    const struct rpc_extra *extra = call->extra;
    size_t text_size = call->text != NULL ? strlen(call->text) : 0;
    uint8_t *bytes = malloc(2 + 12 + text_size + extra->details_size);
    if (bytes == NULL) {
        return NULL;
    }
    uint8_t *at = bytes;
    *at++ = 1 << 3;
    *at++ = (uint8_t)call->status;
    at += put_head(at, 2, text_size);
    at = (uint8_t *)mempcpy(at, call->text != NULL ? call->text : "", text_size);
    at = (uint8_t *)mempcpy(at, extra->details, extra->details_size);
    *out_size = (size_t)(at - bytes);
    return bytes;
}

/* ---- fields for nghttp2, which copies them */

struct block {
    nghttp2_nv *list; /* owned */
    size_t count;
    char *texts[RPC_MAX_METADATA + OWN_FIELDS]; /* owned; base64 */
    size_t text_count;
};

static void free_block(struct block *block)
{
    for (size_t i = 0; i < block->text_count; i++) {
        free(block->texts[i]);
    }
    free(block->list);
}

static void put(struct block *block, const char *name, size_t name_size, const char *value,
                size_t size)
{
    block->list[block->count++] =
        (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, name_size, size, NGHTTP2_NV_FLAG_NONE};
}

static void put_text(struct block *block, const char *name, const char *value)
{
    put(block, name, strlen(name), value, strlen(value));
}

/* As base64; left out without memory. */
static void put_binary(struct block *block, const char *name, const void *data, size_t size)
{
    char *text = malloc(size / 3 * 4 + 5);
    if (text != NULL) {
        block->texts[block->text_count++] = text;
        put(block, name, strlen(name), text, wire_base64_encode(data, size, text));
    }
}

static void put_metadata(struct block *block, const struct rpc_metadata *metadata)
{
    struct rpc_field field;
    size_t at = 0;
    while (rpc_metadata_next(metadata, &at, &field)) {
        if (rpc_field_is_binary(&field)) {
            put_binary(block, field.name, field.value, field.size);
        } else {
            put(block, field.name, field.name_size, field.value, field.size);
        }
    }
}

static void put_status(struct block *block, const struct rpc_call *call, char number[8],
                       char text[MAX_TEXT])
{
    size_t details_size;
    (void)snprintf(number, 8, "%u", (unsigned)call->status % 1000);
    put_text(block, "grpc-status", number);
    if (call->text != NULL) {
        put(block, "grpc-message", 12, text,
            wire_percent_encode(call->text, strlen(call->text), text, MAX_TEXT));
    }
    if (call->extra->details_size > 0 && call->status != WIRE_OK) {
        uint8_t *details = pack_status(call, &details_size);
        if (details != NULL) {
            put_binary(block, "grpc-status-details-bin", details, details_size);
            free(details);
        }
    }
    put_metadata(block, &call->extra->trailers);
}

static int begin_block(struct block *block, size_t metadata_count)
{
    *block = (struct block){.list = calloc(metadata_count + OWN_FIELDS, sizeof *block->list)};
    return block->list != NULL ? 0 : -ENOMEM;
}

static void put_response(struct block *block)
{
    put_text(block, ":status", "200");
    put_text(block, "content-type", "application/grpc");
    put_text(block, "grpc-accept-encoding", RPC_ENCODINGS);
}

/* Metadata of the client's alone, which every second client has, makes no answer of its own. */
bool rpc_extra_in_headers(const struct rpc_call *call)
{
    return call->extra != NULL && call->extra->headers.count > 0;
}

bool rpc_extra_in_trailers(const struct rpc_call *call)
{
    return call->extra != NULL && (call->extra->trailers.count > 0 ||
                                   (call->extra->details_size > 0 && call->status != WIRE_OK));
}

int rpc_extra_submit_headers(struct rpc_call *call, const nghttp2_data_provider *provider)
{
    struct block block;
    if (begin_block(&block, call->extra->headers.count) != 0) {
        return -ENOMEM;
    }
    put_response(&block);
    if (call->queue.gzip) {
        put_text(&block, "grpc-encoding", "gzip");
    }
    put_metadata(&block, &call->extra->headers);
    int error = nghttp2_submit_response(call->session->connection.session, call->stream_id,
                                        block.list, block.count, provider);
    free_block(&block);
    return error;
}

int rpc_extra_submit_trailers(struct rpc_call *call, bool only)
{
    nghttp2_session *h2 = call->session->connection.session;
    struct block block;
    char number[8];
    char text[MAX_TEXT];
    if (begin_block(&block, call->extra->trailers.count) != 0) {
        return -ENOMEM;
    }
    if (only) {
        put_response(&block);
    }
    put_status(&block, call, number, text);
    int error = only ? nghttp2_submit_response(h2, call->stream_id, block.list, block.count, NULL)
                     : nghttp2_submit_trailer(h2, call->stream_id, block.list, block.count);
    free_block(&block);
    return error;
}
