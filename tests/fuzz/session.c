/* SPDX-License-Identifier: MIT */
/* session.c - fuzz target: a server whose one client sends the input as its frames. The first byte says
 * whether it begins with the preface and SETTINGS, and as what kind of socket it is served. */
#include "gor/v1/jobs.pb-c.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/wire.h"

static void on_get(struct rpc_call *call, const ProtobufCMessage *request, void *user)
{
    Gor__V1__GetReply reply = GOR__V1__GET_REPLY__INIT;
    (void)request;
    (void)user;
    rpc_call_reply(call, &reply.base);
}

static void on_logs(struct rpc_call *call, const ProtobufCMessage *request, void *user)
{
    Gor__V1__LogChunk chunk = GOR__V1__LOG_CHUNK__INIT;
    (void)request;
    (void)user;
    for (int i = 0; i < 10; i++) {
        (void)rpc_call_send(call, &chunk.base);
    }
    rpc_call_finish(call, WIRE_OK, NULL);
}

static void on_submit(struct rpc_call *call, const ProtobufCMessage *request, void *user)
{
    Gor__V1__SubmitResult result = GOR__V1__SUBMIT_RESULT__INIT;
    (void)request;
    (void)user;
    (void)rpc_call_send(call, &result.base);
}

static void on_end(struct rpc_call *call, enum wire_status why, void *user)
{
    (void)call;
    (void)why;
    (void)user;
}

static void on_begin(struct rpc_call *call, const ProtobufCMessage *request, void *user)
{
    (void)request;
    rpc_call_on(call, NULL, on_end, user);
}

static void on_half_close(struct rpc_call *call, void *user)
{
    (void)user;
    rpc_call_finish(call, WIRE_OK, NULL);
}

static const struct rpc_method methods[] = {
    {
        .path = "/gor.v1.Jobs/Get",
        .kind = RPC_UNARY,
        .request = &gor__v1__get_request__descriptor,
        .reply = &gor__v1__get_reply__descriptor,
        .begin = on_get,
    },
    {
        .path = "/gor.v1.Jobs/Logs",
        .kind = RPC_SERVER_STREAM,
        .request = &gor__v1__logs_request__descriptor,
        .reply = &gor__v1__log_chunk__descriptor,
        .begin = on_logs,
    },
    {
        .path = "/gor.v1.Jobs/SubmitStream",
        .kind = RPC_BIDI,
        .request = &gor__v1__submit_request__descriptor,
        .reply = &gor__v1__submit_result__descriptor,
        .begin = on_begin,
        .message = on_submit,
        .half_close = on_half_close,
    },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0) {
        fuzz_server_init(methods, sizeof methods / sizeof methods[0]);
        fuzz_server_meets((data[0] & 1) != 0, fuzz_hello, (data[0] & 2) == 0 ? fuzz_hello_size : 0,
                          data + 1, size - 1);
    }
    return 0;
}
