/* SPDX-License-Identifier: MIT */
/* fixture.h - a server and a client on one loop, over a real Unix socket.
 *
 * The service speaks the house's own messages with simple meanings:
 *   Jobs/Submit  answers at once: id = how many bytes argv[0] has
 *   Jobs/Get     id NOW: at once; REFUSED: NOT_FOUND with a text; HELD: when the test releases it
 *   Jobs/Logs    `id` chunks of `offset` bytes each, pulled
 *   Jobs/SubmitStream  counts the requests; with `hold` set, holds the rest back behind each
 */
#ifndef GOR_TESTS_RPC_FIXTURE_H
#define GOR_TESTS_RPC_FIXTURE_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <uv.h>

#include "gor/v1/jobs.pb-c.h"
#include "proto/decode.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "tests/test.h"

enum { NOW = 1, REFUSED = 2, HELD = 3, HUSK = 4 };

#define SECOND INT64_C(1000000000)
#define MILLISECOND INT64_C(1000000)

enum { MAX_HELD = 4096 };

struct fixture {
    uv_loop_t loop;
    struct rpc_server *server;
    struct rpc_client *client;
    char path[128];
    char address[160];
    struct rpc_call *held[MAX_HELD]; /* calls that wait for the test */
    int held_count;
    int begun;
    int ended; /* on_end of held calls and streams */
    enum wire_status why;
    uint64_t produced; /* messages of all streams that the server has taken */
    bool drained;
    struct rpc_call *stream; /* of SubmitStream */
    bool hold;
    int streamed;
};

struct producer {
    struct fixture *fixture;
    uint64_t left;
    size_t size;
};

static inline void fixture_on_submit(struct rpc_call *call, const ProtobufCMessage *message,
                                     void *user)
{
    struct fixture *fixture = user;
    const Gor__V1__SubmitRequest *request = (const void *)message;
    Gor__V1__SubmitReply reply = GOR__V1__SUBMIT_REPLY__INIT;
    fixture->begun++;
    if (request->spec != NULL && request->spec->kind_case == GOR__V1__JOB_SPEC__KIND_EXEC &&
        request->spec->exec->n_argv > 0) {
        reply.id = request->spec->exec->argv[0].len;
    }
    rpc_call_reply(call, &reply.base);
}

static inline void fixture_on_held_end(struct rpc_call *call, enum wire_status why, void *user)
{
    struct fixture *fixture = user;
    fixture->ended++;
    fixture->why = why;
    for (int i = 0; i < fixture->held_count; i++) {
        if (fixture->held[i] == call) {
            fixture->held[i] = fixture->held[--fixture->held_count];
        }
    }
}

static inline void fixture_on_get(struct rpc_call *call, const ProtobufCMessage *message,
                                  void *user)
{
    struct fixture *fixture = user;
    const Gor__V1__GetRequest *request = (const void *)message;
    Gor__V1__GetReply reply = GOR__V1__GET_REPLY__INIT;
    fixture->begun++;
    switch (request->id) {
    case REFUSED:
        rpc_call_finish(call, WIRE_NOT_FOUND, "no job %d: 100%% söme text\nwith a line", REFUSED);
        break;
    case HELD:
        rpc_call_on(call, NULL, fixture_on_held_end, fixture);
        /* fall through */
    case HUSK:
        CHECK_INT(fixture->held_count, <, MAX_HELD);
        fixture->held[fixture->held_count++] = call;
        break;
    default:
        rpc_call_reply(call, &reply.base);
        break;
    }
}

static inline void fixture_produce(struct rpc_call *call, void *user)
{
    static uint8_t bytes[1 << 20];
    struct producer *producer = user;
    while (producer->left > 0) {
        Gor__V1__LogChunk chunk = GOR__V1__LOG_CHUNK__INIT;
        chunk.data.data = bytes;
        chunk.data.len = producer->size;
        chunk.next_offset = producer->left;
        int result = rpc_call_send(call, &chunk.base);
        CHECK_INT(result, >=, 0);
        producer->left--;
        producer->fixture->produced++;
        if (result == 0) {
            return;
        }
    }
    free(producer);
    rpc_call_finish(call, WIRE_OK, NULL);
}

static inline void fixture_on_stream_end(struct rpc_call *call, enum wire_status why, void *user)
{
    struct producer *producer = user;
    (void)call;
    producer->fixture->ended++;
    producer->fixture->why = why;
    free(producer);
}

static inline void fixture_on_logs(struct rpc_call *call, const ProtobufCMessage *message,
                                   void *user)
{
    struct fixture *fixture = user;
    const Gor__V1__LogsRequest *request = (const void *)message;
    struct producer *producer = malloc(sizeof *producer);
    CHECK(producer != NULL);
    *producer = (struct producer){fixture, request->id, request->offset};
    fixture->begun++;
    if (request->holds) {
        rpc_call_be_patient(call);
    }
    rpc_call_on(call, fixture_produce, fixture_on_stream_end, producer);
    fixture_produce(call, producer);
}

static inline void fixture_on_submit_stream(struct rpc_call *call, const ProtobufCMessage *message,
                                            void *user)
{
    (void)message;
    rpc_call_on(call, NULL, fixture_on_held_end, user);
}

static inline void fixture_on_streamed(struct rpc_call *call, const ProtobufCMessage *message,
                                       void *user)
{
    struct fixture *fixture = user;
    (void)message;
    fixture->stream = call;
    fixture->streamed++;
    rpc_call_hold(call, fixture->hold);
}

static inline void fixture_on_streamed_end(struct rpc_call *call, void *user)
{
    (void)user;
    rpc_call_finish(call, WIRE_OK, NULL);
}

static const struct rpc_method fixture_methods[] = {
    {
        .path = "/gor.v1.Jobs/Submit",
        .kind = RPC_UNARY,
        .request = &gor__v1__submit_request__descriptor,
        .reply = &gor__v1__submit_reply__descriptor,
        .begin = fixture_on_submit,
    },
    {
        .path = "/gor.v1.Jobs/Get",
        .kind = RPC_UNARY,
        .request = &gor__v1__get_request__descriptor,
        .reply = &gor__v1__get_reply__descriptor,
        .begin = fixture_on_get,
    },
    {
        .path = "/gor.v1.Jobs/Logs",
        .kind = RPC_SERVER_STREAM,
        .request = &gor__v1__logs_request__descriptor,
        .reply = &gor__v1__log_chunk__descriptor,
        .begin = fixture_on_logs,
    },
    {
        .path = "/gor.v1.Jobs/SubmitStream",
        .kind = RPC_BIDI,
        .request = &gor__v1__submit_request__descriptor,
        .reply = &gor__v1__submit_result__descriptor,
        .begin = fixture_on_submit_stream,
        .message = fixture_on_streamed,
        .half_close = fixture_on_streamed_end,
    },
};

enum { FIXTURE_METHODS = sizeof fixture_methods / sizeof fixture_methods[0] };

static inline void fixture_init_server(struct fixture *fixture, const struct rpc_server_opts *opts)
{
    static int count;
    memset(fixture, 0, sizeof *fixture);
    CHECK_EQ(uv_loop_init(&fixture->loop), 0);
    CHECK_EQ(rpc_server_new(&fixture->loop, opts, &fixture->server), 0);
    CHECK_EQ(rpc_server_add(fixture->server, fixture_methods, FIXTURE_METHODS, fixture), 0);
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/%d.sock", test_tmpdir(), ++count);
    (void)snprintf(fixture->address, sizeof fixture->address, "unix:%s", fixture->path);
    CHECK_EQ(rpc_server_listen_unix(fixture->server, fixture->path, 0600, (gid_t)-1), 0);
}

static inline struct rpc_client *fixture_connect(struct fixture *fixture, const char *address,
                                                 const char *token)
{
    struct rpc_client *client;
    struct rpc_client_opts opts = {.address = address, .token = token};
    CHECK_EQ(rpc_client_open(&fixture->loop, &opts, &client), 0);
    return client;
}

static inline void fixture_init(struct fixture *fixture, const struct rpc_server_opts *opts)
{
    fixture_init_server(fixture, opts);
    fixture->client = fixture_connect(fixture, fixture->address, NULL);
}

static inline void fixture_fini(struct fixture *fixture)
{
    rpc_client_close(fixture->client);
    rpc_server_free(fixture->server);
    CHECK_EQ(uv_run(&fixture->loop, UV_RUN_DEFAULT), 0);
    CHECK_EQ(uv_loop_close(&fixture->loop), 0);
}

/* Run the loop until a condition holds. */
#define RUN_UNTIL(fixture, condition)                                 \
    do {                                                              \
        while (!(condition)) {                                        \
            bool alive_ = uv_run(&(fixture)->loop, UV_RUN_ONCE) != 0; \
            CHECK(alive_ || (condition));                             \
        }                                                             \
    } while (0)

/* What became of one call. */
struct outcome {
    int messages;
    uint64_t bytes;
    bool done;
    enum wire_status status;
    char text[RPC_TEXT_BYTES];
    struct rpc_client_call *call;
    bool pause_each; /* pause at every message */
};

static inline void outcome_on_message(struct rpc_client_call *call, const uint8_t *data,
                                      size_t size, void *user)
{
    struct outcome *outcome = user;
    (void)data;
    outcome->messages++;
    outcome->bytes += size;
    if (outcome->pause_each) {
        rpc_client_pause(call);
    }
}

static inline void outcome_on_end(struct rpc_client_call *call, enum wire_status status,
                                  const char *text, void *user)
{
    struct outcome *outcome = user;
    (void)call;
    CHECK(!outcome->done);
    outcome->done = true;
    outcome->status = status;
    outcome->call = NULL;
    (void)snprintf(outcome->text, sizeof outcome->text, "%s", text);
}

static const struct rpc_client_handlers outcome_handlers = {outcome_on_message, outcome_on_end};

static inline void begin_call(struct rpc_client *client, const char *path,
                              const ProtobufCMessage *request, int64_t timeout_ns,
                              struct outcome *outcome)
{
    struct rpc_client_call_opts opts = {
        .path = path,
        .request = request,
        .timeout_ns = timeout_ns,
        .handlers = &outcome_handlers,
        .user = outcome,
    };
    CHECK_EQ(rpc_client_call(client, &opts, &outcome->call), 0);
}

static inline void begin_get(struct rpc_client *client, uint64_t id, int64_t timeout_ns,
                             struct outcome *outcome)
{
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    request.id = id;
    begin_call(client, "/gor.v1.Jobs/Get", &request.base, timeout_ns, outcome);
}

static inline void begin_logs(struct rpc_client *client, uint64_t count, size_t size,
                              int64_t timeout_ns, struct outcome *outcome)
{
    Gor__V1__LogsRequest request = GOR__V1__LOGS_REQUEST__INIT;
    request.id = count;
    request.offset = size;
    begin_call(client, "/gor.v1.Jobs/Logs", &request.base, timeout_ns, outcome);
}

/* Submit a job with an argument of so many bytes. */
static inline enum wire_status submit(struct rpc_client *client, size_t size,
                                      struct rpc_result *result)
{
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    ProtobufCBinaryData argument = {size, calloc(1, size + 1)};
    CHECK(argument.data != NULL);
    exec.n_argv = 1;
    exec.argv = &argument;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec.exec = &exec;
    request.spec = &spec;
    enum wire_status status =
        rpc_client_unary(client, "/gor.v1.Jobs/Submit", &request.base,
                         &gor__v1__submit_reply__descriptor, 10 * SECOND, result);
    free(argument.data);
    return status;
}

#endif
