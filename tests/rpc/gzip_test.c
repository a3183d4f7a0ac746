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
