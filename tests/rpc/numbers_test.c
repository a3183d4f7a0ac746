/* SPDX-License-Identifier: MIT */
/* numbers_test.c - which numbers of streams may come. */
#include "rpc/numbers.h"
#include "tests/test.h"

TEST(numbers_that_grow_are_taken_and_come_again_for_trailers)
{
    struct rpc_numbers numbers = {0};
    for (int32_t id = 1; id < 1000; id += 2) {
        CHECK(rpc_numbers_take(&numbers, id));
    }
    for (int32_t id = 1; id < 1000; id += 2) {
        CHECK(rpc_numbers_take(&numbers, id));
    }
}

TEST(numbers_that_were_passed_over_are_not_taken)
{
    struct rpc_numbers numbers = {0};
    CHECK(rpc_numbers_take(&numbers, 5));
    CHECK(rpc_numbers_take(&numbers, 7));
    CHECK(rpc_numbers_take(&numbers, 13));
    for (int32_t id = 1; id <= 13; id += 2) {
        CHECK_EQ(rpc_numbers_take(&numbers, id), id == 5 || id == 7 || id == 13);
    }
    CHECK(rpc_numbers_take(&numbers, INT32_MAX));
    CHECK(!rpc_numbers_take(&numbers, INT32_MAX - 2));
    CHECK(!rpc_numbers_take(&numbers, 15));
}

TEST(numbers_that_are_no_clients_are_left_to_others)
{
    struct rpc_numbers numbers = {0};
    CHECK(rpc_numbers_take(&numbers, 4));
    CHECK(rpc_numbers_take(&numbers, 0));
    CHECK_EQ(numbers.last, 0);
}

TEST(numbers_of_many_gaps_are_remembered_for_the_last_ones)
{
    struct rpc_numbers numbers = {0};
    const int32_t gaps = 3 * RPC_NUMBERS_GAPS;
    for (int32_t i = 1; i <= gaps; i++) {
        CHECK(rpc_numbers_take(&numbers, 4 * i - 1)); /* 3, 7, 11: 1, 5, 9 were passed over */
    }
    for (int32_t i = 1; i <= gaps; i++) {
        CHECK_EQ(rpc_numbers_take(&numbers, 4 * i - 3), i <= gaps - RPC_NUMBERS_GAPS);
    }
}
