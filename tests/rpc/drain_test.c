/* SPDX-License-Identifier: MIT */
/* drain_test.c - the gentle end of a server. */
#include "grpc/health/v1/health.pb-c.h"
#include "tests/rpc/fixture.h"

static void on_drained(struct rpc_server *server, void *user)
{
    struct fixture *fixture = user;
    (void)server;
    CHECK(!fixture->drained);
    fixture->drained = true;
}

static void drain(struct fixture *fixture, int64_t timeout_ns)
{
    rpc_server_drain(fixture->server, timeout_ns, on_drained, fixture);
    CHECK(!fixture->drained);
}

TEST(drain_of_an_idle_server_ends_soon)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    CHECK_EQ(rpc_client_wait_ready(fixture.client), 0);
    drain(&fixture, 60 * SECOND);
    RUN_UNTIL(&fixture, fixture.drained);
    CHECK(access(fixture.path, F_OK) != 0);
    fixture_fini(&fixture);
}

TEST(drain_without_clients_ends_soon)
{
    struct fixture fixture;
    fixture_init_server(&fixture, NULL);
    drain(&fixture, 60 * SECOND);
    RUN_UNTIL(&fixture, fixture.drained);
    fixture_fini(&fixture);
}

TEST(drain_lets_running_calls_finish)
{
    struct fixture fixture;
    struct outcome stream = {0};
    struct outcome unary = {0};
    Gor__V1__GetReply reply = GOR__V1__GET_REPLY__INIT;
    fixture_init(&fixture, NULL);
    begin_logs(fixture.client, 3000, 10000, 0, &stream);
    begin_get(fixture.client, HELD, 0, &unary);
    RUN_UNTIL(&fixture, stream.messages > 0 && fixture.held_count == 1);
    drain(&fixture, 60 * SECOND);
    RUN_UNTIL(&fixture, stream.done);
    CHECK_EQ(stream.status, WIRE_OK);
    CHECK_EQ(stream.messages, 3000);
    CHECK(!fixture.drained);
    rpc_call_reply(fixture.held[0], &reply.base);
    RUN_UNTIL(&fixture, unary.done && fixture.drained);
    CHECK_EQ(unary.status, WIRE_OK);
    fixture_fini(&fixture);
}

TEST(calls_after_the_notice_are_told_to_try_elsewhere)
{
    struct fixture fixture;
    struct outcome held = {0};
    struct outcome late = {0};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HELD, 0, &held);
    RUN_UNTIL(&fixture, fixture.held_count == 1);
    drain(&fixture, 60 * SECOND);
    RUN_UNTIL(&fixture, access(fixture.path, F_OK) != 0);
    begin_get(fixture.client, NOW, 0, &late);
    RUN_UNTIL(&fixture, late.done);
    CHECK_EQ(late.status, WIRE_UNAVAILABLE);
    CHECK(!held.done);
    rpc_call_finish(fixture.held[0], WIRE_ABORTED, NULL);
    RUN_UNTIL(&fixture, held.done && fixture.drained);
    CHECK_EQ(held.status, WIRE_ABORTED);
    fixture_fini(&fixture);
}

TEST(drain_is_bounded_by_its_timeout)
{
    struct fixture fixture;
    struct outcome held = {0};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HELD, 0, &held);
    RUN_UNTIL(&fixture, fixture.held_count == 1);
    drain(&fixture, 50 * MILLISECOND);
    RUN_UNTIL(&fixture, fixture.drained);
    CHECK_EQ(fixture.ended, 1);
    CHECK_EQ(fixture.why, WIRE_UNAVAILABLE);
    RUN_UNTIL(&fixture, held.done);
    CHECK_EQ(held.status, WIRE_UNAVAILABLE);
    fixture_fini(&fixture);
}

TEST(drain_ends_health_watches)
{
    struct fixture fixture;
    struct outcome watch = {0};
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    fixture_init(&fixture, NULL);
    begin_call(fixture.client, "/grpc.health.v1.Health/Watch", &request.base, 0, &watch);
    RUN_UNTIL(&fixture, watch.messages == 1);
    drain(&fixture, 60 * SECOND);
    RUN_UNTIL(&fixture, watch.done && fixture.drained);
    CHECK_EQ(watch.messages, 2); /* NOT_SERVING, then the end */
    CHECK_EQ(watch.status, WIRE_UNAVAILABLE);
    fixture_fini(&fixture);
}

TEST(server_may_be_freed_in_the_middle_of_a_drain)
{
    struct fixture fixture;
    struct outcome held = {0};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HELD, 0, &held);
    RUN_UNTIL(&fixture, fixture.held_count == 1);
    drain(&fixture, 60 * SECOND);
    rpc_server_free(fixture.server);
    CHECK_EQ(fixture.ended, 1);
    fixture.server = NULL;
    RUN_UNTIL(&fixture, held.done);
    CHECK(!fixture.drained);
    fixture_fini(&fixture);
}
