/* SPDX-License-Identifier: MIT */
/* gzip_test.c - compressed messages in both directions, and what is none. */
#include "proto/frame.h"
#include "proto/gzip.h"
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

enum { BOMBS = 60, BOMBERS = 4 };

/* Messages of few bytes that are nearly 4 MiB each: a field that nobody knows. */
static uint8_t *make_bombs(size_t *out_size)
{
    static uint8_t zeros[(4 << 20) - 64] = {0xfa, 0x07, 0xba, 0xff, 0xff, 0x01}; /* field 127 */
    uint8_t *packed;
    size_t size;
    CHECK_EQ(wire_gzip(zeros, sizeof zeros, &packed, &size), 0);
    *out_size = BOMBS * (WIRE_PREFIX_BYTES + size);
    uint8_t *bytes = malloc(*out_size);
    CHECK(bytes != NULL);
    for (int i = 0; i < BOMBS; i++) {
        uint8_t *at = bytes + (size_t)i * (WIRE_PREFIX_BYTES + size);
        wire_prefix_write(at, (uint32_t)size);
        at[0] = 1;
        memcpy(at + WIRE_PREFIX_BYTES, packed, size);
    }
    free(packed);
    return bytes;
}

/* Each is a few kilobytes to read and megabytes to look through: others have their turns in between. */
TEST(messages_that_unfold_do_not_come_all_in_one_turn)
{
    static const struct raw_field stream_headers[] = {
        RAW_GOOD_HEADERS("/gor.v1.Jobs/SubmitStream"), {"grpc-encoding", "gzip"}, {NULL, NULL}};
    static struct raw raws[BOMBERS];
    struct fixture fixture;
    struct raw_body bodies[BOMBERS];
    size_t size;
    int seen = 0;
    uint8_t *bombs = make_bombs(&size);
    fixture_init_server(&fixture, NULL);
    for (int i = 0; i < BOMBERS; i++) {
        raw_connect_h2(&raws[i], &fixture);
        bodies[i] = (struct raw_body){bombs, size, 0, 0};
        (void)raw_request(&raws[i], stream_headers, &bodies[i]);
    }
    while (fixture.streamed < BOMBERS * BOMBS) {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
        CHECK_INT(fixture.streamed - seen, <=, 2 * BOMBERS);
        seen = fixture.streamed;
    }
    for (int i = 0; i < BOMBERS; i++) {
        raw_close(&raws[i]);
    }
    free(bombs);
    fixture_fini(&fixture);
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
