/* SPDX-License-Identifier: MIT */
/* unread_test.c - nobody is blamed for what was not read of him: connections that wait for a turn to unfold
 * what they have sent, with the rest in the socket; streams that were held, or had nothing to say. */
#include <time.h>

#include "tests/rpc/bombs.h"

#define LIMIT (500 * MILLISECOND)

static const struct raw_field submit_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Submit"),
                                                  {NULL, NULL}};
static const struct raw_field stream_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/SubmitStream"),
                                                  {NULL, NULL}};
static const struct raw_field logs_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Logs"),
                                                {NULL, NULL}};

static const struct rpc_server_opts short_limits = {
    .handshake_ns = LIMIT, .stall_ns = LIMIT, .keepalive_ns = LIMIT, .keepalive_wait_ns = LIMIT};

static void check_nobody_was_cut(const struct fixture *fixture)
{
    struct rpc_server_stats stats;
    rpc_server_stats_get(fixture->server, &stats);
    for (int i = 0; i < RPC_CUTS; i++) {
        CHECK_EQ(stats.cut[i], 0);
    }
}

/* Others have their turns, for longer than any limit. */
static void let_others_have_turns(void)
{
    static const struct timespec turns = {.tv_nsec = LIMIT / 2 * 3};
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &turns, NULL), 0);
}

static void send_upto(struct raw *raw, int32_t id, struct raw_part *part, size_t upto)
{
    part->upto = upto;
    CHECK_EQ(nghttp2_session_resume_data(raw->h2, id), 0);
    raw_flush(raw);
}

/* Both have greeted, and neither has anything more to say. */
static void greet(struct raw *raw)
{
    static const uint8_t empty[5];
    struct raw_body body = {empty, sizeof empty, 0, 0};
    struct raw_stream *stream = raw_stream(raw, raw_request(raw, submit_headers, &body));
    RUN_UNTIL(raw->fixture, stream->closed);
    CHECK_EQ(stream->grpc_status, WIRE_OK);
}

TEST(header_block_whose_end_is_not_read_is_not_slow)
{
    static const char trailers[] = "\0\0\0\1\1\0\0\0\3"; /* HEADERS with END_STREAM */
    static const char end[] = "\0\0\0\11\4\0\0\0\3";     /* CONTINUATION with END_HEADERS */
    struct fixture fixture;
    struct raw raw;
    size_t size;
    uint8_t *bombs = make_bombs(2, &size);
    struct raw_part part = {{bombs, size + 1, 0, 0}, size}; /* the trailers end it */
    fixture_init_server(&fixture, &short_limits);
    raw_connect_h2(&raw, &fixture);
    greet(&raw);
    int32_t id = raw_request_by(&raw, gzip_stream_headers, raw_read_part, &part);
    CHECK_EQ(id, 3);
    raw_write(&raw, trailers, sizeof trailers - 1);
    RUN_UNTIL(&fixture, fixture.streamed == 1);
    raw_write(&raw, end, sizeof end - 1);
    let_others_have_turns();
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->grpc_status != RAW_NO_STATUS || raw.eof);
    CHECK_EQ(raw_stream(&raw, id)->grpc_status, WIRE_OK);
    check_nobody_was_cut(&fixture);
    raw_close(&raw);
    free(bombs);
    fixture_fini(&fixture);
}

TEST(request_whose_rest_is_not_read_does_not_stall)
{
    static const uint8_t bytes[] = {0, 0, 0, 0, 2, 0x0a, 0};
    struct fixture fixture;
    struct raw raw;
    size_t size;
    uint8_t *bombs = make_bombs(2, &size);
    struct raw_body body = {bombs, size, 0, 0};
    struct raw_part part = {{bytes, sizeof bytes, 0, 0}, sizeof bytes - 1};
    fixture_init_server(&fixture, &short_limits);
    raw_connect_h2(&raw, &fixture);
    int32_t id = raw_request_by(&raw, submit_headers, raw_read_part, &part);
    (void)raw_request(&raw, gzip_stream_headers, &body);
    RUN_UNTIL(&fixture, fixture.streamed == 1);
    send_upto(&raw, id, &part, sizeof bytes);
    let_others_have_turns();
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->grpc_status, WIRE_OK);
    check_nobody_was_cut(&fixture);
    raw_close(&raw);
    free(bombs);
    fixture_fini(&fixture);
}

TEST(reader_whose_window_is_not_read_does_not_stall)
{
    /* LogsRequest{id: 200, offset: 10000} */
    static const uint8_t message[] = {0, 0, 0, 0, 6, 0x08, 0xc8, 0x01, 0x10, 0x90, 0x4e};
    struct fixture fixture;
    struct raw raw;
    size_t size;
    uint8_t *bombs = make_bombs(2, &size);
    struct raw_body bodies[2] = {{message, sizeof message, 0, 0}, {bombs, size, 0, 0}};
    fixture_init_server(&fixture, &short_limits);
    raw_connect_h2(&raw, &fixture);
    raw.keep_window = true;
    int32_t id = raw_request(&raw, logs_headers, &bodies[0]);
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->data_bytes == NGHTTP2_INITIAL_WINDOW_SIZE);
    (void)raw_request(&raw, gzip_stream_headers, &bodies[1]);
    RUN_UNTIL(&fixture, fixture.streamed == 1);
    raw.keep_window = false;
    CHECK_EQ(nghttp2_session_consume(raw.h2, id, NGHTTP2_INITIAL_WINDOW_SIZE), 0);
    raw_flush(&raw);
    let_others_have_turns();
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->grpc_status, WIRE_OK);
    check_nobody_was_cut(&fixture);
    raw_close(&raw);
    free(bombs);
    fixture_fini(&fixture);
}

TEST(client_that_is_not_read_is_not_given_up)
{
    enum { MESSAGES = 4 }; /* turns in which it is silent, is asked, and has not answered */
    struct fixture fixture;
    struct raw raw;
    uint16_t port;
    size_t size;
    uint8_t *bombs = make_bombs(MESSAGES, &size);
    struct raw_body body = {bombs, size, 0, 0};
    fixture_init_server(&fixture, &short_limits);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    raw_connect_tcp(&raw, &fixture, port, "127.0.0.1");
    raw_begin_h2(&raw);
    int32_t id = raw_request(&raw, gzip_stream_headers, &body);
    RUN_UNTIL(&fixture, fixture.streamed == 1);
    while (fixture.streamed < MESSAGES) {
        let_others_have_turns();
        CHECK(uv_run(&fixture.loop, UV_RUN_ONCE) != 0);
    }
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->grpc_status, WIRE_OK);
    check_nobody_was_cut(&fixture);
    raw_close(&raw);
    free(bombs);
    fixture_fini(&fixture);
}

/* A message of nothing, and one of two bytes. */
static const uint8_t two_messages[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x0a, 0};

enum { ONE = 5, NEARLY_TWO = sizeof two_messages - 1, BOTH = sizeof two_messages };

static void run_until_it_holds_input(struct fixture *fixture)
{
    struct rpc_server_stats stats;
    do {
        CHECK(uv_run(&fixture->loop, UV_RUN_ONCE) != 0);
        rpc_server_stats_get(fixture->server, &stats);
    } while (stats.input_bytes == 0);
}

static void check_that_the_second_comes(struct raw *raw, int32_t id, struct raw_part *part)
{
    CHECK(uv_run(&raw->fixture->loop, UV_RUN_NOWAIT) != 0); /* the limits are looked at */
    send_upto(raw, id, part, BOTH);
    RUN_UNTIL(raw->fixture, raw_stream(raw, id)->closed);
    CHECK_EQ(raw_stream(raw, id)->grpc_status, WIRE_OK);
    CHECK_EQ(raw->fixture->streamed, 2);
    check_nobody_was_cut(raw->fixture);
}

TEST(message_that_comes_after_a_long_silence_has_its_time)
{
    static const struct timespec sweep = {.tv_nsec =
                                              LIMIT / 4 + 5 * MILLISECOND}; /* until one is due */
    struct fixture fixture;
    struct raw raw;
    struct raw_part part = {{two_messages, BOTH, 0, 0}, ONE};
    fixture_init_server(&fixture, &short_limits);
    raw_connect_h2(&raw, &fixture);
    int32_t id = raw_request_by(&raw, stream_headers, raw_read_part, &part);
    RUN_UNTIL(&fixture, fixture.streamed == 1);
    let_others_have_turns();
    send_upto(&raw, id, &part, NEARLY_TWO);
    run_until_it_holds_input(&fixture);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &sweep, NULL), 0);
    check_that_the_second_comes(&raw, id, &part);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(message_that_was_held_has_its_time_from_then_on)
{
    struct fixture fixture;
    struct raw raw;
    struct raw_part part = {{two_messages, BOTH, 0, 0}, NEARLY_TWO};
    fixture_init_server(&fixture, &short_limits);
    fixture.hold = true;
    raw_connect_h2(&raw, &fixture);
    int32_t id = raw_request_by(&raw, stream_headers, raw_read_part, &part);
    run_until_it_holds_input(&fixture);
    let_others_have_turns();
    fixture.hold = false;
    rpc_call_hold(fixture.stream, false);
    check_that_the_second_comes(&raw, id, &part);
    raw_close(&raw);
    fixture_fini(&fixture);
}

/* From the beginning again, for ever. */
static ssize_t read_endless(nghttp2_session *h2, int32_t id, uint8_t *out, size_t size,
                            uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct raw_body *body = source->ptr;
    ssize_t taken = raw_read_body(h2, id, out, size, flags, source, user);
    *flags = 0;
    if (body->at == body->size) {
        body->at = 0;
    }
    return taken;
}

/* Its own messages take up nearly all the time. */
TEST(call_that_stalls_beside_endless_messages_of_its_own_client_is_reset)
{
    static const uint8_t bytes[] = {0, 0, 0, 0, 2, 0x0a, 0};
    struct rpc_server_opts opts = {.stall_ns = 100 * MILLISECOND};
    struct rpc_server_stats stats;
    struct fixture fixture;
    struct raw raw;
    size_t size;
    uint8_t *bombs = make_bombs(1, &size);
    struct raw_body body = {bombs, size, 0, 0};
    struct raw_part part = {{bytes, sizeof bytes, 0, 0}, sizeof bytes - 1};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    int32_t id = raw_request_by(&raw, submit_headers, raw_read_part, &part);
    (void)raw_request_by(&raw, gzip_stream_headers, read_endless, &body);
    RUN_UNTIL(&fixture, raw_stream(&raw, id)->closed);
    CHECK_EQ(raw_stream(&raw, id)->error, NGHTTP2_ENHANCE_YOUR_CALM);
    rpc_server_stats_get(fixture.server, &stats);
    CHECK_EQ(stats.cut[RPC_CUT_CALL_STALL], 1);
    raw_close(&raw);
    free(bombs);
    fixture_fini(&fixture);
}
