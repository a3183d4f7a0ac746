/* SPDX-License-Identifier: MIT */
/* timeout_test.c - the grpc-timeout header. */
#include "proto/timeout.h"
#include "tests/test.h"

TEST(timeout_parse_takes_digits_and_a_unit)
{
    static const struct {
        const char *text;
        int64_t ns; /* -1: malformed */
    } cases[] = {
        {"0n", 0},
        {"1n", 1},
        {"7u", 7000},
        {"100m", 100000000},
        {"2S", 2000000000},
        {"3M", 180000000000},
        {"1H", 3600000000000},
        {"00000001n", 1},
        {"99999999S", 99999999000000000},
        {"99999999M", 5999999940000000000},
        {"99999999H", INT64_MAX},
        {"", -1},
        {"5", -1},
        {"S", -1},
        {"123456789n", -1},
        {"-1S", -1},
        {"+1S", -1},
        {" 1S", -1},
        {"1 S", -1},
        {"1s", -1},
        {"1h", -1},
        {"1Sx", -1},
        {"1.5S", -1},
        {"0x1S", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns = -1;
        bool valid = wire_timeout_parse(cases[i].text, strlen(cases[i].text), &ns);
        CHECK_EQ(valid, cases[i].ns >= 0);
        CHECK_EQ(ns, cases[i].ns);
    }
}

static void check_format(int64_t ns, const char *expected)
{
    char text[WIRE_TIMEOUT_BYTES];
    CHECK_EQ(wire_timeout_format(ns, text), strlen(expected));
    CHECK_STR(text, expected);
}

TEST(timeout_format_takes_the_finest_unit_that_fits)
{
    check_format(-5, "0n");
    check_format(0, "0n");
    check_format(1, "1n");
    check_format(99999998, "99999998n");
    check_format(99999999, "100000u");
    check_format(100000001, "100001u");
    check_format(1000000000, "1000000u");
    check_format(INT64_MAX, "2562048H");
}

TEST(timeout_format_never_shortens_what_it_formats)
{
    uint64_t random = test_seed();
    for (int i = 0; i < 10000; i++) {
        char text[WIRE_TIMEOUT_BYTES];
        random = random * 6364136223846793005U + 1442695040888963407U;
        int64_t ns = (int64_t)(random >> (1 + random % 60));
        int64_t parsed;
        size_t size = wire_timeout_format(ns, text);
        CHECK(wire_timeout_parse(text, size, &parsed));
        CHECK_INT(parsed, >=, ns);
        CHECK_INT(parsed - ns, <=, ns / 1600);
    }
}
