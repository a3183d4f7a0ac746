/* SPDX-License-Identifier: MIT */
/* share_test.c - no user takes what is there for all; and whoever is cut off reads why. */
#include "tests/rpc/raw.h"

static const struct raw_field get_headers[] = {RAW_GOOD_HEADERS("/gor.v1.Jobs/Get"), {NULL, NULL}};
static const uint8_t held[] = {0, 0, 0, 0, 2, 0x08, HELD};

static uint64_t cut(const struct fixture *fixture, enum rpc_cut cause)
{
    struct rpc_server_stats stats;
    rpc_server_stats_get(fixture->server, &stats);
    return stats.cut[cause];
}

/* Ask for something that the test must release. */
static void begin_held(struct raw *raw)
{
    struct raw_body body = {held, sizeof held, 0, 0};
    int before = raw->fixture->held_count;
    (void)raw_request(raw, get_headers, &body);
    RUN_UNTIL(raw->fixture, raw->fixture->held_count > before);
}

static void check_served(struct fixture *fixture, struct rpc_client *client)
{
    struct rpc_result result;
    (void)fixture;
    CHECK_EQ(submit(client, 1, &result), WIRE_OK);
    rpc_result_fini(&result);
}

static void check_goaway(struct raw *raw, uint32_t code, const char *text)
{
    RUN_UNTIL(raw->fixture, raw->eof);
    CHECK(raw->goaway);
    CHECK_EQ(raw->goaway_error, code);
    CHECK_STR(raw->goaway_text, text);
}

TEST(user_with_all_its_connections_gives_up_idle_ones_first)
{
    struct fixture fixture;
    struct raw raws[4];
    uint16_t port;
    char address[32];
    struct rpc_server_opts opts = {.max_user_connections = 2};
    fixture_init_server(&fixture, &opts);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    raw_connect_h2(&raws[0], &fixture);
    raw_connect_h2(&raws[1], &fixture);
    begin_held(&raws[1]);
    raw_connect_h2(&raws[2], &fixture);
    check_goaway(&raws[0], NGHTTP2_NO_ERROR, "idle, and this user has too many connections");
    CHECK_EQ(cut(&fixture, RPC_CUT_USER_CROWD), 1);
    begin_held(&raws[2]);
    raw_connect_h2(&raws[3], &fixture);
    check_goaway(&raws[3], NGHTTP2_ENHANCE_YOUR_CALM, "this user has too many connections");
    CHECK_EQ(cut(&fixture, RPC_CUT_USER_FULL), 1);
    /* Somebody else, who comes over TCP. */
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    fixture.client = fixture_connect(&fixture, address, NULL);
    check_served(&fixture, fixture.client);
    for (int i = 0; i < 4; i++) {
        raw_close(&raws[i]);
    }
    fixture_fini(&fixture);
}

TEST(addresses_are_users_of_their_own)
{
    struct fixture fixture;
    struct raw raws[3];
    uint16_t port;
    struct rpc_server_opts opts = {.max_user_connections = 1};
    fixture_init(&fixture, &opts);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    for (int i = 0; i < 2; i++) {
        raw_connect_tcp(&raws[i], &fixture, port, i == 0 ? "127.0.0.1" : "127.0.0.2");
        raw_begin_h2(&raws[i]);
        begin_held(&raws[i]);
    }
    raw_connect_tcp(&raws[2], &fixture, port, "127.0.0.2");
    raw_begin_h2(&raws[2]);
    check_goaway(&raws[2], NGHTTP2_ENHANCE_YOUR_CALM, "this user has too many connections");
    CHECK(!raws[0].eof && !raws[1].eof);
    check_served(&fixture, fixture.client);
    for (int i = 0; i < 3; i++) {
        raw_close(&raws[i]);
    }
    fixture_fini(&fixture);
}

TEST(full_server_says_so)
{
    struct fixture fixture;
    struct raw raws[3];
    struct rpc_server_opts opts = {.max_connections = 2, .max_user_connections = 9};
    fixture_init_server(&fixture, &opts);
    for (int i = 0; i < 2; i++) {
        raw_connect_h2(&raws[i], &fixture);
        begin_held(&raws[i]);
    }
    raw_connect_h2(&raws[2], &fixture);
    check_goaway(&raws[2], NGHTTP2_ENHANCE_YOUR_CALM, "too many connections");
    CHECK_EQ(cut(&fixture, RPC_CUT_FULL), 1);
    for (int i = 0; i < 3; i++) {
        raw_close(&raws[i]);
    }
    fixture_fini(&fixture);
}

TEST(calls_of_one_user_are_bounded_over_all_its_connections)
{
    struct fixture fixture;
    struct outcome outcomes[3] = {{0}};
    uint16_t port;
    char address[32];
    struct rpc_server_opts opts = {.max_user_calls = 2};
    fixture_init(&fixture, &opts);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
    struct rpc_client *second = fixture_connect(&fixture, fixture.address, NULL);
    struct rpc_client *stranger = fixture_connect(&fixture, address, NULL);
    begin_get(fixture.client, HELD, 0, &outcomes[0]);
    begin_get(second, HELD, 0, &outcomes[1]);
    RUN_UNTIL(&fixture, fixture.held_count == 2);
    begin_get(second, NOW, 0, &outcomes[2]);
    RUN_UNTIL(&fixture, outcomes[2].done);
    CHECK_EQ(outcomes[2].status, WIRE_RESOURCE_EXHAUSTED);
    CHECK_STR(outcomes[2].text,
              "this user has 2 calls open, as many as one may have; let some end first");
    CHECK_EQ(cut(&fixture, RPC_CUT_USER_CALLS), 1);
    check_served(&fixture, stranger);
    rpc_call_finish(fixture.held[0], WIRE_OK, NULL);
    RUN_UNTIL(&fixture, outcomes[0].done || outcomes[1].done);
    check_served(&fixture, second);
    rpc_client_close(second);
    rpc_client_close(stranger);
    fixture_fini(&fixture);
}

/* A call whose client is gone counts until its handler is done with it, even beyond the server. */
TEST(calls_without_a_client_count_until_they_are_answered)
{
    struct fixture fixture;
    struct raw raw;
    struct outcome outcome = {0};
    struct raw_body body = {(const uint8_t[]){0, 0, 0, 0, 2, 0x08, HUSK}, 7, 0, 0};
    struct rpc_server_opts opts = {.max_user_calls = 1};
    fixture_init(&fixture, &opts);
    raw_connect_h2(&raw, &fixture);
    (void)raw_request(&raw, get_headers, &body);
    RUN_UNTIL(&fixture, fixture.held_count == 1);
    raw_close(&raw);
    begin_get(fixture.client, NOW, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_RESOURCE_EXHAUSTED);
    fixture_fini(&fixture);
    rpc_call_finish(fixture.held[0], WIRE_OK, NULL);
}

/* One that goes on sending, on TCP, where a reset would take from it what it was told. */
TEST(peer_that_is_still_sending_reads_why_it_was_cut_off)
{
    static uint8_t frames[60000 * 14];
    static const uint8_t priority[14] = {0, 0, 5, NGHTTP2_PRIORITY, 0, 0, 0, 0, 1, 0, 0, 0, 3, 1};
    struct fixture fixture;
    struct raw raw;
    uint16_t port;
    fixture_init_server(&fixture, NULL);
    CHECK_EQ(rpc_server_listen_tcp(fixture.server, "127.0.0.1:0", &port), 0);
    raw_connect_tcp(&raw, &fixture, port, "127.0.0.1");
    raw_begin_h2(&raw);
    for (size_t i = 0; i < sizeof frames; i++) {
        frames[i] = priority[i % sizeof priority];
    }
    raw_write(&raw, frames, sizeof frames);
    check_goaway(&raw, NGHTTP2_ENHANCE_YOUR_CALM, "too many frames without work");
    CHECK_EQ(raw.out_size, 0); /* all of it was taken */
    raw_close(&raw);
    fixture_fini(&fixture);
}

enum { MANY = 66 };

/* Its read side is not ended: it would wait for ever. */
static bool is_closed(const struct raw *raw)
{
    return send(raw->fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN;
}

TEST(peers_that_stay_after_that_are_not_waited_for)
{
    static struct raw raws[MANY];
    static uint8_t nothing[65536];
    struct fixture fixture;
    size_t sent = 0;
    fixture_init_server(&fixture, NULL);
    for (int i = 0; i < MANY; i++) {
        raw_connect_h2(&raws[i], &fixture);
        raw_write(&raws[i], "\xff\xff\xff\0\0\0\0\0\1", 9);
        RUN_UNTIL(&fixture, raws[i].eof);
        CHECK_EQ(raws[i].goaway_error, NGHTTP2_FRAME_SIZE_ERROR);
    }
    CHECK(is_closed(&raws[0]) && is_closed(&raws[1]));
    CHECK(!is_closed(&raws[2]));
    /* One that sends and sends. */
    for (;;) {
        ssize_t took = send(raws[MANY - 1].fd, nothing, sizeof nothing, MSG_NOSIGNAL);
        if (took < 0 && errno != EAGAIN) {
            break;
        }
        sent += took > 0 ? (size_t)took : 0;
        (void)uv_run(&fixture.loop, UV_RUN_NOWAIT);
    }
    CHECK_INT(sent, <, 8 << 20);
    for (int i = 0; i < MANY; i++) {
        raw_close(&raws[i]);
    }
    fixture_fini(&fixture);
}
