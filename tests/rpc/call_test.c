/* SPDX-License-Identifier: MIT */
/* call_test.c - unary calls end to end: answers, errors, deadlines, cancellation, lost peers. */
#include "tests/rpc/fixture.h"

static void check_submit(struct fixture *fixture, size_t size)
{
    struct rpc_result result;
    CHECK_EQ(submit(fixture->client, size, &result), WIRE_OK);
    CHECK_EQ(((Gor__V1__SubmitReply *)result.reply)->id, size);
    rpc_result_fini(&result);
}

TEST(unary_call_gets_its_reply)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    check_submit(&fixture, 5);
    check_submit(&fixture, 0);
    fixture_fini(&fixture);
}

TEST(unary_call_larger_than_every_window_passes)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    check_submit(&fixture, 3000000);
    check_submit(&fixture, 4000000);
    fixture_fini(&fixture);
}

TEST(unary_call_without_fields_passes)
{
    struct fixture fixture;
    struct rpc_result result;
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    fixture_init(&fixture, NULL);
    CHECK_EQ(rpc_client_unary(fixture.client, "/gor.v1.Jobs/Get", &request.base,
                              &gor__v1__get_reply__descriptor, 0, &result),
             WIRE_OK);
    rpc_result_fini(&result);
    fixture_fini(&fixture);
}

TEST(oversized_message_is_refused_and_the_connection_stays)
{
    struct fixture fixture;
    struct rpc_result result;
    fixture_init(&fixture, NULL);
    CHECK_EQ(submit(fixture.client, 5 << 20, &result), WIRE_RESOURCE_EXHAUSTED);
    CHECK_EQ(fixture.begun, 0);
    check_submit(&fixture, 7);
    fixture_fini(&fixture);
}

TEST(error_text_arrives_unharmed)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, REFUSED, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_NOT_FOUND);
    CHECK_STR(outcome.text, "no job 2: 100% söme text\nwith a line");
    CHECK_EQ(outcome.messages, 0);
    fixture_fini(&fixture);
}

static void check_unimplemented(struct fixture *fixture, const char *path, const char *text)
{
    struct outcome outcome = {0};
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    begin_call(fixture->client, path, &request.base, 0, &outcome);
    RUN_UNTIL(fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNIMPLEMENTED);
    CHECK_STR(outcome.text, text);
}

TEST(unknown_methods_and_services_are_unimplemented)
{
    struct fixture fixture;
    char longest[400];
    fixture_init(&fixture, NULL);
    check_unimplemented(&fixture, "/gor.v1.Jobs/Nosuch", "unknown method: /gor.v1.Jobs/Nosuch");
    check_unimplemented(&fixture, "/gor.v1.jobs/Get", "unknown service: /gor.v1.jobs/Get");
    check_unimplemented(&fixture, "/", "unknown service: /");
    memset(longest, '/', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    struct outcome outcome = {0};
    begin_call(fixture.client, longest, NULL, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNIMPLEMENTED);
    fixture_fini(&fixture);
}

TEST(request_without_message_is_unimplemented)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_call(fixture.client, "/gor.v1.Jobs/Get", NULL, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNIMPLEMENTED);
    CHECK_EQ(fixture.begun, 0);
    fixture_fini(&fixture);
}

TEST(request_with_two_messages_is_unimplemented)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    struct rpc_client_call_opts opts = {
        .path = "/gor.v1.Jobs/Get",
        .request = &request.base,
        .keep_open = true,
        .handlers = &outcome_handlers,
        .user = &outcome,
    };
    fixture_init(&fixture, NULL);
    CHECK_EQ(rpc_client_call(fixture.client, &opts, &outcome.call), 0);
    CHECK_EQ(rpc_client_send(outcome.call, &request.base), 0);
    rpc_client_half_close(outcome.call);
    CHECK_EQ(rpc_client_send(outcome.call, &request.base), -EPIPE);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNIMPLEMENTED);
    CHECK_EQ(fixture.begun, 0);
    fixture_fini(&fixture);
}

TEST(text_that_is_not_utf8_is_an_invalid_argument)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    Gor__V1__SubmitRequest request = GOR__V1__SUBMIT_REQUEST__INIT;
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    spec.name = "\xff\xfe";
    request.spec = &spec;
    fixture_init(&fixture, NULL);
    begin_call(fixture.client, "/gor.v1.Jobs/Submit", &request.base, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_INVALID_ARGUMENT);
    CHECK_EQ(fixture.begun, 0);
    fixture_fini(&fixture);
}

TEST(a_thousand_calls_at_once_are_all_answered)
{
    static struct outcome outcomes[1000];
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    memset(outcomes, 0, sizeof outcomes);
    for (int i = 0; i < 1000; i++) {
        begin_get(fixture.client, HELD, 0, &outcomes[i]);
    }
    RUN_UNTIL(&fixture, fixture.held_count == 1000);
    struct rpc_server_stats stats;
    rpc_server_stats_get(fixture.server, &stats);
    CHECK_EQ(stats.calls_open, 1000);
    Gor__V1__GetReply reply = GOR__V1__GET_REPLY__INIT;
    for (int i = 0; i < 1000; i++) {
        rpc_call_reply(fixture.held[i], &reply.base);
    }
    for (int i = 0; i < 1000; i++) {
        RUN_UNTIL(&fixture, outcomes[i].done);
        CHECK_EQ(outcomes[i].status, WIRE_OK);
        CHECK_EQ(outcomes[i].messages, 1);
    }
    rpc_server_stats_get(fixture.server, &stats);
    CHECK_EQ(stats.calls_open, 0);
    CHECK_EQ(stats.calls, 1000);
    CHECK_EQ(stats.calls_failed, 0);
    fixture_fini(&fixture);
}

TEST(calls_beyond_the_stream_limit_wait_their_turn)
{
    static struct outcome outcomes[50];
    struct fixture fixture;
    struct rpc_server_opts opts = {.max_streams = 4};
    fixture_init(&fixture, &opts);
    CHECK_EQ(rpc_client_wait_ready(fixture.client), 0);
    memset(outcomes, 0, sizeof outcomes);
    for (int i = 0; i < 50; i++) {
        begin_get(fixture.client, NOW, 0, &outcomes[i]);
    }
    for (int i = 0; i < 50; i++) {
        RUN_UNTIL(&fixture, outcomes[i].done);
        CHECK_EQ(outcomes[i].status, WIRE_OK);
    }
    fixture_fini(&fixture);
}

TEST(cancel_reaches_the_handler_and_many_do_not_stall_the_connection)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    for (int i = 1; i <= 400; i++) {
        struct outcome outcome = {0};
        begin_get(fixture.client, HELD, 0, &outcome);
        RUN_UNTIL(&fixture, fixture.held_count == 1);
        rpc_client_cancel(outcome.call);
        CHECK(outcome.done);
        CHECK_EQ(outcome.status, WIRE_CANCELLED);
        RUN_UNTIL(&fixture, fixture.ended == i);
        CHECK_EQ(fixture.why, WIRE_CANCELLED);
        CHECK_EQ(fixture.held_count, 0);
    }
    check_submit(&fixture, 3);
    fixture_fini(&fixture);
}

TEST(call_cancelled_before_it_left_never_arrives)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HELD, 0, &outcome);
    rpc_client_cancel(outcome.call);
    CHECK_EQ(outcome.status, WIRE_CANCELLED);
    check_submit(&fixture, 1);
    CHECK_EQ(fixture.held_count, 0);
    fixture_fini(&fixture);
}

TEST(deadline_ends_the_call_on_both_sides)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HELD, 30 * MILLISECOND, &outcome);
    RUN_UNTIL(&fixture, fixture.held_count == 1);
    CHECK_INT(rpc_call_deadline(fixture.held[0]), <, INT64_MAX);
    RUN_UNTIL(&fixture, outcome.done && fixture.ended == 1);
    CHECK_EQ(outcome.status, WIRE_DEADLINE_EXCEEDED);
    CHECK(fixture.why == WIRE_DEADLINE_EXCEEDED || fixture.why == WIRE_CANCELLED);
    CHECK_EQ(fixture.held_count, 0);
    check_submit(&fixture, 1);
    fixture_fini(&fixture);
}

TEST(late_answer_without_on_end_goes_nowhere)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    Gor__V1__GetReply reply = GOR__V1__GET_REPLY__INIT;
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HUSK, 0, &outcome);
    RUN_UNTIL(&fixture, fixture.held_count == 1);
    rpc_client_cancel(outcome.call);
    RUN_UNTIL(&fixture, rpc_call_is_over(fixture.held[0]));
    CHECK(rpc_call_peer(fixture.held[0])->local);
    CHECK_EQ(rpc_call_send(fixture.held[0], &reply.base), -EPIPE);
    rpc_call_reply(fixture.held[0], &reply.base);
    struct rpc_server_stats stats;
    rpc_server_stats_get(fixture.server, &stats);
    CHECK_EQ(stats.calls_open, 0);
    fixture_fini(&fixture);
}

TEST(late_answer_after_the_server_is_freed_is_safe)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HUSK, 0, &outcome);
    RUN_UNTIL(&fixture, fixture.held_count == 1);
    rpc_server_free(fixture.server);
    fixture.server = NULL;
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNAVAILABLE);
    CHECK(rpc_call_is_over(fixture.held[0]));
    rpc_call_finish(fixture.held[0], WIRE_OK, NULL);
    fixture_fini(&fixture);
}

TEST(lost_client_ends_its_calls)
{
    struct fixture fixture;
    struct outcome outcomes[2] = {{0}, {0}};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HELD, 0, &outcomes[0]);
    begin_get(fixture.client, HUSK, 0, &outcomes[1]);
    RUN_UNTIL(&fixture, fixture.held_count == 2);
    rpc_client_close(fixture.client);
    CHECK(outcomes[0].done && outcomes[1].done);
    CHECK_EQ(outcomes[0].status, WIRE_CANCELLED);
    fixture.client = NULL;
    RUN_UNTIL(&fixture, fixture.ended == 1);
    CHECK_EQ(fixture.why, WIRE_UNAVAILABLE);
    CHECK_EQ(fixture.held_count, 1);
    rpc_call_finish(fixture.held[0], WIRE_OK, NULL);
    fixture_fini(&fixture);
}

TEST(lost_server_ends_the_calls_with_a_reason)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    begin_get(fixture.client, HELD, 0, &outcome);
    RUN_UNTIL(&fixture, fixture.held_count == 1);
    rpc_server_free(fixture.server);
    fixture.server = NULL;
    CHECK_EQ(fixture.ended, 1);
    CHECK_EQ(fixture.why, WIRE_UNAVAILABLE);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNAVAILABLE);
    CHECK(strstr(outcome.text, fixture.path) != NULL);
    struct outcome late = {0};
    begin_get(fixture.client, NOW, 0, &late);
    RUN_UNTIL(&fixture, late.done);
    CHECK_EQ(late.status, WIRE_UNAVAILABLE);
    fixture_fini(&fixture);
}

TEST(no_server_is_told_with_address_and_reason)
{
    struct fixture fixture;
    struct outcome outcome = {0};
    fixture_init(&fixture, NULL);
    struct rpc_client *client = fixture_connect(&fixture, "/nonexistent/gord.sock", NULL);
    begin_get(client, NOW, 0, &outcome);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_UNAVAILABLE);
    CHECK_STR(outcome.text, "cannot connect to /nonexistent/gord.sock: No such file or directory");
    CHECK_EQ(rpc_client_wait_ready(client), -ENOENT);
    rpc_client_close(client);
    fixture_fini(&fixture);
}

static enum wire_status authorize(void *user, struct rpc_peer *peer, const char *path,
                                  const char *bearer, char out_text[256])
{
    (void)user;
    (void)path;
    if (peer->local && peer->uid == getuid() && peer->pid == getpid() && bearer != NULL &&
        strcmp(bearer, "secret") == 0) {
        return WIRE_OK;
    }
    (void)snprintf(out_text, 256, "who are you?");
    return WIRE_UNAUTHENTICATED;
}

TEST(authorize_sees_peer_and_token)
{
    struct fixture fixture;
    struct outcome outcomes[3] = {{0}, {0}, {0}};
    struct rpc_server_opts opts = {.authorize = authorize};
    fixture_init(&fixture, &opts);
    struct rpc_client *right = fixture_connect(&fixture, fixture.address, "secret");
    struct rpc_client *wrong = fixture_connect(&fixture, fixture.address, "sacred");
    begin_get(fixture.client, NOW, 0, &outcomes[0]);
    begin_get(wrong, NOW, 0, &outcomes[1]);
    begin_get(right, NOW, 0, &outcomes[2]);
    RUN_UNTIL(&fixture, outcomes[0].done && outcomes[1].done && outcomes[2].done);
    CHECK_EQ(outcomes[0].status, WIRE_UNAUTHENTICATED);
    CHECK_STR(outcomes[0].text, "who are you?");
    CHECK_EQ(outcomes[1].status, WIRE_UNAUTHENTICATED);
    CHECK_EQ(outcomes[2].status, WIRE_OK);
    rpc_client_close(right);
    rpc_client_close(wrong);
    fixture_fini(&fixture);
}

static void on_end_close(struct rpc_client_call *call, enum wire_status status, const char *text,
                         void *user)
{
    struct fixture *fixture = user;
    (void)call;
    (void)status;
    (void)text;
    rpc_client_close(fixture->client);
    fixture->client = NULL;
}

TEST(client_may_be_closed_from_a_callback)
{
    static const struct rpc_client_handlers handlers = {NULL, on_end_close};
    struct fixture fixture;
    struct outcome outcome = {0};
    Gor__V1__GetRequest request = GOR__V1__GET_REQUEST__INIT;
    fixture_init(&fixture, NULL);
    struct rpc_client_call_opts opts = {.path = "/gor.v1.Jobs/Get",
                                        .request = &request.base,
                                        .handlers = &handlers,
                                        .user = &fixture};
    begin_get(fixture.client, HELD, 0, &outcome);
    CHECK_EQ(rpc_client_call(fixture.client, &opts, NULL), 0);
    RUN_UNTIL(&fixture, fixture.client == NULL);
    CHECK_EQ(outcome.status, WIRE_CANCELLED);
    fixture_fini(&fixture);
}
