/* SPDX-License-Identifier: MIT */
/* gzip_test.c - messages there and back, and bombs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/gzip.h"
#include "tests/test.h"

static void check_round(const uint8_t *data, size_t size)
{
    uint8_t *packed;
    uint8_t *back;
    size_t packed_size;
    size_t back_size;
    CHECK_EQ(wire_gzip(data, size, &packed, &packed_size), 0);
    CHECK_EQ(wire_gunzip(packed, packed_size, size, &back, &back_size), 0);
    CHECK_EQ(back_size, size);
    CHECK(size == 0 || memcmp(back, data, size) == 0);
    free(back);
    if (size > 0) {
        CHECK_EQ(wire_gunzip(packed, packed_size, size - 1, &back, &back_size), -EMSGSIZE);
    }
    for (size_t cut = 0; cut < packed_size && cut < 64; cut++) {
        CHECK_EQ(wire_gunzip(packed, packed_size - 1 - cut, size, &back, &back_size), -EPROTO);
    }
    free(packed);
}

TEST(messages_come_back_whole_and_only_whole)
{
    uint64_t seed = test_seed();
    for (size_t size = 0; size < 200000; size = size * 3 + 1) {
        uint8_t *data = malloc(size + 1);
        CHECK(data != NULL);
        for (size_t i = 0; i < size; i++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            data[i] = (uint8_t)(seed >> 62);
        }
        check_round(data, size);
        free(data);
    }
}

TEST(bomb_is_not_unfolded)
{
    static uint8_t zeros[16 << 20];
    uint8_t *packed;
    uint8_t *back;
    size_t packed_size;
    size_t back_size;
    CHECK_EQ(wire_gzip(zeros, sizeof zeros, &packed, &packed_size), 0);
    CHECK_INT(packed_size, <, 100000);
    CHECK_EQ(wire_gunzip(packed, packed_size, 1 << 20, &back, &back_size), -EMSGSIZE);
    free(packed);
}

TEST(what_is_not_gzip_is_refused)
{
    uint8_t *back;
    size_t size;
    CHECK_EQ(wire_gunzip((const uint8_t *)"", 0, 100, &back, &size), -EPROTO);
    CHECK_EQ(wire_gunzip((const uint8_t *)"plain text", 10, 100, &back, &size), -EPROTO);
    CHECK_EQ(wire_gunzip((const uint8_t *)"\x78\x9c\3\0\0\0\0\1", 8, 100, &back, &size), -EPROTO);
}

TEST(more_behind_the_end_is_refused)
{
    uint8_t *packed;
    uint8_t *back;
    size_t packed_size;
    size_t size;
    CHECK_EQ(wire_gzip((const uint8_t *)"a", 1, &packed, &packed_size), 0);
    packed = realloc(packed, packed_size + 1);
    CHECK(packed != NULL);
    packed[packed_size] = 0;
    CHECK_EQ(wire_gunzip(packed, packed_size + 1, 100, &back, &size), -EPROTO);
    free(packed);
}
