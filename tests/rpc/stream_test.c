/* SPDX-License-Identifier: MIT */
/* stream_test.c - server streams: order, back-pressure, cancellation, deadlines. */
#include "tests/rpc/fixture.h"
#include "tests/rpc/raw.h"

TEST(stream_delivers_every_message)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_logs(fixture.client, 5000, 1000, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_OK);
    CHECK_EQ(outcome.messages, 5000);
    fixture_fini(&fixture);
}

TEST(stream_without_messages_ends_well)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_logs(fixture.client, 0, 0, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_OK);
    CHECK_EQ(outcome.messages, 0);
    fixture_fini(&fixture);
}

TEST(stream_of_large_messages_passes)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_logs(fixture.client, 20, 1 << 20, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_OK);
    CHECK_EQ(outcome.messages, 20);
    CHECK_INT(outcome.bytes, >, 20 << 20);
    fixture_fini(&fixture);
}

TEST(slow_reader_holds_the_producer_back)
{
    enum { SIZE = 10000 };
    struct fixture fixture;
    struct outcome slow = {.pause_each = true};
    struct outcome fast = {0};
    fixture_init(&fixture, NULL);
    begin_logs(fixture.client, 100000, SIZE, 0, &slow);
    RUN_UNTIL(&fixture, slow.messages == 1);
    /* Another call on the same connection goes on meanwhile, and gives the slow one time. */
    begin_logs(fixture.client, 2000, SIZE, 0, &fast);
    RUN_UNTIL(&fixture, fast.done);
    CHECK_EQ(fast.messages, 2000);
    CHECK_EQ(slow.messages, 1);
    /* A window at the client, a queue at the server, a batch in between. */
    CHECK_INT((fixture.produced - 2000) * SIZE, <, 1 << 20);
    for (int i = 2; i <= 100; i++) {
        rpc_client_resume(slow.call);
        RUN_UNTIL(&fixture, slow.messages == i);
    }
    CHECK_INT((fixture.produced - 2000) * SIZE, <, 3 << 20);
    rpc_client_cancel(slow.call);
    CHECK_EQ(slow.status, WIRE_CANCELLED);
    RUN_UNTIL(&fixture, fixture.ended == 1);
    CHECK_EQ(fixture.why, WIRE_CANCELLED);
    fixture_fini(&fixture);
}

TEST(end_of_a_paused_stream_waits_behind_its_messages)
{
    struct fixture fixture;
    struct outcome outcome = {.pause_each = true};
    fixture_init(&fixture, NULL);
    begin_logs(fixture.client, 5, 10, 0, &outcome);
    for (int i = 1; i <= 5; i++) {
        RUN_UNTIL(&fixture, outcome.messages == i);
        struct rpc_result result; /* a round trip: the end has arrived by now */
        CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
        rpc_result_fini(&result);
        CHECK(!outcome.done || i == 5);
        if (i < 5) {
            rpc_client_resume(outcome.call);
        }
    }
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_OK);
    fixture_fini(&fixture);
}

TEST(deadline_ends_a_stream_that_nobody_reads)
{
    struct fixture fixture;
    struct outcome outcome = {.pause_each = true};
    fixture_init(&fixture, NULL);
    begin_logs(fixture.client, 1000000, 10000, 50 * MILLISECOND, &outcome);
    RUN_UNTIL(&fixture, outcome.done && fixture.ended == 1);
    CHECK_EQ(outcome.status, WIRE_DEADLINE_EXCEEDED);
    fixture_fini(&fixture);
}

TEST(many_streams_share_a_connection)
{
    enum { STREAMS = 200 };
    static struct outcome outcomes[STREAMS];
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    memset(outcomes, 0, sizeof outcomes);
    for (int i = 0; i < STREAMS; i++) {
        begin_logs(fixture.client, 100, 2000, 0, &outcomes[i]);
    }
    for (int i = 0; i < STREAMS; i++) {
        RUN_UNTIL(&fixture, outcomes[i].done);
        CHECK_EQ(outcomes[i].status, WIRE_OK);
        CHECK_EQ(outcomes[i].messages, 100);
    }
    fixture_fini(&fixture);
}

TEST(cancelled_streams_leave_the_window_whole)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    for (int i = 1; i <= 200; i++) {
        struct outcome outcome = {.pause_each = true};
        begin_logs(fixture.client, 1000, 50000, 0, &outcome);
        RUN_UNTIL(&fixture, outcome.messages == 1);
        rpc_client_cancel(outcome.call);
        RUN_UNTIL(&fixture, fixture.ended == i);
    }
    struct outcome last = {0};
    begin_logs(fixture.client, 1000, 10000, 0, &last);
    RUN_UNTIL(&fixture, last.done);
    CHECK_EQ(last.messages, 1000);
    fixture_fini(&fixture);
}

/* Begin a client stream and send `count` requests of about `size` bytes on it. */
static void begin_submit_stream(struct fixture *fixture, int count, size_t size,
                                struct outcome *outcome)
{
    struct rpc_client_call_opts opts = {.path = "/gor.v1.Jobs/SubmitStream",
                                        .keep_open = true,
                                        .handlers = &outcome_handlers,
                                        .user = outcome};
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    char *name = malloc(size + 1);
    CHECK(name != NULL);
    memset(name, 'x', size);
    name[size] = '\0';
    spec.name = name;
    request.spec = &spec;
    CHECK_EQ(rpc_client_call(fixture->client, &opts, &outcome->call), 0);
    for (int i = 0; i < count; i++) {
        CHECK_EQ(rpc_client_send(outcome->call, &request.base), 0);
    }
    rpc_client_half_close(outcome->call);
    free(name);
}

TEST(a_held_stream_delivers_one_by_one_and_its_end_last)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    fixture.hold = true;
    begin_submit_stream(&fixture, 300, 2000, &outcome); /* several windows */
    for (int i = 1; i <= 300; i++) {
        struct rpc_result result; /* a round trip beside it: what could come has come */
        RUN_UNTIL(&fixture, fixture.streamed == i);
        CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
        rpc_result_fini(&result);
        CHECK_EQ(fixture.streamed, i);
        if (i <
            300) { /* behind the last one nothing is held but the end, which is not waited with */
            CHECK(!outcome.done);
            rpc_call_hold(fixture.stream, false);
        }
    }
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_OK);
    fixture_fini(&fixture);
}

/* Some clients send each small message in a frame of its own: thousands fit into a window. */
TEST(a_held_stream_of_small_frames_is_no_flood)
{
    enum { MESSAGES = 12000 };
    static uint8_t messages[5 * MESSAGES]; /* each is empty */
    static const struct raw_field headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/SubmitStream"),
                                               {NULL, NULL}};
    struct raw_body body = {.data = messages, .size = sizeof messages, .step = 5};
    struct fixture fixture;
    struct raw raw;
    fixture_init(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    fixture.hold = true;
    int32_t id = raw_request(&raw, headers, &body);
    RUN_UNTIL(&fixture, fixture.streamed == 1 && body.at == body.size);
    for (int i = 0; i < 100; i++) {
        struct rpc_result result; /* others are served meanwhile, and what was sent arrives */
        CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
        rpc_result_fini(&result);
    }
    CHECK_EQ(fixture.streamed, 1);
    fixture.hold = false;
    rpc_call_hold(fixture.stream, false);
    RUN_UNTIL(&fixture, raw.eof || raw_stream(&raw, id)->closed);
    CHECK(!raw.eof);
    CHECK_EQ(raw_stream(&raw, id)->grpc_status, WIRE_OK);
    CHECK_EQ(fixture.streamed, MESSAGES);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(a_held_stream_that_is_cancelled_leaves_the_window_whole)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    fixture.hold = true;
    for (int i = 0; i < 100; i++) {
        struct outcome outcome = {0};
        fixture.streamed = 0;
        begin_submit_stream(&fixture, 100, 2000, &outcome);
        RUN_UNTIL(&fixture, fixture.streamed == 1);
        rpc_client_cancel(outcome.call);
        CHECK_EQ(outcome.status, WIRE_CANCELLED);
    }
    struct outcome last = {0};
    fixture.hold = false;
    fixture.streamed = 0;
    begin_submit_stream(&fixture, 500, 2000, &last);
    RUN_UNTIL(&fixture, last.done);
    CHECK_EQ(fixture.streamed, 500);
    fixture_fini(&fixture);
}

/* Nothing is sent to a call that has been answered or whose client has gone. */
static int late_result;

static void on_begin_late(struct rpc_call *call, const ProtobufCMessage *message, void *user)
{
    Gor__V1__LogChunk chunk = GOR__V1__LOG_CHUNK__INIT;
    uint8_t packed[16];
    (void)message;
    (void)user;
    size_t size = protobuf_c_message_pack(&chunk.base, packed);
    CHECK(rpc_call_writable(call));
    CHECK_EQ(rpc_call_send_packed(call, packed, size), 1);
    CHECK_EQ(rpc_call_send(call, &chunk.base), 1);
    rpc_call_finish(call, WIRE_ABORTED, "enough");
    late_result = rpc_call_send(call, &chunk.base);
}

TEST(stream_may_end_with_an_error_behind_its_messages)
{
    static const struct rpc_method method = {
        .path = "/gor.v1.Jobs/Watch",
        .kind = RPC_SERVER_STREAM,
        .request = &gor__v1__watch_request__descriptor,
        .reply = &gor__v1__event__descriptor,
        .begin = on_begin_late,
    };
    struct fixture fixture;
    struct outcome outcome = {0};
    Gor__V1__WatchRequest request = GOR__V1__WATCH_REQUEST__INIT;
    fixture_init(&fixture, NULL);
    CHECK_EQ(rpc_server_add(fixture.server, &method, 1, NULL), 0);
    CHECK_EQ(rpc_server_add(fixture.server, &method, 1, NULL), -EINVAL);
    begin_call(fixture.client, method.path, &request.base, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_ABORTED);
    CHECK_STR(outcome.text, "enough");
    CHECK_EQ(outcome.messages, 2);
    CHECK_EQ(late_result, -EPIPE);
    fixture_fini(&fixture);
}
