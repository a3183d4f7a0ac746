/* SPDX-License-Identifier: MIT */
/* Messages from JSON: what json.h writes comes back, and nothing else is taken. */
#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "client/json_read.h"
#include "gor/v1/store.pb-c.h"
#include "tests/test.h"

static void check_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        CHECK_STR(text, part);
    }
}

static int read_text(const char *text, char *why, ProtobufCMessage **out)
{
    json_t *value = json_loads(text, JSON_ALLOW_NUL, NULL);
    CHECK(value != NULL);
    int rc = gorctl_json_read(value, &gor__v1__import_request__descriptor, why, out);
    json_decref(value);
    return rc;
}

/* Read it, write it, and look for `part` in that. */
static void comes_back(const char *text, const char *part)
{
    char why[GORCTL_JSON_WHY] = "";
    ProtobufCMessage *message;
    CHECK_EQ(read_text(text, why, &message), 0);
    json_t *value = gorctl_json_message(message);
    char *written = json_dumps(value, JSON_COMPACT);
    check_contains(written, part);
    free(written);
    json_decref(value);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void refused(const char *text, const char *part)
{
    char why[GORCTL_JSON_WHY] = "";
    ProtobufCMessage *message;
    CHECK(read_text(text, why, &message) < 0);
    check_contains(why, part);
}

TEST(json_read_takes_every_type)
{
    comes_back("{\"job\":{\"id\":7,\"state\":\"TERMINATED\",\"has_result\":true}}",
               "\"state\":\"TERMINATED\"");
    comes_back("{\"job\":{\"id\":\"18446744073709551615\"}}", "\"id\":\"18446744073709551615\"");
    comes_back("{\"job\":{\"exit_code\":-3,\"created_ns\":-9000000000}}",
               "\"created_ns\":-9000000000");
    comes_back("{\"job\":{\"spec\":{\"labels\":{\"a\":\"b\",\"c\":\"\"},\"tokens\":{\"p\":2}}}}",
               "\"labels\":{\"a\":\"b\",\"c\":\"\"}");
    comes_back("{\"job\":{\"spec\":{\"exec\":{\"argv\":[\"x\",{\"base64\":\"/w==\"}]}}}}",
               "\"argv\":[\"x\",{\"base64\":\"/w==\"}]");
    comes_back("{\"job\":{\"spec\":{\"after\":[{\"of\":[{\"id\":1}]},{\"of\":[]}]}}}",
               "\"after\":[{\"of\":[{\"id\":1,\"condition\":\"OK\",\"line\":0}]},{\"of\":[]}]");
    comes_back("{\"output\":{\"data\":\"a\\u0000b\"}}", "\"data\":\"a\\u0000b\"");
    comes_back("{\"job\":null,\"events\":[]}", "\"job\":null");
}

TEST(json_read_refuses_what_is_none)
{
    refused("[]", "not an object");
    refused("{\"job\":{\"idd\":1}}", "no member \"idd\"");
    refused("{\"job\":{\"id\":-1}}", "\"id\" must be a whole number");
    refused("{\"job\":{\"id\":1.5}}", "\"id\" must be a whole number");
    refused("{\"job\":{\"id\":\"18446744073709551616\"}}", "\"id\" must be a whole number");
    refused("{\"job\":{\"exit_code\":2147483648}}", "\"exit_code\" must be");
    refused("{\"job\":{\"uid\":4294967296}}", "\"uid\" must be");
    refused("{\"job\":{\"state\":5}}", "\"state\" has a value");
    refused("{\"job\":{\"has_result\":1}}", "true or false");
    refused("{\"job\":{\"detail\":\"a\\u0000b\"}}", "without NUL");
    refused("{\"job\":{\"result\":{\"base64\":\"?\"}}}", "\"result\" must be a string");
    refused("{\"job\":{\"spec\":{\"labels\":[]}}}", "\"labels\" must be an object");
    refused("{\"job\":{\"spec\":{\"after\":{}}}}", "\"after\" must be a list");
    refused("{\"job\":{\"spec\":{\"after\":[{\"of\":[{\"id\":1},{\"id\":true}]}]}}}",
            "\"id\" must");
    refused("{\"job\":{\"spec\":{\"exec\":{},\"native\":{}}}}", "exclude each other");
}
