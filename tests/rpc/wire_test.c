/* SPDX-License-Identifier: MIT */
/* wire_test.c - what strange clients send, and what they get for it. */
#include "proto/frame.h"
#include "tests/rpc/raw.h"

/* One empty GetRequest. */
static const uint8_t empty_message[WIRE_PREFIX_BYTES] = {0, 0, 0, 0, 0};

static struct raw_stream *ask(struct raw *raw, const struct raw_field *fields, const void *data,
                              size_t size)
{
    struct raw_body body = {data, size, 0, 0};
    int32_t id = raw_request(raw, fields, data != NULL ? &body : NULL);
    struct raw_stream *stream = raw_stream(raw, id);
    RUN_UNTIL(raw->fixture, stream->closed || raw->eof);
    return stream;
}

struct header_case {
    const char *what;
    struct raw_field fields[12];
    int http_status; /* 0: the stream is reset with PROTOCOL_ERROR */
    int grpc_status;
};

static const struct header_case header_cases[] = {
    {"good", {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get")}, 200, WIRE_OK},
    {"without te",
     {{":method", "POST"},
      {":scheme", "http"},
      {":path", "/gor.v1.Jobs/Get"},
      {"content-type", "application/grpc+proto"}},
     200,
     WIRE_OK},
    {"socket path as authority",
     {{":method", "POST"},
      {":scheme", "http"},
      {":path", "/gor.v1.Jobs/Get"},
      {":authority", "/run/gord/gord.sock"},
      {"content-type", "application/grpc;x=y"}},
     200,
     WIRE_OK},
    {"empty authority",
     {{":method", "POST"},
      {":scheme", "http"},
      {":path", "/gor.v1.Jobs/Get"},
      {":authority", ""},
      {"content-type", "application/grpc"}},
     200,
     WIRE_OK},
    {"GET",
     {{":method", "GET"},
      {":scheme", "http"},
      {":path", "/gor.v1.Jobs/Get"},
      {"content-type", "application/grpc"}},
     405,
     WIRE_INTERNAL},
    {"no content-type",
     {{":method", "POST"}, {":scheme", "http"}, {":path", "/gor.v1.Jobs/Get"}},
     415,
     WIRE_INTERNAL},
    {"grpc-web",
     {{":method", "POST"},
      {":scheme", "http"},
      {":path", "/gor.v1.Jobs/Get"},
      {"content-type", "application/grpc-web"}},
     415,
     WIRE_INTERNAL},
    {"json",
     {{":method", "POST"},
      {":scheme", "http"},
      {":path", "/gor.v1.Jobs/Get"},
      {"content-type", "application/json"}},
     415,
     WIRE_INTERNAL},
    {"malformed timeout",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"grpc-timeout", "1 S"}},
     200,
     WIRE_INTERNAL},
    {"nine digits",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"grpc-timeout", "123456789n"}},
     200,
     WIRE_INTERNAL},
    {"no time at all",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"grpc-timeout", "0n"}},
     200,
     WIRE_DEADLINE_EXCEEDED},
    {"eleven thousand years",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"grpc-timeout", "99999999H"}},
     200,
     WIRE_OK},
    {"gzip", {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"grpc-encoding", "gzip"}}, 200, WIRE_OK},
    {"an encoding that we do not speak",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"grpc-encoding", "snappy"}},
     200,
     WIRE_UNIMPLEMENTED},
    {"identity",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"grpc-encoding", "identity"}},
     200,
     WIRE_OK},
    {"binary metadata", {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"x-bin", "YQ==,YQ"}}, 200, WIRE_OK},
    {"bad binary metadata",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"x-bin", "Y"}},
     200,
     WIRE_INTERNAL},
    {"unknown method", {RAW_GOOD_HEADERS("/gor.v1.Jobs/get")}, 200, WIRE_UNIMPLEMENTED},
    {"unknown service", {RAW_GOOD_HEADERS("/nosuch/Get")}, 200, WIRE_UNIMPLEMENTED},
    {"star", {RAW_GOOD_HEADERS("*")}, 0, 0},
    {"no path", {{":method", "POST"}, {":scheme", "http"}}, 0, 0},
    {"no method", {{":scheme", "http"}, {":path", "/gor.v1.Jobs/Get"}}, 0, 0},
    {"two paths", {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {":path", "/gor.v1.Jobs/Get"}}, 0, 0},
    {"late pseudo-header",
     {{":method", "POST"}, {":scheme", "http"}, {"te", "trailers"}, {":path", "/gor.v1.Jobs/Get"}},
     0,
     0},
    {"unknown pseudo-header", {{":nosuch", "x"}, RAW_GOOD_HEADERS("/gor.v1.Jobs/Get")}, 0, 0},
    {"te: gzip",
     {{":method", "POST"}, {":scheme", "http"}, {":path", "/gor.v1.Jobs/Get"}, {"te", "gzip"}},
     0,
     0},
    {"connection", {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"connection", "close"}}, 0, 0},
    {"line break in a value", {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"x", "a\nb"}}, 0, 0},
    {"content-length too large",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"content-length", "6"}},
     0,
     0},
    {"content-length too small",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"content-length", "4"}},
     0,
     0},
    {"content-length right",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"content-length", "5"}},
     200,
     WIRE_OK},
    {"content-length is no number",
     {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {"content-length", "5x"}},
     0,
     0},
};

static void check_headers(struct raw *raw, const struct header_case *header_case)
{
    struct raw_stream *stream = ask(raw, header_case->fields, empty_message, sizeof empty_message);
    bool fine =
        !raw->eof && stream->http_status == header_case->http_status &&
        (header_case->http_status == 0 ? stream->error == NGHTTP2_PROTOCOL_ERROR
                                       : stream->grpc_status == header_case->grpc_status &&
                                             stream->has_type == (stream->http_status == 200));
    if (!fine) {
        test_fail(__FILE__, __LINE__, "%s: http %d, grpc %d (%s), error %u, eof %d",
                  header_case->what, stream->http_status, stream->grpc_status, stream->text,
                  stream->error, raw->eof);
    }
}

TEST(headers_are_judged_one_by_one_on_one_connection)
{
    struct fixture fixture;
    struct raw raw;
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    for (size_t i = 0; i < sizeof header_cases / sizeof header_cases[0]; i++) {
        check_headers(&raw, &header_cases[i]);
    }
    raw_close(&raw);
    fixture_fini(&fixture);
}

static const struct raw_field get_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {NULL, NULL}};
static const struct raw_field submit_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Submit"),
                                                  {NULL, NULL}};

TEST(bodies_are_judged_one_by_one)
{
    static const struct {
        const char *data;
        size_t size;
        int status;
    } cases[] = {
        {"", 0, WIRE_UNIMPLEMENTED}, /* no message */
        {"\0\0\0\0\0", 5, WIRE_OK},
        {"\0\0\0\0\0\0\0\0\0\0", 10, WIRE_UNIMPLEMENTED}, /* two */
        {"\0\0\0\0", 4, WIRE_INTERNAL},                   /* half a prefix */
        {"\0\0\0\0\2\x08", 6, WIRE_INTERNAL},             /* half a message */
        {"\0\0\0\0\1\x08", 6, WIRE_INTERNAL},             /* not protobuf */
        {"\0\0\0\0\2\x08\1", 7, WIRE_OK},
        {"\1\0\0\0\0", 5, WIRE_INTERNAL}, /* compressed without an encoding */
        {"\7\0\0\0\0", 5, WIRE_INTERNAL},
        {"\0\xff\xff\xff\xff", 5, WIRE_RESOURCE_EXHAUSTED},
        {"\0\0\x40\0\1", 5, WIRE_RESOURCE_EXHAUSTED}, /* 4 MiB + 1 */
    };
    struct fixture fixture;
    struct raw raw;
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct raw_stream *stream = ask(&raw, get_headers, cases[i].data, cases[i].size);
        CHECK_EQ(stream->grpc_status, cases[i].status);
        CHECK_EQ(stream->http_status, 200);
    }
    struct raw_stream *stream = ask(&raw, get_headers, NULL, 0); /* END_STREAM on the headers */
    CHECK_EQ(stream->grpc_status, WIRE_UNIMPLEMENTED);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(one_byte_per_data_frame_is_fine)
{
    /* SubmitRequest{spec{exec{argv: 300 bytes}}} */
    uint8_t message[WIRE_PREFIX_BYTES + 312] = {0,    0,    0,    1,    0x38, 0x0a, 0xb5,
                                                0x02, 0x0a, 0xb2, 0x02, 0x0a, 0xaf, 0x02};
    struct raw_body body = {message, WIRE_PREFIX_BYTES + 312, 0, 1};
    struct fixture fixture;
    struct raw raw;
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    struct raw_stream *stream = raw_stream(&raw, raw_request(&raw, submit_headers, &body));
    RUN_UNTIL(&fixture, stream->closed || raw.eof);
    CHECK_STR(stream->text, "");
    CHECK_EQ(stream->grpc_status, WIRE_OK);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(request_trailers_are_accepted)
{
    struct fixture fixture;
    struct raw raw;
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    /* A body that ends without END_STREAM, then trailers. */
    static const nghttp2_nv trailers[] = {
        {(uint8_t *)"x-end", (uint8_t *)"1", 5, 1, NGHTTP2_NV_FLAG_NONE}};
    nghttp2_nv list[6];
    for (size_t i = 0; i < 6; i++) {
        list[i] = (nghttp2_nv){(uint8_t *)get_headers[i].name, (uint8_t *)get_headers[i].value,
                               strlen(get_headers[i].name), strlen(get_headers[i].value), 0};
    }
    int32_t id = nghttp2_submit_headers(raw.h2, NGHTTP2_FLAG_NONE, -1, NULL, list, 6, NULL);
    raw_flush(&raw);
    struct raw_body body = {empty_message, sizeof empty_message, 0, 0};
    nghttp2_data_provider provider = {.source.ptr = &body, .read_callback = raw_read_body};
    CHECK_EQ(nghttp2_submit_data(raw.h2, NGHTTP2_FLAG_NONE, id, &provider), 0);
    raw_flush(&raw);
    CHECK_EQ(nghttp2_submit_headers(raw.h2, NGHTTP2_FLAG_END_STREAM, id, NULL, trailers, 1, NULL),
             0);
    raw_flush(&raw);
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->grpc_status, WIRE_OK);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(headers_over_the_limit_are_refused_and_the_connection_stays)
{
    char large[7000];
    struct fixture fixture;
    struct raw raw;
    memset(large, 'a', sizeof large);
    large[sizeof large - 1] = '\0';
    const struct raw_field fields[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"),
                                       {"a", large},
                                       {"b", large},
                                       {"c", large},
                                       {NULL, NULL}};
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    struct raw_stream *stream = ask(&raw, fields, empty_message, sizeof empty_message);
    CHECK_EQ(stream->grpc_status, WIRE_RESOURCE_EXHAUSTED);
    CHECK_EQ(ask(&raw, get_headers, empty_message, sizeof empty_message)->grpc_status, WIRE_OK);
    raw_close(&raw);
    fixture_fini(&fixture);
}

static void send_garbage(const void *data, size_t size)
{
    struct fixture fixture;
    struct raw raw;
    fixture_init(&fixture, NULL);
    raw_connect(&raw, &fixture);
    raw_write(&raw, data, size);
    RUN_UNTIL(&fixture, raw.eof);
    raw_close(&raw);
    struct rpc_result result;
    CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK); /* others do not notice */
    rpc_result_fini(&result);
    fixture_fini(&fixture);
}

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

TEST(bytes_that_are_not_http2_close_the_connection)
{
    static const char http1[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char bad_settings[] = PREFACE "\0\0\1\4\0\0\0\0\0x";
    static const char huge_frame[] = PREFACE "\0\0\0\4\0\0\0\0\0\xff\xff\xff\0\0\0\0\0\1";
    uint8_t random[4096];
    uint64_t seed = test_seed();
    for (size_t i = 0; i < sizeof random; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        random[i] = (uint8_t)(seed >> 56);
    }
    send_garbage(http1, sizeof http1 - 1);
    send_garbage(bad_settings, sizeof bad_settings - 1);
    send_garbage(huge_frame, sizeof huge_frame - 1);
    send_garbage(random, sizeof random);
}

TEST(random_frames_never_harm_the_server)
{
    uint64_t seed = test_seed();
    for (int round = 0; round < 50; round++) {
        struct fixture fixture;
        struct raw raw;
        uint8_t bytes[2048];
        fixture_init_server(&fixture, NULL);
        raw_connect_h2(&raw, &fixture);
        (void)ask(&raw, get_headers, empty_message, sizeof empty_message);
        for (size_t at = 0; at + 40 < sizeof bytes; at += 40) {
            for (size_t i = 0; i < 40; i++) {
                seed = seed * 6364136223846793005U + 1442695040888963407U;
                bytes[at + i] = (uint8_t)(seed >> 56);
            }
            bytes[at] = 0;
            bytes[at + 1] = 0;
            bytes[at + 2] = 31;
            bytes[at + 3] %= 10;
            bytes[at + 5] = bytes[at + 6] = bytes[at + 7] = 0;
            bytes[at + 8] %= 8;
        }
        raw_write(&raw, bytes, sizeof bytes);
        (void)uv_run(&fixture.loop, UV_RUN_NOWAIT);
        raw_close(&raw);
        fixture_fini(&fixture);
    }
}
