/* SPDX-License-Identifier: MIT */
/* live_test.c - connections that end by age, idleness, or because nobody is there any more. */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "tests/rpc/raw.h"

static const struct raw_field get_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {NULL, NULL}};

static uint64_t cut(const struct fixture *fixture, enum rpc_cut cause)
{
    struct rpc_server_stats stats;
    rpc_server_stats_get(fixture->server, &stats);
    return stats.cut[cause];
}

static int connect_tcp(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INT(fd, >=, 0);
    CHECK_EQ(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

TEST(silent_client_is_asked_and_given_up)
{
    static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    struct fixture fixture;
    uint16_t port;
    struct rpc_server_opts opts = {.keepalive_ns = 20 * MILLISECOND,
                                   .keepalive_wait_ns = 20 * MILLISECOND};
    fixture_init_server(&fixture, &opts);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    int fd = connect_tcp(port);
    CHECK_EQ(write(fd, hello, sizeof hello - 1), sizeof hello - 1);
    while (cut(&fixture, RPC_CUT_KEEPALIVE) == 0) {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
    }
    close(fd);
    fixture_fini(&fixture);
}

TEST(client_that_answers_stays)
{
    struct fixture fixture;
    uint16_t port;
    char address[32];
    struct rpc_server_opts opts = {.keepalive_ns = 10 * MILLISECOND,
                                   .keepalive_wait_ns = 10 * SECOND};
    fixture_init_server(&fixture, &opts);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    fixture.client = fixture_connect(&fixture, address, NULL);
    CHECK_EQ(rpc_client_wait_ready(fixture.client), 0);
    int64_t end = (int64_t)uv_hrtime() + 200 * MILLISECOND; /* asked some twenty times meanwhile */
    while ((int64_t)uv_hrtime() < end) {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
    }
    struct rpc_result result;
    CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
    rpc_result_fini(&result);
    CHECK_EQ(cut(&fixture, RPC_CUT_KEEPALIVE), 0);
    fixture_fini(&fixture);
}

TEST(old_connection_is_told_and_its_call_goes_on)
{
    static const uint8_t held[] = {0, 0, 0, 0, 2, 0x08, HELD};
    struct fixture fixture;
    struct raw raw;
    struct raw_body body = {held, sizeof held, 0, 0};
    struct rpc_server_opts opts = {.max_age_ns = 30 * MILLISECOND};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    int32_t id = raw_request(&raw, get_headers, &body);
    RUN_UNTIL(&fixture, strcmp(raw.goaway_text, "max_age") == 0);
    CHECK_EQ(raw.goaway_error, NGHTTP2_NO_ERROR);
    CHECK_EQ(fixture.held_count, 1);
    rpc_call_finish(fixture.held[0], WIRE_OK, NULL);
    RUN_UNTIL(&fixture, raw.eof);
    CHECK_EQ(raw_stream(&raw, id)->grpc_status, WIRE_OK);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(call_that_outlasts_the_grace_is_cut_off)
{
    static const uint8_t held[] = {0, 0, 0, 0, 2, 0x08, HELD};
    struct fixture fixture;
    struct raw raw;
    struct raw_body body = {held, sizeof held, 0, 0};
    struct rpc_server_opts opts = {.max_age_ns = 20 * MILLISECOND,
                                   .max_grace_ns = 20 * MILLISECOND};
    fixture_init_server(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    (void)raw_request(&raw, get_headers, &body);
    RUN_UNTIL(&fixture, raw.eof);
    CHECK_EQ(cut(&fixture, RPC_CUT_AGE), 1);
    CHECK_EQ(fixture.ended, fixture.begun);
    raw_close(&raw);
    fixture_fini(&fixture);
}

TEST(idle_connection_is_told)
{
    struct fixture fixture;
    struct rpc_server_stats stats;
    struct rpc_result result;
    struct rpc_server_opts opts = {.max_idle_ns = 20 * MILLISECOND};
    fixture_init(&fixture, &opts);
    CHECK_EQ(submit(fixture.client, 1, &result), WIRE_OK);
    rpc_result_fini(&result);
    do {
        (void)uv_run(&fixture.loop, UV_RUN_ONCE);
        rpc_server_stats_get(fixture.server, &stats);
    } while (stats.connections > 0);
    CHECK_EQ(submit(fixture.client, 1, &result), WIRE_UNAVAILABLE);
    rpc_result_fini(&result);
    fixture_fini(&fixture);
}
