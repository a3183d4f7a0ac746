/* SPDX-License-Identifier: MIT */
/* gzip_test.c - compressed messages in both directions, and what is none. */
#include "proto/frame.h"
#include "proto/gzip.h"
#include "tests/rpc/bombs.h"
#include "tests/rpc/raw.h"

static const struct raw_field gzip_headers[] = {
    RAW_GOOD_HEADERS("/gor.v1.Jobs/Submit"), {"grpc-encoding", "gzip"}, {NULL, NULL}};

/* The status of a call whose body is one message with flag 1. */
static int ask(struct raw *raw, const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(WIRE_PREFIX_BYTES + size);
    CHECK(bytes != NULL);
    wire_prefix_write(bytes, (uint32_t)size);
    bytes[0] = 1;
    memcpy(bytes + WIRE_PREFIX_BYTES, data, size);
    struct raw_body body = {bytes, WIRE_PREFIX_BYTES + size, 0, 0};
    struct raw_stream *stream = raw_stream(raw, raw_request(raw, gzip_headers, &body));
    RUN_UNTIL(raw->fixture, stream->closed || raw->eof);
    CHECK(!raw->eof);
    free(bytes);
    return stream->grpc_status;
}

TEST(compressed_requests_are_judged_by_what_they_hold)
{
    static uint8_t zeros[8 << 20];
    uint8_t *packed;
    size_t size;
    struct fixture fixture;
    struct raw raw;
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    CHECK_EQ(wire_gzip((const uint8_t *)"\x0a\0", 2, &packed, &size), 0);
    CHECK_EQ(ask(&raw, packed, size), WIRE_OK);
    CHECK_EQ(ask(&raw, packed, size - 1), WIRE_INTERNAL);
    free(packed);
    CHECK_EQ(ask(&raw, (const uint8_t *)"\x0a\0", 2), WIRE_INTERNAL);
    CHECK_EQ(ask(&raw, (const uint8_t *)"", 0), WIRE_INTERNAL);
    /* A bomb: 8 KB that would be 8 MiB. */
    CHECK_EQ(wire_gzip(zeros, sizeof zeros, &packed, &size), 0);
    CHECK_EQ(ask(&raw, packed, size), WIRE_RESOURCE_EXHAUSTED);
    free(packed);
    raw_close(&raw);
    fixture_fini(&fixture);
}

/* Of the messages below so many fit into 12 MiB, which is what may be unfolded in a turn: 8, and what the
 * last of them comes to. */
enum { BOMBS = 4, BOMBERS = 24, STREAMS = 8, LATE = 60, IN_A_TURN = 3 };

/* Turn by turn, until so many messages have been taken. */
static void check_turns(struct fixture *fixture, const int *taken, int count)
{
    while (*taken < count) {
        int before = *taken;
        CHECK(uv_run(&fixture->loop, UV_RUN_ONCE) != 0);
        CHECK_INT(*taken - before, <=, IN_A_TURN);
    }
    CHECK_EQ(*taken, count);
}

/* Each is a few kilobytes to read and megabytes to look through: others have their turns in between,
 * however many connections bring such ones, and though all of them are new. */
TEST(messages_that_unfold_do_not_come_all_in_one_turn)
{
    static struct raw raws[BOMBERS];
    struct fixture fixture;
    struct raw_body bodies[BOMBERS];
    size_t size;
    uint8_t *bombs = make_bombs(BOMBS, &size);
    fixture_init_server(&fixture, NULL);
    for (int i = 0; i < BOMBERS; i++) {
        raw_connect_h2(&raws[i], &fixture);
        bodies[i] = (struct raw_body){bombs, size, 0, 0};
        (void)raw_request(&raws[i], gzip_stream_headers, &bodies[i]);
    }
    check_turns(&fixture, &fixture.streamed, BOMBERS * BOMBS);
    for (int i = 0; i < BOMBERS; i++) {
        raw_close(&raws[i]);
    }
    free(bombs);
    fixture_fini(&fixture);
}

/* Whoever sends nothing compressed waits for none of that but what is unfolded in a turn. */
TEST(call_beside_messages_that_unfold_takes_a_few_turns)
{
    enum { TURNS = 8 };
    static struct raw raws[BOMBERS];
    struct fixture fixture;
    struct raw_body bodies[BOMBERS];
    size_t size;
    uint8_t *bombs = make_bombs(BOMBS, &size);
    fixture_init(&fixture, NULL);
    for (int i = 0; i < BOMBERS; i++) {
        raw_connect_h2(&raws[i], &fixture);
        bodies[i] = (struct raw_body){bombs, size, 0, 0};
        (void)raw_request(&raws[i], gzip_stream_headers, &bodies[i]);
    }
    RUN_UNTIL(&fixture, fixture.streamed > 0);
    while (fixture.streamed < BOMBERS * BOMBS - TURNS * IN_A_TURN) {
        struct outcome outcome = {0};
        int before = fixture.streamed;
        begin_get(fixture.client, NOW, 0, &outcome);
        RUN_UNTIL(&fixture, outcome.done);
        CHECK_EQ(outcome.status, WIRE_OK);
        CHECK_INT(fixture.streamed - before, <=, TURNS * IN_A_TURN);
    }
    for (int i = 0; i < BOMBERS; i++) {
        raw_close(&raws[i]);
    }
    free(bombs);
    fixture_fini(&fixture);
}

/* They have come while nobody wanted them. */
TEST(messages_that_were_held_do_not_unfold_all_in_one_turn)
{
    struct fixture fixture;
    struct raw raw;
    struct raw_body bodies[STREAMS];
    struct rpc_call *calls[STREAMS];
    struct raw_stream *streams[STREAMS];
    struct rpc_server_stats stats;
    size_t size;
    uint8_t *bombs = make_bombs(BOMBS, &size);
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    fixture.hold = true;
    for (int i = 0; i < STREAMS; i++) {
        bodies[i] = (struct raw_body){bombs, size, 0, 0};
        streams[i] = raw_stream(&raw, raw_request(&raw, gzip_stream_headers, &bodies[i]));
        RUN_UNTIL(&fixture, fixture.streamed == i + 1);
        calls[i] = fixture.stream;
    }
    do {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
        rpc_server_stats_get(fixture.server, &stats);
    } while (stats.input_bytes < STREAMS * (size / BOMBS) * (BOMBS - 1));
    fixture.hold = false;
    for (int i = 0; i < STREAMS; i++) {
        rpc_call_hold(calls[i], false);
    }
    CHECK_INT(fixture.streamed - STREAMS, <=, IN_A_TURN);
    check_turns(&fixture, &fixture.streamed, STREAMS * BOMBS);
    for (int i = 0; i < STREAMS; i++) {
        RUN_UNTIL(&fixture, streams[i]->closed); /* its end came long ago */
        CHECK_EQ(streams[i]->grpc_status, WIRE_OK);
    }
    rpc_server_stats_get(fixture.server, &stats);
    CHECK_EQ(stats.input_bytes, 0);
    raw_close(&raw);
    free(bombs);
    fixture_fini(&fixture);
}

/* One read brings the end of each. */
TEST(requests_whose_last_bytes_come_together_do_not_unfold_all_in_one_turn)
{
    static const struct raw_field plain[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Submit"), {NULL, NULL}};
    static struct raw_part lates[LATE]; /* the last byte is still to come */
    struct raw_body empty = {(const uint8_t *)"\0\0\0\0", 5, 0, 0};
    struct fixture fixture;
    struct raw raw;
    int32_t ids[LATE];
    size_t size;
    uint8_t *bomb = make_bombs(1, &size);
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    for (int i = 0; i < LATE; i++) {
        lates[i] = (struct raw_part){{bomb, size, 0, 0}, size - 1};
        ids[i] = raw_request_by(&raw, gzip_headers, raw_read_part, &lates[i]);
        RUN_UNTIL(&fixture, lates[i].body.at == size - 1);
    }
    (void)raw_request(&raw, plain, &empty);
    RUN_UNTIL(&fixture, fixture.begun == 1); /* what was sent before it has come as well */
    for (int i = 0; i < LATE; i++) {
        lates[i].upto = size;
        CHECK_EQ(nghttp2_session_resume_data(raw.h2, ids[i]), 0);
    }
    raw_flush(&raw);
    check_turns(&fixture, &fixture.begun, 1 + LATE);
    for (int i = 0; i < LATE; i++) {
        RUN_UNTIL(&fixture, raw_stream(&raw, ids[i])->closed);
        CHECK_EQ(raw_stream(&raw, ids[i])->grpc_status, WIRE_OK);
    }
    raw_close(&raw);
    free(bomb);
    fixture_fini(&fixture);
}

/* What waits for a turn goes with its call, its connection or the server. */
TEST(messages_that_wait_for_a_turn_may_be_given_up)
{
    static const struct raw_field short_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/SubmitStream"),
                                                     {"grpc-encoding", "gzip"},
                                                     {"grpc-timeout", "1m"},
                                                     {NULL, NULL}};
    static struct raw raws[2];
    struct fixture fixture;
    struct raw_body bodies[4 * STREAMS];
    size_t size;
    uint8_t *bombs = make_bombs(BOMBS, &size);
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raws[0], &fixture);
    raw_connect_h2(&raws[1], &fixture);
    for (int i = 0; i < 4 * STREAMS; i++) {
        bodies[i] = (struct raw_body){bombs, size, 0, 0};
        (void)raw_request(&raws[i % 2], i % 4 < 2 ? short_headers : gzip_stream_headers,
                          &bodies[i]);
    }
    RUN_UNTIL(&fixture, fixture.ended >= STREAMS); /* by their deadlines */
    CHECK_EQ(fixture.why, WIRE_DEADLINE_EXCEEDED);
    raw_close(&raws[0]);
    (void)uv_run(&fixture.loop, UV_RUN_ONCE);
    raw_close(&raws[1]);
    fixture_fini(&fixture); /* with what still waits */
    free(bombs);
}

TEST(stream_passes_compressed)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    Gor__V1__LogsRequest request = GOR__V1__LOGS_REQUEST__INIT;
    request.id = 100;
    request.offset = 50000; /* zeros, which shrink */
    struct rpc_client_call_opts opts = {
        .path = "/gor.v1.Jobs/Logs",
        .request = &request.base,
        .gzip = true,
        .handlers = &outcome_handlers,
        .user = &outcome,
    };
    fixture_init(&fixture, NULL);
    CHECK_EQ(rpc_client_call(fixture.client, &opts, NULL), 0);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_OK);
    CHECK_EQ(outcome.messages, 100);
    CHECK_INT(outcome.bytes, >, 100 * 50000);
    fixture_fini(&fixture);
}

TEST(reply_is_compressed_only_for_whom_takes_it)
{
    /* LogsRequest{id: 1, offset: 50000} */
    static const uint8_t message[] = {0, 0, 0, 0, 6, 0x08, 0x01, 0x10, 0xd0, 0x86, 0x03};
    static const struct raw_field takes[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Logs"),
                                             {"grpc-encoding", "gzip"},
                                             {"grpc-accept-encoding", "deflate , gzip"},
                                             {NULL, NULL}};
    static const struct raw_field takes_not[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Logs"),
                                                 {"grpc-encoding", "gzip"},
                                                 {"grpc-accept-encoding", "gzipped,identity"},
                                                 {NULL, NULL}};
    struct fixture fixture;
    struct raw raw;
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    for (int i = 0; i < 2; i++) {
        struct raw_body body = {message, sizeof message, 0, 0};
        struct raw_stream *stream =
            raw_stream(&raw, raw_request(&raw, i == 0 ? takes : takes_not, &body));
        RUN_UNTIL(&fixture, stream->closed);
        CHECK_EQ(stream->grpc_status, WIRE_OK);
        CHECK_EQ(stream->data_bytes < 1000, i == 0);
    }
    raw_close(&raw);
    fixture_fini(&fixture);
}
