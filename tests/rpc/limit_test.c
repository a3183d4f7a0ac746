/* SPDX-License-Identifier: MIT */
/* limit_test.c - clients that attack or only hang: each is bounded, and the others go on. */
#include <sys/resource.h>

#include "proto/frame.h"
#include "tests/rpc/raw.h"

static const struct raw_field get_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {NULL, NULL}};
static const struct raw_field logs_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Logs"),
                                                {NULL, NULL}};

/* A frame header. */
static void put_frame(uint8_t *out, uint8_t type, uint8_t flags, uint32_t stream, uint8_t size)
{
    const uint8_t header[] = {0, 0, size, type, flags, 0, 0, 0, (uint8_t)stream};
    memcpy(out, header, sizeof header);
}

/* Send the frame over and over until the server hangs up. */
static void check_flood(uint8_t type, uint8_t stream, const void *payload, uint8_t size)
{
    struct fixture fixture;
    struct raw raw;
    static uint8_t frames[30000 * 17];
    size_t frame = 9U + size;
    fixture_init(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    if (stream != 0) {
        /* An open stream for it. */
        nghttp2_nv list[6];
        for (size_t i = 0; i < 6; i++) {
            list[i] = (nghttp2_nv){(uint8_t *)get_headers[i].name, (uint8_t *)get_headers[i].value,
                                   strlen(get_headers[i].name), strlen(get_headers[i].value), 0};
        }
        CHECK_EQ(nghttp2_submit_headers(raw.h2, NGHTTP2_FLAG_NONE, -1, NULL, list, 6, NULL),
                 stream);
        raw_flush(&raw);
    }
    for (size_t i = 0; i < 30000; i++) {
        put_frame(frames + i * frame, type, 0, stream, size);
        memcpy(frames + i * frame + 9, payload, size);
    }
    raw_write(&raw, frames, 30000 * frame);
    RUN_UNTIL(&fixture, raw.eof);
    if (type != NGHTTP2_SETTINGS) { /* answers to what it did not ask are the end of its session */
        CHECK_EQ(raw.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    raw_close(&raw);
    struct rpc_result result;
    CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
    rpc_result_fini(&result);
    fixture_fini(&fixture);
}

TEST(flood_of_priority_frames_is_cut_off)
{
    check_flood(NGHTTP2_PRIORITY, 1, "\0\0\0\3\1", 5);
}

TEST(flood_of_window_updates_is_cut_off)
{
    check_flood(NGHTTP2_WINDOW_UPDATE, 0, "\0\0\0\1", 4);
}

TEST(flood_of_empty_data_is_cut_off)
{
    check_flood(NGHTTP2_DATA, 1, "", 0);
}

TEST(flood_of_pings_is_cut_off)
{
    check_flood(NGHTTP2_PING, 0, "12345678", 8);
}

TEST(flood_of_settings_is_cut_off)
{
    check_flood(NGHTTP2_SETTINGS, 0, "", 0);
}

TEST(third_early_ping_is_told_in_words)
{
    struct fixture fixture;
    struct raw raw;
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&raw, &fixture);
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(nghttp2_submit_ping(raw.h2, NGHTTP2_FLAG_NONE, NULL), 0);
    }
    raw_flush(&raw);
    RUN_UNTIL(&fixture, raw.eof);
    CHECK(raw.goaway);
    CHECK_EQ(raw.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_STR(raw.goaway_text, "too_many_pings");
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(streams_over_the_limit_are_refused_not_begun)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.max_streams = 3};
    static const uint8_t held[] = {0, 0, 0, 0, 2, 0x08, HELD};
    static struct raw_body bodies[10];
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    /* All before the client has seen our SETTINGS. */
    for (int i = 0; i < 10; i++) {
        bodies[i] = (struct raw_body){held, sizeof held, 0, 0};
        (void)raw_request(&raw, get_headers, &bodies[i]);
    }
    int refused = 0;
    while (refused < 7) {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
        refused = 0;
        for (int i = 0; i < 10; i++) {
            struct raw_stream *stream = raw_stream(&raw, 2 * i + 1);
            refused += stream->closed && stream->error == NGHTTP2_REFUSED_STREAM;
        }
        CHECK(!raw.eof);
    }
    CHECK_EQ(fixture.begun, 3);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(resetting_does_not_buy_more_handlers)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.max_streams = 3};
    static const uint8_t husk[] = {0, 0, 0, 0, 2, 0x08, HUSK};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    for (int i = 0; i < 20; i++) {
        struct raw_body body = {husk, sizeof husk, 0, 0};
        int32_t id = raw_request(&raw, get_headers, &body);
        CHECK_EQ(nghttp2_submit_rst_stream(raw.h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL), 0);
        raw_flush(&raw);
        (void)uv_run(&fixture.loop, UV_RUN_NOWAIT);
    }
    RUN_UNTIL(&fixture, fixture.begun >= 3);
    CHECK_EQ(fixture.begun, 3);
    for (int i = 0; i < 3; i++) {
        rpc_call_finish(fixture.held[i], WIRE_OK, NULL);
    }
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(silent_client_is_dropped)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.handshake_ns = 50 * MILLISECOND};
    fixture_init_server(&fixture, &opts);
    raw_connect(&raw, &fixture);
    RUN_UNTIL(&fixture, raw.eof);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(half_a_header_block_is_dropped)
{
    static const char half[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                               "\0\0\0\4\0\0\0\0\0"      /* SETTINGS */
                               "\0\0\1\1\0\0\0\0\1\x83"; /* HEADERS without END_HEADERS */
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.handshake_ns = 50 * MILLISECOND};
    fixture_init_server(&fixture, &opts);
    raw_connect(&raw, &fixture);
    raw_write(&raw, half, sizeof half - 1);
    RUN_UNTIL(&fixture, raw.eof);
    raw_close(&raw);
    fixture_fini(&fixture);
}

static ssize_t never(nghttp2_session *h2, int32_t id, uint8_t *out, size_t size, uint32_t *flags,
                     nghttp2_data_source *source, void *user)
{
    (void)h2;
    (void)id;
    (void)out;
    (void)size;
    (void)flags;
    (void)source;
    (void)user;
    return NGHTTP2_ERR_DEFERRED;
}

TEST(request_that_never_comes_is_reset)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.stall_ns = 50 * MILLISECOND};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    int32_t id = raw_request_by(&raw, get_headers, never, NULL);
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->error, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_EQ(fixture.begun, 0);
    raw_close(&raw);
    fixture_fini(&fixture);
}

/* LogsRequest{id: 200, offset: 10000} */
static const uint8_t logs_message[] = {0, 0, 0, 0, 6, 0x08, 0xc8, 0x01, 0x10, 0x90, 0x4e};

TEST(reader_that_gives_no_window_is_reset)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.stall_ns = 50 * MILLISECOND};
    struct raw_body body = {logs_message, sizeof logs_message, 0, 0};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    raw.keep_window = true;
    int32_t id = raw_request(&raw, logs_headers, &body);
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->error, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_EQ(fixture.ended, 1);
    CHECK_INT(fixture.produced * 10000, <, 65535 + 3 * 64 * 1024); /* a window and a queue */
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(very_many_readers_that_do_not_read_share_a_budget)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.max_output_bytes = 256 * 1024};
    static struct raw_body bodies[60];
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    raw.keep_window = true;
    for (int i = 0; i < 60; i++) {
        bodies[i] = (struct raw_body){logs_message, sizeof logs_message, 0, 0};
        (void)raw_request(&raw, logs_headers, &bodies[i]);
        RUN_UNTIL(&fixture, fixture.begun == i + 1);
    }
    /* Alone each would hold 64 KiB; the window, a message each, and shares that shrink. */
    CHECK_INT(fixture.produced * 10000, <, 2500 * 1000);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(reader_that_does_not_read_the_socket_is_dropped)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.stall_ns = 50 * MILLISECOND};
    struct raw_body body = {logs_message, sizeof logs_message, 0, 0};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    /* All the window in the world, and then silence. */
    CHECK_EQ(nghttp2_session_set_local_window_size(raw.h2, NGHTTP2_FLAG_NONE, 0, 1 << 30), 0);
    int32_t id = raw_request(&raw, logs_headers, &body);
    CHECK_EQ(nghttp2_session_set_local_window_size(raw.h2, NGHTTP2_FLAG_NONE, id, 1 << 30), 0);
    raw_flush(&raw);
    uv_poll_stop(&raw.poll);
    RUN_UNTIL(&fixture, fixture.ended == 1);
    raw_close(&raw);
    fixture_fini(&fixture);
}

/* Connect and begin a call that is not answered. */
static void occupy(struct raw *raw, struct fixture *fixture)
{
    static const uint8_t held[] = {0, 0, 0, 0, 2, 0x08, HELD};
    static struct raw_body body;
    int begun = fixture->begun;
    body = (struct raw_body){held, sizeof held, 0, 0};
    raw_connect_h2(raw, fixture);
    (void)raw_request(raw, get_headers, &body);
    RUN_UNTIL(fixture, fixture->begun == begun + 1);
}

TEST(connections_over_the_limit_are_closed_at_once)
{
    struct fixture fixture;
    struct raw raws[4];
    struct rpc_server_opts opts = {.max_connections = 3};
    fixture_init_server(&fixture, &opts);
    for (int i = 0; i < 3; i++) {
        occupy(&raws[i], &fixture);
    }
    raw_connect(&raws[3], &fixture);
    RUN_UNTIL(&fixture, raws[3].eof);
    CHECK(!raws[0].eof && !raws[1].eof && !raws[2].eof);
    for (int i = 0; i < 4; i++) {
        raw_close(&raws[i]);
    }
    struct rpc_server_stats stats;
    do {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
        rpc_server_stats_get(fixture.server, &stats);
    } while (stats.connections > 0);
    fixture.client = fixture_connect(&fixture, fixture.address, NULL);
    CHECK_EQ(rpc_client_wait_ready(fixture.client), 0);
    fixture_fini(&fixture);
}

/* Whoever only holds connections, silent or greeted, does not keep others out. */
TEST(idle_connections_make_room_longest_first)
{
    struct fixture fixture;
    struct raw busy;
    struct raw idle[3];
    struct rpc_server_opts opts = {.max_connections = 4};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&idle[0], &fixture);
    occupy(&busy, &fixture);
    raw_connect(&idle[1], &fixture);
    raw_connect(&idle[2], &fixture);
    fixture.client = fixture_connect(&fixture, fixture.address, NULL);
    CHECK_EQ(rpc_client_wait_ready(fixture.client), 0);
    RUN_UNTIL(&fixture, idle[0].eof);
    CHECK(!busy.eof && !idle[1].eof && !idle[2].eof);
    struct rpc_result result;
    CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
    rpc_result_fini(&result);
    for (int i = 0; i < 3; i++) {
        raw_close(&idle[i]);
    }
    raw_close(&busy);
    fixture_fini(&fixture);
}

/* One that was served goes after those that never were, though it came first. */
TEST(connections_that_were_served_make_room_last)
{
    struct fixture fixture;
    struct raw idle;
    struct raw late;
    struct rpc_result result;
    struct rpc_server_opts opts = {.max_connections = 2};
    fixture_init(&fixture, &opts);
    CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
    rpc_result_fini(&result);
    raw_connect(&idle, &fixture);
    raw_connect(&late, &fixture);
    RUN_UNTIL(&fixture, idle.eof);
    CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
    rpc_result_fini(&result);
    CHECK(!late.eof);
    raw_close(&idle);
    raw_close(&late);
    fixture_fini(&fixture);
}

TEST(running_out_of_descriptors_refuses_instead_of_spinning)
{
    struct fixture fixture;
    struct raw first;
    struct raw second;
    struct rlimit former;
    fixture_init_server(&fixture, NULL);
    raw_connect_h2(&first, &fixture);
    RUN_UNTIL(&fixture, nghttp2_session_get_remote_settings(
                            first.h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 1024);
    raw_connect(&second, &fixture);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
    struct rlimit tight = {(rlim_t)second.fd + 1, former.rlim_max};
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
    RUN_UNTIL(&fixture, second.eof);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
    struct raw_body body = {(const uint8_t *)"\0\0\0\0\0", 5, 0, 0};
    int32_t id = raw_request(&first, get_headers, &body);
    RUN_UNTIL(&fixture, raw_stream(&first, id)->closed);
    CHECK_EQ(raw_stream(&first, id)->grpc_status, WIRE_OK);
    raw_close(&first);
    raw_close(&second);
    fixture_fini(&fixture);
}

TEST(unfinished_requests_share_a_budget)
{
    struct fixture fixture;
    struct raw raw;
    struct rpc_server_opts opts = {.max_inflight_bytes = 300000};
    static uint8_t bytes[400000] = {0, 0, 8, 0, 0}; /* 512 KiB announced, 400 KB come */
    struct raw_body body = {bytes, 390000, 0, 0};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    int32_t id = raw_request(&raw, get_headers, &body);
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->grpc_status, WIRE_RESOURCE_EXHAUSTED);
    raw_close(&raw);
    fixture_fini(&fixture);
}
