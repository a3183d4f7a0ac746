/* SPDX-License-Identifier: MIT */
/* describe_test.c - reflection, health, and the table of symbols under them. */
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "proto/descriptors.h"
#include "rpc/symbols.h"
#include "tests/rpc/fixture.h"

typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

enum { MAX_REPLIES = 16 };

/* The messages of one call, unpacked. */
struct replies {
    const ProtobufCMessageDescriptor *descriptor;
    ProtobufCMessage *list[MAX_REPLIES]; /* owned */
    int count;
    bool done;
    enum wire_status status;
};

static void on_message(struct rpc_client_call *call, const uint8_t *data, size_t size, void *user)
{
    struct replies *replies = user;
    const char *why;
    (void)call;
    CHECK_INT(replies->count, <, MAX_REPLIES);
    CHECK_EQ(wire_decode(replies->descriptor, data, size, &replies->list[replies->count++], &why),
             WIRE_OK);
}

static void on_end(struct rpc_client_call *call, enum wire_status status, const char *text,
                   void *user)
{
    struct replies *replies = user;
    (void)call;
    (void)text;
    replies->done = true;
    replies->status = status;
}

static const struct rpc_client_handlers handlers = {on_message, on_end};

static void free_replies(struct replies *replies)
{
    for (int i = 0; i < replies->count; i++) {
        wire_decoded_free(replies->list[i]);
    }
}

static struct rpc_client_call *begin_reflection(struct fixture *fixture, const char *package,
                                                struct replies *replies)
{
    char path[128];
    struct rpc_client_call *call;
    (void)snprintf(path, sizeof path, "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo",
                   package);
    *replies = (struct replies){.descriptor =
                                    &grpc__reflection__v1__server_reflection_response__descriptor};
    struct rpc_client_call_opts opts = {
        .path = path, .keep_open = true, .handlers = &handlers, .user = replies};
    CHECK_EQ(rpc_client_call(fixture->client, &opts, &call), 0);
    return call;
}

/* Ask while the client's side is open, as stock clients do. */
static const reflection_response *ask(struct fixture *fixture, struct rpc_client_call *call,
                                      struct replies *replies, const reflection_request *request)
{
    int before = replies->count;
    CHECK_EQ(rpc_client_send(call, &request->base), 0);
    RUN_UNTIL(fixture, replies->count > before || replies->done);
    CHECK_EQ(replies->count, before + 1);
    const reflection_response *response = (const void *)replies->list[before];
    CHECK(response->original_request != NULL);
    CHECK_STR(response->valid_host, "the-host");
    CHECK_EQ(response->original_request->message_request_case, request->message_request_case);
    return response;
}

static reflection_request new_request(int kind, const char *text)
{
    reflection_request request = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
    request.host = (char *)"the-host";
    request.message_request_case =
        (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)kind;
    request.list_services = (char *)text; /* all the texts share one place */
    return request;
}

enum { BY_NAME = 3, BY_SYMBOL = 4, BY_EXTENSION = 5, EXTENSIONS = 6, LIST = 7 };

static void check_error(const reflection_response *response, int code)
{
    CHECK_EQ(response->message_response_case,
             GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE);
    CHECK_EQ(response->error_response->error_code, code);
}

static void check_file(const reflection_response *response, const char *name)
{
    CHECK_EQ(
        response->message_response_case,
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE);
    CHECK_EQ(response->file_descriptor_response->n_file_descriptor_proto, 1);
    const ProtobufCBinaryData *file = &response->file_descriptor_response->file_descriptor_proto[0];
    /* A FileDescriptorProto begins with field 1, its name. */
    CHECK_EQ(file->data[0], 0x0a);
    CHECK_EQ(file->data[1], strlen(name));
    CHECK_EQ(memcmp(file->data + 2, name, strlen(name)), 0);
}

static void check_symbol(struct fixture *fixture, struct rpc_client_call *call,
                         struct replies *replies, const char *symbol, const char *file)
{
    reflection_request request = new_request(BY_SYMBOL, symbol);
    const reflection_response *response = ask(fixture, call, replies, &request);
    if (file != NULL) {
        check_file(response, file);
    } else {
        check_error(response, WIRE_NOT_FOUND);
    }
}

static void check_list(const reflection_response *response)
{
    static const char *const expected[] = {"gor.v1.Jobs", "grpc.health.v1.Health",
                                           "grpc.reflection.v1.ServerReflection",
                                           "grpc.reflection.v1alpha.ServerReflection"};
    CHECK_EQ(
        response->message_response_case,
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE);
    CHECK_EQ(response->list_services_response->n_service, 4);
    for (int i = 0; i < 4; i++) {
        CHECK_STR(response->list_services_response->service[i]->name, expected[i]);
    }
}

static void check_reflection(struct fixture *fixture, const char *package)
{
    struct replies replies;
    struct rpc_client_call *call = begin_reflection(fixture, package, &replies);
    reflection_request request = new_request(LIST, "");
    check_list(ask(fixture, call, &replies, &request));
    check_symbol(fixture, call, &replies, "gor.v1.Jobs", "gor/v1/jobs.proto");
    check_symbol(fixture, call, &replies, "gor.v1.Jobs.Submit", "gor/v1/jobs.proto");
    check_symbol(fixture, call, &replies, ".gor.v1.CancelResult.Status", "gor/v1/jobs.proto");
    check_symbol(fixture, call, &replies, "gor.v1.JobState", "gor/v1/jobs.proto");
    check_symbol(fixture, call, &replies, "grpc.health.v1.Health", "grpc/health/v1/health.proto");
    check_symbol(fixture, call, &replies, "gor.v1.Nosuch", NULL);
    check_symbol(fixture, call, &replies, "", NULL);
    request = new_request(BY_NAME, "grpc/health/v1/health.proto");
    check_file(ask(fixture, call, &replies, &request), "grpc/health/v1/health.proto");
    request = new_request(BY_NAME, "nosuch.proto");
    check_error(ask(fixture, call, &replies, &request), WIRE_NOT_FOUND);
    request = new_request(EXTENSIONS, "gor.v1.Nosuch");
    check_error(ask(fixture, call, &replies, &request), WIRE_NOT_FOUND);
    request = new_request(EXTENSIONS, "gor.v1.Job");
    CHECK_EQ(
        ask(fixture, call, &replies, &request)->all_extension_numbers_response->n_extension_number,
        0);
    request = new_request(0, NULL);
    check_error(ask(fixture, call, &replies, &request), WIRE_INVALID_ARGUMENT);
    CHECK(!replies.done);
    rpc_client_half_close(call);
    RUN_UNTIL(fixture, replies.done);
    CHECK_EQ(replies.status, WIRE_OK);
    free_replies(&replies);
}

TEST(reflection_answers_every_kind_of_question_in_both_versions)
{
    struct fixture fixture;
    fixture_init(&fixture, NULL);
    check_reflection(&fixture, "v1");
    check_reflection(&fixture, "v1alpha");
    fixture_fini(&fixture);
}

TEST(reflection_does_not_outrun_a_client_that_does_not_read)
{
    struct fixture fixture;
    struct outcome outcome = {.pause_each = true};
    reflection_request request = new_request(BY_SYMBOL, "gor.v1.Jobs");
    struct rpc_client_call_opts opts = {
        .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        .keep_open = true,
        .handlers = &outcome_handlers,
        .user = &outcome,
    };
    fixture_init(&fixture, NULL);
    CHECK_EQ(rpc_client_call(fixture.client, &opts, &outcome.call), 0);
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(rpc_client_send(outcome.call, &request.base), 0);
    }
    rpc_client_half_close(outcome.call);
    RUN_UNTIL(&fixture, outcome.messages == 1);
    struct rpc_result result;
    CHECK_EQ(submit(fixture.client, 100000, &result), WIRE_OK); /* others pass */
    rpc_result_fini(&result);
    outcome.pause_each = false;
    rpc_client_resume(outcome.call);
    RUN_UNTIL(&fixture, outcome.done);
    CHECK_EQ(outcome.status, WIRE_OK);
    CHECK_EQ(outcome.messages, 500); /* none lost while they waited, and in the end the end */
    fixture_fini(&fixture);
}

static enum wire_status check_health(struct fixture *fixture, const char *service, int *out_status)
{
    struct rpc_result result;
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    request.service = (char *)service;
    enum wire_status status =
        rpc_client_unary(fixture->client, "/grpc.health.v1.Health/Check", &request.base,
                         &grpc__health__v1__health_check_response__descriptor, 0, &result);
    if (status == WIRE_OK) {
        *out_status = (int)((Grpc__Health__V1__HealthCheckResponse *)result.reply)->status;
    }
    rpc_result_fini(&result);
    return status;
}

TEST(health_check_knows_its_services)
{
    struct fixture fixture;
    int status = 0;
    fixture_init(&fixture, NULL);
    CHECK_EQ(check_health(&fixture, "", &status), WIRE_OK);
    CHECK_EQ(status, 1);
    CHECK_EQ(check_health(&fixture, "gor.v1.Jobs", &status), WIRE_OK);
    CHECK_EQ(status, 1);
    CHECK_EQ(check_health(&fixture, "gor.v1.Nosuch", &status), WIRE_NOT_FOUND);
    CHECK_EQ(rpc_health_set(fixture.server, "gor.v1.Jobs", false), 0);
    CHECK_EQ(check_health(&fixture, "gor.v1.Jobs", &status), WIRE_OK);
    CHECK_EQ(status, 2);
    CHECK_EQ(check_health(&fixture, "", &status), WIRE_OK);
    CHECK_EQ(status, 1);
    fixture_fini(&fixture);
}

static int listed_status(const Grpc__Health__V1__HealthListResponse *list, const char *service)
{
    for (size_t i = 0; i < list->n_statuses; i++) {
        if (strcmp(list->statuses[i]->key, service) == 0) {
            return (int)list->statuses[i]->value->status;
        }
    }
    return -1;
}

TEST(health_list_tells_of_all_services)
{
    struct fixture fixture;
    struct rpc_result result;
    Grpc__Health__V1__HealthListRequest request = GRPC__HEALTH__V1__HEALTH_LIST_REQUEST__INIT;
    fixture_init(&fixture, NULL);
    CHECK_EQ(rpc_health_set(fixture.server, "gor.v1.Jobs", false), 0);
    CHECK_EQ(rpc_client_unary(fixture.client, "/grpc.health.v1.Health/List", &request.base,
                              &grpc__health__v1__health_list_response__descriptor, 0, &result),
             WIRE_OK);
    const Grpc__Health__V1__HealthListResponse *list = (const void *)result.reply;
    CHECK_EQ(list->n_statuses, 5); /* the server, Jobs, health, both reflections */
    CHECK_EQ(listed_status(list, ""), 1);
    CHECK_EQ(listed_status(list, "gor.v1.Jobs"), 2);
    CHECK_EQ(listed_status(list, "grpc.health.v1.Health"), 1);
    CHECK_EQ(listed_status(list, "gor.v1.Nosuch"), -1);
    rpc_result_fini(&result);
    fixture_fini(&fixture);
}

static int newest_health(const struct replies *replies)
{
    const ProtobufCMessage *newest = replies->list[replies->count - 1];
    return (int)((const Grpc__Health__V1__HealthCheckResponse *)(const void *)newest)->status;
}

TEST(health_watch_tells_changes_only)
{
    struct fixture fixture;
    struct replies replies = {.descriptor = &grpc__health__v1__health_check_response__descriptor};
    struct rpc_client_call *call;
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct rpc_client_call_opts opts = {.path = "/grpc.health.v1.Health/Watch",
                                        .request = &request.base,
                                        .handlers = &handlers,
                                        .user = &replies};
    request.service = (char *)"later";
    fixture_init(&fixture, NULL);
    CHECK_EQ(rpc_client_call(fixture.client, &opts, &call), 0);
    RUN_UNTIL(&fixture, replies.count == 1);
    CHECK_EQ(newest_health(&replies), 3); /* unknown, and the stream stays */
    CHECK_EQ(rpc_health_set(fixture.server, "later", false), 0);
    CHECK_EQ(rpc_health_set(fixture.server, "later", false), 0);
    CHECK_EQ(rpc_health_set(fixture.server, "other", false), 0);
    RUN_UNTIL(&fixture, replies.count == 2);
    CHECK_EQ(newest_health(&replies), 2);
    CHECK_EQ(rpc_health_set(fixture.server, "later", true), 0);
    RUN_UNTIL(&fixture, replies.count == 3);
    CHECK_EQ(newest_health(&replies), 1);
    CHECK(!replies.done);
    rpc_client_cancel(call);
    CHECK_EQ(rpc_health_set(fixture.server, "later", false), 0);
    free_replies(&replies);
    fixture_fini(&fixture);
}

TEST(methods_must_match_the_descriptors)
{
    struct rpc_method method = fixture_methods[0];
    struct fixture fixture;
    fixture_init_server(&fixture, NULL);
    method.path = "/gor.v1.Jobs/Nosuch";
    CHECK_EQ(rpc_server_add(fixture.server, &method, 1, NULL), -EINVAL);
    method.path = "/gor.v1.Jobs/Watch"; /* a stream, not unary */
    CHECK_EQ(rpc_server_add(fixture.server, &method, 1, NULL), -EINVAL);
    method.path = "/gor.v1.Job/x";
    CHECK_EQ(rpc_server_add(fixture.server, &method, 1, NULL), -EINVAL);
    method.path = "nonsense";
    CHECK_EQ(rpc_server_add(fixture.server, &method, 1, NULL), -EINVAL);
    method.path = "/gor.v1.Jobs/Cancel";
    CHECK_EQ(rpc_server_add(fixture.server, &method, 1, NULL), 0);
    fixture_fini(&fixture);
}

TEST(symbols_refuse_a_damaged_set)
{
    struct rpc_symbols symbols;
    const uint8_t *set = wire_descriptors_begin;
    size_t size = (size_t)(wire_descriptors_end - wire_descriptors_begin);
    CHECK_EQ(rpc_symbols_init(&symbols, set, size), 0);
    CHECK_EQ(symbols.file_count, 10);
    rpc_symbols_fini(&symbols);
    for (size_t cut = 1; cut < size; cut += 1 + size / 500) {
        if (rpc_symbols_init(&symbols, set, cut) == 0) {
            rpc_symbols_fini(&symbols); /* cut between two files */
        }
    }
    CHECK_EQ(rpc_symbols_init(&symbols, set, size - 1), -EBADMSG);
    CHECK_EQ(rpc_symbols_init(&symbols, set, 0), 0);
    CHECK(rpc_symbols_find(&symbols, "x") == NULL);
    CHECK(rpc_symbols_file(&symbols, "x") == NULL);
    rpc_symbols_fini(&symbols);
}
