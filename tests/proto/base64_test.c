/* SPDX-License-Identifier: MIT */
/* base64_test.c - binary metadata. */
#include "proto/base64.h"
#include "tests/test.h"

TEST(base64_decode_takes_padded_and_bare)
{
    static const struct {
        const char *text;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"", ""},        {"YQ==", "a"},      {"YQ", "a"},           {"YWI=", "ab"}, {"YWI", "ab"},
        {"YWJj", "abc"}, {"YWJjZA", "abcd"}, {"Pz8/Pg", "\?\?\?>"}, {"Y", NULL},    {"YQ=", NULL},
        {"YQ===", NULL}, {"=", NULL},        {"====", NULL},        {"YR", NULL},   {"YWJ", NULL},
        {"YW J", NULL},  {"YW-_", NULL},     {"YQ==YQ==", NULL},    {"Y=Q=", NULL}, {"YWJj=", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t out[32];
        size_t size = 0;
        bool valid = wire_base64_decode(cases[i].text, strlen(cases[i].text), out, &size);
        CHECK_EQ(valid, cases[i].expected != NULL);
        CHECK_EQ(wire_base64_decode(cases[i].text, strlen(cases[i].text), NULL, NULL), valid);
        if (valid) {
            CHECK_EQ(size, strlen(cases[i].expected));
            CHECK_EQ(memcmp(out, cases[i].expected, size), 0);
        }
    }
}
