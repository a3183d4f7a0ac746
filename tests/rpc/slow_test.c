/* SPDX-License-Identifier: MIT */
/* slow_test.c - clients that move a byte now and then, to hold what others need: they gain no time by
 * it, and what all of them hold together is bounded. */
#include "tests/rpc/raw.h"

static const struct raw_field submit_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Submit"),
                                                  {NULL, NULL}};
static const struct raw_field stream_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/SubmitStream"),
                                                  {NULL, NULL}};
static const struct raw_field logs_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Logs"),
                                                {NULL, NULL}};

static const struct rpc_server_opts short_stall = {.stall_ns = 60 * MILLISECOND};

static uint64_t cut(const struct fixture *fixture, enum rpc_cut cause)
{
    struct rpc_server_stats stats;
    rpc_server_stats_get(fixture->server, &stats);
    return stats.cut[cause];
}

/* Writes the same bytes every few milliseconds. */
struct drip {
    uv_timer_t timer;
    struct raw *raw;
    const char *bytes;
    size_t size;
};

static void on_drip(uv_timer_t *timer)
{
    const struct drip *drip = timer->data;
    raw_write(drip->raw, drip->bytes, drip->size);
}

static void drip_start(struct drip *drip, struct raw *raw, const char *bytes, size_t size)
{
    *drip = (struct drip){.raw = raw, .bytes = bytes, .size = size};
    CHECK_EQ(uv_timer_init(&raw->fixture->loop, &drip->timer), 0);
    drip->timer.data = drip;
    CHECK_EQ(uv_timer_start(&drip->timer, on_drip, 5, 5), 0);
}

static void drip_stop(struct drip *drip)
{
    uv_close((uv_handle_t *)&drip->timer, NULL);
}

static ssize_t begin_only(nghttp2_session *h2, int32_t id, uint8_t *out, size_t size,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct raw_body *body = source->ptr;
    (void)flags;
    if (body->at == body->size) {
        return NGHTTP2_ERR_DEFERRED;
    }
    ssize_t taken = raw_read_body(h2, id, out, size, flags, source, user);
    *flags = 0;
    return taken;
}

/* Begin a request whose message does not end. */
static int32_t begin_endless(struct raw *raw, const struct raw_field *fields, struct raw_body *body)
{
    return raw_request_by(raw, fields, begin_only, body);
}

static const char one_byte_of_data[] = "\0\0\1\0\0\0\0\0\1x";

static void check_trickled_request(const struct raw_field *fields)
{
    struct fixture fixture;
    struct raw raw;
    struct drip drip;
    struct raw_body body = {(const uint8_t *)"\0\0\20\0\0", 5, 0, 0}; /* a message of 1 MiB */
    fixture_init_server(&fixture, &short_stall);
    raw_connect_h2(&raw, &fixture);
    int32_t id = begin_endless(&raw, fields, &body);
    drip_start(&drip, &raw, one_byte_of_data, sizeof one_byte_of_data - 1);
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->error, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_EQ(cut(&fixture, RPC_CUT_CALL_STALL), 1);
    drip_stop(&drip);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(request_that_comes_byte_by_byte_is_reset)
{
    check_trickled_request(submit_headers);
}

TEST(message_of_a_stream_that_comes_byte_by_byte_is_reset)
{
    check_trickled_request(stream_headers);
}

TEST(stream_without_a_begun_message_may_be_silent)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.stall_ns = 20 * MILLISECOND};
    struct raw_body body = {(const uint8_t *)"\0\0\0\0\0", 5, 0, 0};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    int32_t id = begin_endless(&raw, stream_headers, &body);
    RUN_UNTIL(&fixture, fixture.streamed == 1);
    /* A call that is stalled is reset meanwhile; this one is not. */
    struct raw_body half = {(const uint8_t *)"\0", 1, 0, 0};
    int32_t stalled = begin_endless(&raw, submit_headers, &half);
    RUN_UNTIL(&fixture, raw_stream(&raw, stalled)->closed);
    CHECK(!raw_stream(&raw, id)->closed);
    raw_close(&raw);
    fixture_fini(&fixture);
}

/* The answer does not fit into its window, which it does not open. */
TEST(reader_of_a_patient_call_may_take_nothing)
{
    /* LogsRequest{id: 200, offset: 10000, holds: true}, and one without that */
    static const uint8_t patient[] = {0,    0,    0,    0,    8,    0x08, 0xc8,
                                      0x01, 0x10, 0x90, 0x4e, 0x40, 0x01};
    static const uint8_t plain[] = {0, 0, 0, 0, 6, 0x08, 0xc8, 0x01, 0x10, 0x90, 0x4e};
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.stall_ns = 20 * MILLISECOND};
    struct raw_body bodies[2] = {{patient, sizeof patient, 0, 0}, {plain, sizeof plain, 0, 0}};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    raw.keep_window = true;
    int32_t id = raw_request(&raw, logs_headers, &bodies[0]);
    int32_t stalled = raw_request(&raw, logs_headers, &bodies[1]);
    RUN_UNTIL(&fixture, raw_stream(&raw, stalled)->closed);
    CHECK(!raw_stream(&raw, id)->closed);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(reader_that_opens_its_window_byte_by_byte_is_reset)
{
    static const char one_byte_of_window[] = "\0\0\4\10\0\0\0\0\1\0\0\0\1";
    /* LogsRequest{id: 200, offset: 10000} */
    static const uint8_t message[] = {0, 0, 0, 0, 6, 0x08, 0xc8, 0x01, 0x10, 0x90, 0x4e};
    struct fixture fixture;
    struct raw raw;
    struct drip drip;
    struct raw_body body = {message, sizeof message, 0, 0};
    fixture_init_server(&fixture, &short_stall);
    raw_connect_h2(&raw, &fixture);
    raw.keep_window = true;
    int32_t id = raw_request(&raw, logs_headers, &body);
    drip_start(&drip, &raw, one_byte_of_window, sizeof one_byte_of_window - 1);
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->error, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_EQ(cut(&fixture, RPC_CUT_CALL_STALL), 1);
    drip_stop(&drip);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(unfinished_requests_of_all_connections_share_a_budget)
{
    struct fixture fixture;
    struct raw first;
    struct raw second;
    struct rpc_server_opts opts = {.max_input_bytes = 300000};
    struct rpc_server_stats stats;
    static uint8_t bytes[200000] = {0, 0, 8, 0, 0}; /* 512 KiB announced, 200 KB come */
    struct raw_body half = {bytes, sizeof bytes, 0, 0};
    struct raw_body more = {bytes, sizeof bytes, 0, 0};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&first, &fixture);
    raw_connect_h2(&second, &fixture);
    (void)begin_endless(&first, submit_headers, &half);
    do {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
        rpc_server_stats_get(fixture.server, &stats);
    } while (stats.input_bytes < 190000);
    int32_t id = begin_endless(&second, submit_headers, &more);
    RUN_UNTIL(&fixture, raw_stream(&second, id)->closed);
    CHECK_EQ(raw_stream(&second, id)->grpc_status, WIRE_RESOURCE_EXHAUSTED);
    raw_close(&first);
    raw_close(&second);
    do {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
        rpc_server_stats_get(fixture.server, &stats);
    } while (stats.connections > 0);
    CHECK_EQ(stats.input_bytes, 0);
    fixture_fini(&fixture);
}
