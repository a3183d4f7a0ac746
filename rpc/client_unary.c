/* SPDX-License-Identifier: MIT */
/* client_unary.c - a unary call that waits: for command lines. */
#include <stdio.h>
#include <string.h>

#include "proto/decode.h"
#include "rpc/client_internal.h"

struct waiting {
    const ProtobufCMessageDescriptor *descriptor;
    struct rpc_result *result;
    bool has_reply;
    bool done;
};

static void fail(struct rpc_result *result, enum wire_status status, const char *text)
{
    result->status = status;
    (void)snprintf(result->text, sizeof result->text, "%s", text);
}

static void on_message(struct rpc_client_call *call, const uint8_t *data, size_t size, void *user)
{
    struct waiting *waiting = user;
    const char *why;
    (void)call;
    if (waiting->has_reply) {
        return; /* a server that sends more than it should */
    }
    waiting->has_reply = true;
    enum wire_status status =
        wire_decode(waiting->descriptor, data, size, &waiting->result->reply, &why);
    if (status != WIRE_OK) {
        fail(waiting->result, WIRE_INTERNAL, why);
    }
}

static void on_end(struct rpc_client_call *call, enum wire_status status, const char *text,
                   void *user)
{
    struct waiting *waiting = user;
    struct rpc_result *result = waiting->result;
    (void)call;
    waiting->done = true;
    if (status != WIRE_OK) {
        fail(result, status, text);
    } else if (!waiting->has_reply) {
        fail(result, WIRE_INTERNAL, "the server sent no reply");
    } else if (result->reply != NULL) {
        result->status = WIRE_OK;
    }
}

static const struct rpc_client_handlers handlers = {on_message, on_end};

enum wire_status rpc_client_unary(struct rpc_client *client, const char *path,
                                  const ProtobufCMessage *request,
                                  const ProtobufCMessageDescriptor *reply, int64_t timeout_ns,
                                  struct rpc_result *out_result)
{
    struct waiting waiting = {.descriptor = reply, .result = out_result};
    struct rpc_client_call_opts opts = {
        .path = path,
        .request = request,
        .timeout_ns = timeout_ns,
        .handlers = &handlers,
        .user = &waiting,
    };
    memset(out_result, 0, sizeof *out_result);
    if (rpc_client_call(client, &opts, NULL) != 0) {
        fail(out_result, WIRE_RESOURCE_EXHAUSTED, "no memory for the call");
        return out_result->status;
    }
    while (!waiting.done) {
        uv_run(client->hub.loop, UV_RUN_ONCE);
    }
    if (out_result->status != WIRE_OK) {
        rpc_result_fini(out_result);
    }
    return out_result->status;
}

void rpc_result_fini(struct rpc_result *result)
{
    wire_decoded_free(result->reply);
    result->reply = NULL;
}
