/* SPDX-License-Identifier: MIT */
/* Messages as JSON: names, bytes, enums, maps, numbers. */
#include <errno.h>
#include <stdlib.h>

#include "client/base64.h"
#include "client/json.h"
#include "gor/v1/jobs.pb-c.h"
#include "tests/test.h"

static void check_json(const ProtobufCMessage *message, const char *expected)
{
    json_t *value = gorctl_json_message(message);
    char *text = json_dumps(value, JSON_COMPACT);
    CHECK_STR(text, expected);
    free(text);
    json_decref(value);
}

TEST(json_message_has_every_field_in_the_contract_s_order)
{
    Gor__V1__SubmitReply reply = GOR__V1__SUBMIT_REPLY__INIT;
    check_json(&reply.base,
               "{\"id\":0,\"durability\":null,\"existing\":false,\"would\":null,\"tasks\":0}");
    reply.id = 12;
    reply.durability = GOR__V1__DURABILITY__SYNC;
    check_json(&reply.base,
               "{\"id\":12,\"durability\":\"SYNC\",\"existing\":false,\"would\":null,\"tasks\":0}");
}

TEST(json_message_names_enums_and_keeps_unknown_numbers)
{
    Gor__V1__CancelResult result = GOR__V1__CANCEL_RESULT__INIT;
    result.id = 3;
    result.status = (Gor__V1__CancelResult__Status)77;
    check_json(&result.base, "{\"id\":3,\"status\":77}");
    result.status = GOR__V1__CANCEL_RESULT__STATUS__ENDED_ALREADY;
    check_json(&result.base, "{\"id\":3,\"status\":\"ENDED_ALREADY\"}");
}

TEST(json_message_writes_numbers_beyond_signed_as_text)
{
    Gor__V1__ResumeReply reply = GOR__V1__RESUME_REPLY__INIT;
    reply.queued = INT64_MAX;
    check_json(&reply.base, "{\"queued\":9223372036854775807}");
    reply.queued = UINT64_MAX;
    check_json(&reply.base, "{\"queued\":\"18446744073709551615\"}");
}

TEST(json_message_shows_oneof_bytes_and_maps)
{
    Gor__V1__JobSpec__LabelsEntry entry = GOR__V1__JOB_SPEC__LABELS_ENTRY__INIT;
    Gor__V1__JobSpec__LabelsEntry *entries[] = {&entry};
    Gor__V1__ExecSpec exec = GOR__V1__EXEC_SPEC__INIT;
    ProtobufCBinaryData argv[] = {{2, (uint8_t *)"ls"}, {1, (uint8_t *)"\xff"}};
    Gor__V1__JobSpec spec = GOR__V1__JOB_SPEC__INIT;
    entry.key = (char *)"of";
    entry.value = (char *)"\"demo\"";
    exec.argv = argv;
    exec.n_argv = 2;
    spec.kind_case = GOR__V1__JOB_SPEC__KIND_EXEC;
    spec.exec = &exec;
    spec.labels = entries;
    spec.n_labels = 1;
    check_json(
        &spec.base,
        "{\"exec\":{\"argv\":[\"ls\",{\"base64\":\"/w==\"}],\"env\":[],\"cwd\":\"\","
        "\"umask_plus_1\":0,\"rlimits\":[],\"limits\":null,\"stdin_path\":\"\",\"stdin_"
        "pipe\":false,\"stop_signals\":[],"
        "\"timeout_skips_pauses\":false,\"new_privs\":\"NEW_PRIVS_DEFAULT\",\"nice\":0,\"io_"
        "class\":\"IO_CLASS_DEFAULT\",\"io_level\":0},\"name\":\"\","
        "\"timeout_ns\":0,\"grace_ns\":0,"
        "\"parent_id\":0,"
        "\"labels\":{\"of\":\"\\\"demo\\\"\"},"
        "\"queue\":\"\",\"priority\":0,\"slots\":0,\"tokens\":{},\"array\":null,\"task\":null,"
        "\"held\":false,\"not_before_ns\":0,\"delay_ns\":0,"
        "\"zone\":\"\",\"start_before_ns\":0,\"after\":[],\"rerun_of\":0,\"retry\":null,"
        "\"unique_key\":\"\",\"on_conflict\":\"SKIP\",\"deadline_ns\":0,\"output_max_bytes\":0,"
        "\"cron\":null,"
        "\"on_finish\":[],\"hook_of\":null,\"on_finish_url\":\"\",\"on_stop\":\"ON_STOP_DEFAULT\","
        "\"heartbeat_ns\":0,\"on_"
        "stuck\":\"ON_STUCK_REPORT\",\"rates\":{},\"share\":"
        "\"\"}");
}

TEST(json_message_shows_an_absent_message_as_null)
{
    Gor__V1__GetReply reply = GOR__V1__GET_REPLY__INIT;
    check_json(&reply.base, "{\"job\":null,\"events\":[]}");
}

TEST(json_names_conditions)
{
    Gor__V1__Dependency of = GOR__V1__DEPENDENCY__INIT;
    of.id = 7;
    of.condition = GOR__V1__DEPENDENCY__CONDITION__CORR;
    check_json(&of.base, "{\"id\":7,\"condition\":\"CORR\",\"line\":0}");
}

TEST(json_of_a_repeated_enum)
{
    Gor__V1__JobState states[] = {GOR__V1__JOB_STATE__RUNNING, GOR__V1__JOB_STATE__WAITING};
    Gor__V1__ListRequest request = GOR__V1__LIST_REQUEST__INIT;
    request.states = states;
    request.n_states = 2;
    request.without_env = 1;
    json_t *value = gorctl_json_message(&request.base);
    char *text = json_dumps(json_object_get(value, "states"), JSON_COMPACT);
    CHECK_STR(text, "[\"RUNNING\",\"WAITING\"]");
    CHECK(json_is_true(json_object_get(value, "without_env")));
    free(text);
    json_decref(value);
}

/* Every byte string there is in one and two bytes, there and back. */
TEST(json_bytes_are_lossless)
{
    for (unsigned pair = 0; pair < 65536 + 256; pair++) {
        uint8_t bytes[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        size_t length = pair < 65536 ? 2 : 1;
        if (length == 1) {
            bytes[0] = (uint8_t)(pair - 65536);
        }
        json_t *value = gorctl_json_bytes(bytes, length);
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        json_decref(value);
        value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        CHECK(value != NULL);
        ProtobufCBinaryData back;
        CHECK_EQ(gorctl_json_to_bytes(value, &back), 0);
        CHECK_EQ(back.len, length);
        CHECK(memcmp(back.data, bytes, length) == 0);
        free(back.data);
        json_decref(value);
        free(text);
    }
}

TEST(json_to_bytes_refuses_other_values)
{
    static const char *const bad[] = {"7",
                                      "null",
                                      "{}",
                                      "[]",
                                      "{\"base64\": 7}",
                                      "{\"base64\": \"?\"}",
                                      "{\"base64\": \"YQ==\", \"x\": 1}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *value = json_loads(bad[i], JSON_DECODE_ANY, NULL);
        ProtobufCBinaryData bytes;
        CHECK_EQ(gorctl_json_to_bytes(value, &bytes), -EINVAL);
        json_decref(value);
    }
}

TEST(base64_encode_pads)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {{"", ""},
                 {"f", "Zg=="},
                 {"fo", "Zm8="},
                 {"foo", "Zm9v"},
                 {"foob", "Zm9vYg=="},
                 {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"},
                 {"\xff\xef\xbe", "/+++"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = gorctl_base64_encode(cases[i].bytes, strlen(cases[i].bytes));
        CHECK_STR(text, cases[i].text);
        free(text);
    }
}
