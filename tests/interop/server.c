/* SPDX-License-Identifier: MIT */
/* server.c - grpc.testing.TestService of gRPC's interoperability tests, as far as it is about the wire.
 *
 *     interop_server DESCRIPTORS     prints its port; SIGTERM drains it
 */
#include "rpc/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "grpc/testing/empty.pb-c.h"
#include "grpc/testing/messages.pb-c.h"

enum { MAX_SIZE = 64 << 20 };

static uint8_t zeros[MAX_SIZE];

/* What comes under these names goes back. */
static void echo_metadata(struct rpc_call *call)
{
    static const char initial[] = "x-grpc-test-echo-initial";
    static const char trailing[] = "x-grpc-test-echo-trailing-bin";
    struct rpc_field field;
    if (rpc_metadata_find(rpc_call_metadata(call), initial, &field)) {
        (void)rpc_call_add_header(call, initial, field.value, field.size);
    }
    if (rpc_metadata_find(rpc_call_metadata(call), trailing, &field)) {
        (void)rpc_call_add_trailer(call, trailing, field.value, field.size);
    }
}

static bool finish_as_told(struct rpc_call *call, const Grpc__Testing__EchoStatus *status)
{
    if (status == NULL || status->code == 0) {
        return false;
    }
    (void)rpc_call_add_detail(call, &status->base);
    rpc_call_finish(call, (enum wire_status)status->code, "%s", status->message);
    return true;
}

static Grpc__Testing__Payload payload_of(int32_t size)
{
    Grpc__Testing__Payload payload = GRPC__TESTING__PAYLOAD__INIT;
    payload.body.data = zeros;
    payload.body.len = size < 0 ? 0 : size > MAX_SIZE ? MAX_SIZE : (size_t)size;
    return payload;
}

static void on_empty(struct rpc_call *call, const ProtobufCMessage *request, void *user)
{
    Grpc__Testing__Empty reply = GRPC__TESTING__EMPTY__INIT;
    (void)request;
    (void)user;
    rpc_call_reply(call, &reply.base);
}

static void on_unary(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    const Grpc__Testing__SimpleRequest *request = (const void *)message;
    Grpc__Testing__SimpleResponse reply = GRPC__TESTING__SIMPLE_RESPONSE__INIT;
    Grpc__Testing__Payload payload = payload_of(request->response_size);
    (void)user;
    echo_metadata(call);
    if (finish_as_told(call, request->response_status)) {
        return;
    }
    if (request->response_compressed != NULL) {
        rpc_call_compress(call, request->response_compressed->value);
    }
    reply.payload = &payload;
    rpc_call_reply(call, &reply.base);
}

static void send_all(struct rpc_call *call,
                     const Grpc__Testing__StreamingOutputCallRequest *request)
{
    for (size_t i = 0; i < request->n_response_parameters; i++) {
        Grpc__Testing__StreamingOutputCallResponse reply =
            GRPC__TESTING__STREAMING_OUTPUT_CALL_RESPONSE__INIT;
        Grpc__Testing__Payload payload = payload_of(request->response_parameters[i]->size);
        reply.payload = &payload;
        (void)rpc_call_send(call, &reply.base); /* the queue is large enough for the tests */
    }
}

static void on_output(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    const Grpc__Testing__StreamingOutputCallRequest *request = (const void *)message;
    (void)user;
    echo_metadata(call);
    send_all(call, request);
    if (!finish_as_told(call, request->response_status)) {
        rpc_call_finish(call, WIRE_OK, NULL);
    }
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    free(user);
}

static void on_duplex(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    (void)message;
    (void)user;
    echo_metadata(call);
    rpc_call_on(call, NULL, on_end, NULL);
}

static void on_duplex_message(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    const Grpc__Testing__StreamingOutputCallRequest *request = (const void *)message;
    (void)user;
    if (!finish_as_told(call, request->response_status)) {
        send_all(call, request);
    }
}

static void on_duplex_end(struct rpc_call *call, void *user)
{
    (void)user;
    rpc_call_finish(call, WIRE_OK, NULL);
}

static void on_input(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    size_t *sum = calloc(1, sizeof *sum);
    (void)message;
    (void)user;
    if (sum == NULL) {
        rpc_call_finish(call, WIRE_RESOURCE_EXHAUSTED, "no memory to add up in");
        return;
    }
    rpc_call_on(call, NULL, on_end, sum);
}

static void on_input_message(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    const Grpc__Testing__StreamingInputCallRequest *request = (const void *)message;
    size_t *sum = rpc_call_user(call);
    (void)user;
    *sum += request->payload != NULL ? request->payload->body.len : 0;
}

static void on_input_end(struct rpc_call *call, void *user)
{
    Grpc__Testing__StreamingInputCallResponse reply =
        GRPC__TESTING__STREAMING_INPUT_CALL_RESPONSE__INIT;
    size_t *sum = rpc_call_user(call);
    (void)user;
    reply.aggregated_payload_size = (int32_t)*sum;
    free(sum);
    rpc_call_reply(call, &reply.base);
}

#define SERVICE "/grpc.testing.TestService/"

static const struct rpc_method methods[] = {
    {
        .path = SERVICE "EmptyCall",
        .kind = RPC_UNARY,
        .request = &grpc__testing__empty__descriptor,
        .reply = &grpc__testing__empty__descriptor,
        .begin = on_empty,
    },
    {
        .path = SERVICE "UnaryCall",
        .kind = RPC_UNARY,
        .request = &grpc__testing__simple_request__descriptor,
        .reply = &grpc__testing__simple_response__descriptor,
        .begin = on_unary,
    },
    {
        .path = SERVICE "StreamingOutputCall",
        .kind = RPC_SERVER_STREAM,
        .request = &grpc__testing__streaming_output_call_request__descriptor,
        .reply = &grpc__testing__streaming_output_call_response__descriptor,
        .begin = on_output,
    },
    {
        .path = SERVICE "StreamingInputCall",
        .kind = RPC_CLIENT_STREAM,
        .request = &grpc__testing__streaming_input_call_request__descriptor,
        .reply = &grpc__testing__streaming_input_call_response__descriptor,
        .begin = on_input,
        .message = on_input_message,
        .half_close = on_input_end,
    },
    {
        .path = SERVICE "FullDuplexCall",
        .kind = RPC_BIDI,
        .request = &grpc__testing__streaming_output_call_request__descriptor,
        .reply = &grpc__testing__streaming_output_call_response__descriptor,
        .begin = on_duplex,
        .message = on_duplex_message,
        .half_close = on_duplex_end,
    },
};

static void on_drained(struct rpc_server *server, void *user)
{
    (void)user;
    rpc_server_free(server);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    rpc_server_drain(signal->data, INT64_C(2000000000), on_drained, NULL);
    uv_close((uv_handle_t *)signal, NULL);
}

static size_t read_file(const char *path, uint8_t *out, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t got = file != NULL ? fread(out, 1, size, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    return got;
}

int main(int argc, char **argv)
{
    static uint8_t descriptors[1 << 20];
    uv_loop_t loop;
    uv_signal_t signal;
    uint16_t port;
    struct rpc_server *server;
    struct rpc_server_opts opts = {.max_queue_bytes = 64 << 20, .descriptors = descriptors};
    opts.descriptors_size = argc == 2 ? read_file(argv[1], descriptors, sizeof descriptors) : 0;
    if (opts.descriptors_size == 0) {
        (void)fprintf(stderr, "usage: interop_server DESCRIPTORS; they cannot be read\n");
        return 2;
    }
    uv_loop_init(&loop);
    if (rpc_server_new(&loop, &opts, &server) != 0 ||
        rpc_server_add(server, methods, sizeof methods / sizeof methods[0], NULL) != 0 ||
        rpc_server_listen_tcp(server, "127.0.0.1:0", &port) != 0) {
        (void)fprintf(stderr, "interop_server: cannot serve\n");
        return 1;
    }
    uv_signal_init(&loop, &signal);
    signal.data = server;
    uv_signal_start(&signal, on_signal, SIGTERM);
    printf("%u\n", port);
    (void)fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
