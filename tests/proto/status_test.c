/* SPDX-License-Identifier: MIT */
/* status_test.c - gRPC status codes and what maps to them. */
#include <errno.h>

#include "proto/status.h"
#include "tests/test.h"

TEST(status_names_are_the_specification_s)
{
    CHECK_STR(wire_status_name(WIRE_OK), "OK");
    CHECK_STR(wire_status_name(WIRE_NOT_FOUND), "NOT_FOUND");
    CHECK_STR(wire_status_name(WIRE_UNAUTHENTICATED), "UNAUTHENTICATED");
    CHECK_STR(wire_status_name((enum wire_status)17), "UNKNOWN");
    CHECK_STR(wire_status_name((enum wire_status) - 1), "UNKNOWN");
}

TEST(status_parse_takes_decimal_without_zeros)
{
    static const struct {
        const char *text;
        int expected; /* -1: no number */
    } cases[] = {
        {"0", 0},   {"5", 5},   {"16", 16}, {"17", 2},  {"99999999999", 2}, {"", -1},
        {"00", -1}, {"05", -1}, {"-1", -1}, {"1 ", -1}, {"x", -1},          {"4294967301", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum wire_status status = WIRE_DATA_LOSS;
        bool valid = wire_status_parse(cases[i].text, strlen(cases[i].text), &status);
        CHECK_EQ(valid, cases[i].expected >= 0);
        CHECK_EQ(status, valid ? cases[i].expected : WIRE_DATA_LOSS);
    }
}

TEST(status_of_errno_never_blames_the_server_for_the_caller)
{
    CHECK_EQ(wire_status_from_errno(0), WIRE_OK);
    CHECK_EQ(wire_status_from_errno(-EINVAL), WIRE_INVALID_ARGUMENT);
    CHECK_EQ(wire_status_from_errno(-ENOENT), WIRE_NOT_FOUND);
    CHECK_EQ(wire_status_from_errno(-EEXIST), WIRE_ALREADY_EXISTS);
    CHECK_EQ(wire_status_from_errno(-ENOSPC), WIRE_RESOURCE_EXHAUSTED);
    CHECK_EQ(wire_status_from_errno(-ETIMEDOUT), WIRE_DEADLINE_EXCEEDED);
    CHECK_EQ(wire_status_from_errno(-ECANCELED), WIRE_CANCELLED);
    CHECK_EQ(wire_status_from_errno(-ESHUTDOWN), WIRE_UNAVAILABLE);
    CHECK_EQ(wire_status_from_errno(-EIO), WIRE_INTERNAL);
}

TEST(status_of_http_and_resets_follow_the_tables)
{
    CHECK_EQ(wire_status_from_http(400), WIRE_INTERNAL);
    CHECK_EQ(wire_status_from_http(401), WIRE_UNAUTHENTICATED);
    CHECK_EQ(wire_status_from_http(403), WIRE_PERMISSION_DENIED);
    CHECK_EQ(wire_status_from_http(404), WIRE_UNIMPLEMENTED);
    CHECK_EQ(wire_status_from_http(429), WIRE_UNAVAILABLE);
    CHECK_EQ(wire_status_from_http(503), WIRE_UNAVAILABLE);
    CHECK_EQ(wire_status_from_http(500), WIRE_UNKNOWN);
    CHECK_EQ(wire_status_from_reset(0x7), WIRE_UNAVAILABLE);
    CHECK_EQ(wire_status_from_reset(0x8), WIRE_CANCELLED);
    CHECK_EQ(wire_status_from_reset(0xb), WIRE_RESOURCE_EXHAUSTED);
    CHECK_EQ(wire_status_from_reset(0xc), WIRE_PERMISSION_DENIED);
    CHECK_EQ(wire_status_from_reset(0x2), WIRE_INTERNAL);
}
